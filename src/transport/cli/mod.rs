//! OpenCode's command line as a turn may start it: `opencode acp`, `opencode run`, and the commands that
//! tell what there is.

mod lines;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::child::{Child, Hear, Launch, Stdin};
use super::config::configure;
use super::executable::{self, Identity};
use super::first_start::{TRIES, Turn, is_database_busy, pause};
use super::http::Server;
use super::loopback::{USERNAME, free_port, password};
use crate::error::{Code, Failure};
use crate::network::go_past_proxies;
use crate::protocol::release::Generation;
use crate::protocol::run::{Complaints, Exit, Flags};
use crate::request::{Credentials, LaunchRequest, TargetRequest};

pub use lines::Lines;

/// How long a first start waits for another.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many rejected permissions may wait to be told of.
const COMPLAINTS: usize = 1000;
/// How long a child that was told to end is waited for.
const FAREWELL: Duration = Duration::from_millis(2500);

/// An executable, and what it is started with.
pub struct Program {
    executable: PathBuf,
    environment: BTreeMap<String, String>,
    config: Option<serde_json::Value>,
    directory: String,
    record_limit: usize,
    /// How long a command that only tells something may take.
    within: Duration,
}

/// What a command that only tells something has told.
struct Said {
    succeeded: bool,
    stdout: String,
    stderr: String,
}

impl Program {
    /// # Errors
    /// When there is no executable.
    pub fn find(
        launch: &LaunchRequest,
        directory: &str,
        record_limit: usize,
        within: Duration,
    ) -> Result<Self, Failure> {
        Ok(Self {
            executable: executable::find(launch, directory)?,
            environment: launch.environment.clone(),
            config: launch.config.clone(),
            directory: directory.to_owned(),
            record_limit,
            within,
        })
    }

    /// Waits for its turn to start, where nothing has run in the data folder yet.
    /// Another one that does not get ready holds up nobody for ever: `None`.
    pub async fn first_start(&self) -> Option<Turn> {
        timeout(PATIENCE, Turn::take(&self.executable, &self.environment)).await.ok()
    }

    fn start(
        &self,
        words: Vec<String>,
        environment: &[(&str, &str)],
        hear: Option<Hear>,
    ) -> Result<Started, Failure> {
        let mut whole = self.environment.clone();
        whole.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        // To clients it knows to have a screen, OpenCode offers a tool that asks questions; nobody is there.
        whole.insert("OPENCODE_CLIENT".into(), "opencode-stream".into());
        go_past_proxies(&mut whole);
        configure(&mut whole, self.config.as_ref())?;
        let launch = Launch {
            program: self.executable.clone(),
            arguments: words,
            directory: PathBuf::from(&self.directory),
            environment: whole,
            stdin: Stdin::Pipe,
        };
        let mut child = Child::start_heard(&launch, hear).map_err(|error| self.cannot_start(&error))?;
        let lines = Lines::new(child.stdout.take(), self.record_limit);
        let stdin = child.stdin.take();
        Ok(Started { child, lines, stdin })
    }

    fn cannot_start(&self, error: &std::io::Error) -> Failure {
        Failure::new(Code::CliExit, format!("{} cannot be started", self.executable.display()))
            .cause(error.to_string())
            .hint("check that it runs: `opencode --version`, and that `directory` exists")
    }

    /// What a command prints: standard output, and whether it succeeded; else standard error.
    ///
    /// # Errors
    /// When it cannot be started, or does not end.
    pub async fn output(&self, words: &[&str]) -> Result<Result<String, String>, Failure> {
        let mut said = self.said(words).await?;
        for tried in 1..TRIES {
            if said.succeeded || !is_database_busy(&said.stderr) {
                break;
            }
            sleep(pause(tried)).await;
            said = self.said(words).await?;
        }
        let Said { succeeded, stdout, stderr } = said;
        let told = if stdout.is_empty() { &stderr } else { &stdout };
        Ok(if succeeded { Ok(told.clone()) } else { Err(stderr) })
    }

    async fn said(&self, words: &[&str]) -> Result<Said, Failure> {
        let Started { child, mut lines, stdin } =
            self.start(words.iter().map(|word| (*word).to_owned()).collect(), &[], None)?;
        drop(stdin);
        let mut whole = Vec::new();
        let run = async {
            while let Some(line) = lines.next().await? {
                if whole.len() + line.len() > self.record_limit {
                    return Err(Failure::new(Code::Limit, "OpenCode's answer is longer than limits.record")
                        .hint("raise limits.record"));
                }
                whole.extend_from_slice(&line);
                whole.push(b'\n');
            }
            Ok(child.exited().await)
        };
        let status = timeout(self.within, run).await.unwrap_or_else(|_| {
            let ms = self.within.as_millis();
            Err(Failure::new(
                Code::Timeout,
                format!("`opencode {}` did not end within {ms} ms", words.join(" ")),
            )
            .data(serde_json::json!({ "phase": "serverStart" }))
            .hint("try it by hand; raise timeouts.serverStart if it is only slow"))
        })?;
        Ok(Said {
            succeeded: status.is_some_and(|status| status.success()),
            stdout: String::from_utf8_lossy(&whole).into_owned(),
            stderr: child.stderr(),
        })
    }

    /// The flags of `opencode run`, asked once for each executable.
    ///
    /// # Errors
    /// When the executable does not tell.
    pub async fn flags(&self) -> Result<Flags, Failure> {
        static KNOWN: OnceLock<Mutex<HashMap<Identity, Flags>>> = OnceLock::new();
        let known = || KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        let identity = self.identity();
        if let Some(flags) = known().get(&identity) {
            return Ok(flags.clone());
        }
        let Said { stdout, stderr, .. } = self.said(&["run", "--help"]).await?;
        // Some releases print their help to standard error, and anything may stand on the other.
        let flags = Flags::new(&format!("{stdout}\n{stderr}"));
        if !flags.is_help() {
            let mut failure = Failure::new(
                Code::CliExit,
                format!("{} has no `run --format json`", self.executable.display()),
            )
            .hint("is it OpenCode? try `opencode run --help`");
            failure.stderr = Some(stderr);
            return Err(failure);
        }
        executable::learn_generation(&self.executable, flags.generation());
        known().insert(identity, flags.clone());
        Ok(flags)
    }

    /// Which OpenCode it is likely to be, as far as nothing has to be started to know.
    pub fn generation(&self) -> Generation {
        executable::generation_of(&self.executable)
    }

    /// Which file the executable is now.
    pub fn identity(&self) -> Identity {
        executable::identity(&self.executable)
    }

    /// Starts `opencode run` with the prompt on its standard input, which is closed at once: an open one is
    /// waited for, for ever.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(
        &self,
        words: Vec<String>,
        prompt: String,
        generation: Generation,
    ) -> Result<RunChild, Failure> {
        // A password in our own environment is for a server, and `run` would ask itself for it.
        let (tell, complaints) = mpsc::channel(COMPLAINTS);
        let mut heard = Complaints::default();
        let hear = move |bytes: &[u8]| {
            heard.feed(bytes);
            while let Some(asked) = heard.take() {
                let _ = tell.try_send(asked);
            }
        };
        let mut environment = vec![("OPENCODE_SERVER_PASSWORD", "")];
        if generation == Generation::V2 {
            environment.push(("OPENCODE_PASSWORD", ""));
            // It works in the directory that this names, and not in its own.
            environment.push(("PWD", self.directory.as_str()));
        }
        let Started { child, lines, stdin } = self.start(words, &environment, Some(Box::new(hear)))?;
        if let Some(mut stdin) = stdin {
            tokio::spawn(async move {
                // A child that ends before it has read all of it says so by its end.
                let _ = stdin.write_all(prompt.as_bytes()).await;
            });
        }
        Ok(RunChild { child, lines, complaints })
    }

    /// Starts `opencode acp`. It also listens on loopback, whether anybody wants it or not: on a port of our
    /// choice, and, if `secured`, behind a password of ours, which releases before 1.14 cannot work with.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn acp(&self, secured: bool, target: &TargetRequest) -> Result<AcpChild, Failure> {
        let port = free_port().map_err(|error| self.cannot_start(&error))?;
        let secret = if secured { password()? } else { String::new() };
        let words = ["acp", "--port", &port.to_string(), "--hostname", "127.0.0.1"].map(str::to_owned).into();
        let environment =
            [("OPENCODE_SERVER_USERNAME", USERNAME), ("OPENCODE_SERVER_PASSWORD", secret.as_str())];
        let Started { child, lines, stdin } = self.start(words, &environment, None)?;
        let credentials = secured.then(|| Credentials { username: USERNAME.into(), password: secret });
        let target = TargetRequest {
            credentials,
            headers: BTreeMap::new(),
            directory: Some(self.directory.clone()),
            ..target.clone()
        };
        let server = Server::new(&format!("http://127.0.0.1:{port}"), &target, self.record_limit)?;
        let (input, lines_in) = mpsc::unbounded_channel();
        if let Some(stdin) = stdin {
            tokio::spawn(write_lines(stdin, lines_in));
        }
        Ok(AcpChild { child, lines, input: Some(input), server })
    }
}

struct Started {
    child: Child,
    lines: Lines,
    stdin: Option<ChildStdin>,
}

/// Beside the reading: a child that does not read must not keep us from reading it.
async fn write_lines(mut stdin: ChildStdin, mut lines: mpsc::UnboundedReceiver<String>) {
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        // Its end says more than a broken pipe.
        if stdin.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A running `opencode run`.
pub struct RunChild {
    pub child: Child,
    pub lines: Lines,
    /// The permissions it rejected by itself.
    pub complaints: mpsc::Receiver<String>,
}

/// A running `opencode acp`.
pub struct AcpChild {
    pub child: Child,
    pub lines: Lines,
    /// Lines for its standard input; `None` once that is closed.
    input: Option<mpsc::UnboundedSender<String>>,
    /// The HTTP side of the same process.
    pub server: Server,
}

impl AcpChild {
    pub fn send(&self, line: String) {
        if let Some(input) = &self.input {
            let _ = input.send(line);
        }
    }

    /// Lets it end by itself, and ends it if it does not.
    pub async fn end(mut self, within: Duration) {
        self.input = None;
        let _ = timeout(within, self.child.exited()).await;
        end(&mut self.child).await;
    }
}

/// Ends a child with all it started, and waits until it is gone.
pub async fn end(child: &mut Child) {
    child.end();
    let _ = timeout(FAREWELL, child.exited()).await;
}

pub fn exit_of(status: Option<ExitStatus>) -> Exit {
    // The supervisor, which stands in between, exits with 128 and the signal.
    match status.and_then(|status| status.code()) {
        Some(code) if code <= 128 => Exit::Code(code),
        _ => Exit::Signal,
    }
}
