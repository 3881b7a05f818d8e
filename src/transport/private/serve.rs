//! Starting the server: ready at its own word and not before, and proven to refuse strangers.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::time::{sleep, timeout};

use crate::error::{Accepted, Code, Failure};
use crate::network::go_past_proxies;
use crate::protocol::api::v2::started;
use crate::protocol::release::Generation;
use crate::request::{Credentials, LaunchRequest};
use crate::transport::child::{Child, Launch, Stdin};
use crate::transport::config::configure;
use crate::transport::executable::{generation_of, learn_generation};
use crate::transport::first_start::{Turn, may_pass, pause};
use crate::transport::loopback::{USERNAME, free_port, password};
use crate::transport::probe;

/// How long the end of a process may take to be seen.
const LAST_BREATH: Duration = Duration::from_secs(1);
/// No line of use to us is longer.
const LINE: u64 = 64 * 1024;

/// A server of ours that listens.
pub struct Running {
    pub url: String,
    pub credentials: Credentials,
    child: Child,
}

impl Running {
    pub fn has_exited(&self) -> bool {
        self.child.has_exited()
    }

    /// Whether it is gone, or will be in a moment.
    pub async fn dies(&self) -> bool {
        timeout(LAST_BREATH, self.child.exited()).await.is_ok()
    }

    /// Resolves when the server is gone.
    pub async fn exited(&self) -> Failure {
        self.child.exited().await;
        self.died()
    }

    /// The failure of a server that is gone.
    pub fn died(&self) -> Failure {
        let status = self.child.status();
        ended(&self.child, status, "our OpenCode server ended while it was needed")
            .redact(std::slice::from_ref(&self.credentials.password))
    }

    /// Ends it and all it started.
    pub async fn end(mut self) {
        self.child.end();
        self.child.exited().await;
    }
}

/// Starts it, and again where it failed for something that passes: a port or a database that another process
/// took first. Takes as long as it takes: whoever waits has a deadline.
///
/// # Errors
/// When it does not come to listen, or lets strangers in.
pub async fn start(executable: &Path, launch: &LaunchRequest, directory: &str) -> Result<Running, Failure> {
    let mut tries = 0;
    let mut generation = generation_of(executable);
    loop {
        let turn = Turn::take(executable, &launch.environment).await;
        let failure = match start_once(executable, launch, directory, generation).await {
            Ok(running) => {
                learn_generation(executable, generation);
                turn.succeeded();
                return Ok(running);
            }
            Err(NotStarted::Second) => {
                generation = Generation::V2;
                continue;
            }
            Err(NotStarted::Failed(failure)) => *failure,
        };
        drop(turn);
        tries += 1;
        let stderr = failure.stderr.as_deref().unwrap_or_default();
        if !may_pass(stderr, tries) {
            return Err(failure);
        }
        sleep(pause(tries)).await;
    }
}

/// Why a server does not run.
enum NotStarted {
    Failed(Box<Failure>),
    /// It was started as one of generation 1, and is one of generation 2.
    Second,
}

impl From<Failure> for NotStarted {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

async fn start_once(
    executable: &Path,
    launch: &LaunchRequest,
    directory: &str,
    generation: Generation,
) -> Result<Running, NotStarted> {
    let password = password()?;
    let mut environment = launch.environment.clone();
    environment.insert("OPENCODE_SERVER_USERNAME".into(), USERNAME.into());
    environment.insert("OPENCODE_SERVER_PASSWORD".into(), password.clone());
    environment.insert(started::PASSWORD.into(), password.clone());
    go_past_proxies(&mut environment);
    configure(&mut environment, launch.config.as_ref())?;
    // Not `--port 0`: OpenCode then takes 4096 if it is free, where others look for an open server.
    let port = free_port().map_err(|error| cannot_start(executable, &error))?;
    let launched = Launch {
        program: executable.to_owned(),
        arguments: match generation {
            Generation::V1 => {
                ["serve", "--hostname", "127.0.0.1", "--port", &port.to_string()].map(str::to_owned).into()
            }
            Generation::V2 => started::ARGUMENTS.map(str::to_owned).into(),
        },
        directory: directory.into(),
        environment,
        stdin: match generation {
            Generation::V1 => Stdin::Nothing,
            // It ends when its input does, and so with us.
            Generation::V2 => Stdin::Pipe,
        },
    };
    let mut child = Child::start(&launched).map_err(|error| cannot_start(executable, &error))?;
    // Where it listens is ours to say, whatever it prints: password and prompts go there.
    let url = format!("http://127.0.0.1:{port}");
    let admitted = admit(&mut child, url, generation).await;
    match admitted {
        Ok(url) => {
            let credentials = Credentials { username: USERNAME.into(), password };
            Ok(Running { url, credentials, child })
        }
        Err(not_started) => {
            child.end();
            let _ = timeout(super::FAREWELL, child.exited()).await;
            Err(match not_started {
                NotStarted::Failed(failure) => failure.redact(&[password]).into(),
                NotStarted::Second => NotStarted::Second,
            })
        }
    }
}

/// Waits until it listens, and sees whether it keeps strangers out. Returns where it listens: at `url`, unless it
/// chose for itself.
async fn admit(child: &mut Child, url: String, generation: Generation) -> Result<String, NotStarted> {
    let url = listening(child, generation).await?.unwrap_or(url);
    if !probe::refuses_strangers(&url, generation).await? {
        return Err(Failure::new(
            Code::UnsupportedVersion,
            "this release of OpenCode ignores its password, so a server of it would be open to everybody here",
        )
        .accepted(Accepted::No)
        .hint("update OpenCode to 1.1.16 or later, or start a server yourself and name it with `baseUrl`")
        .into());
    }
    Ok(url)
}

/// Waits for the line that says that it listens. The port is bound earlier, but requests that come before the
/// line are never answered. One of generation 2 says where.
async fn listening(child: &mut Child, generation: Generation) -> Result<Option<String>, NotStarted> {
    const WORDS: &str = "opencode server listening on ";
    const SECOND: &str = "server listening on ";
    let Some(stdout) = child.stdout.take() else { return Err(never_listened(child).await.into()) };
    let mut lines = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let read = (&mut lines).take(LINE).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) {
            return Err(never_listened(child).await.into());
        }
        let line = String::from_utf8_lossy(&line);
        let url = match generation {
            Generation::V1 if line.contains(WORDS) => Some(None),
            Generation::V1 if line.starts_with(SECOND) => return Err(NotStarted::Second),
            Generation::V1 => None,
            Generation::V2 => started::url_of(&line)?.map(Some),
        };
        if let Some(url) = url {
            // As long as we read, it may write, and knows that we are here.
            tokio::spawn(drain(lines));
            return Ok(url);
        }
    }
}

async fn drain(mut pipe: impl AsyncRead + Unpin) {
    let mut buffer = [0; 4096];
    while matches!(pipe.read(&mut buffer).await, Ok(1..)) {}
}

async fn never_listened(child: &Child) -> Failure {
    let status = timeout(LAST_BREATH, child.exited()).await.ok().flatten();
    ended(child, status, "the OpenCode server ended before it listened")
}

fn ended(child: &Child, status: Option<std::process::ExitStatus>, what: &str) -> Failure {
    let stderr = child.stderr();
    let code = status.and_then(|status| status.code());
    let why = code.map_or_else(String::new, |code| format!(" (exit code {code})"));
    let mut failure = Failure::new(Code::ServerStart, format!("{what}{why}"))
        .hint("the end of what it wrote to standard error is in error.stderr");
    failure.exit_code = code;
    failure.stderr = Some(stderr);
    failure
}

pub fn not_in_time(within: Duration) -> Failure {
    let ms = within.as_millis();
    Failure::new(Code::Timeout, format!("the OpenCode server did not start listening within {ms} ms"))
        .data(serde_json::json!({ "phase": "serverStart" }))
        .hint("a first start prepares a database and may take long: raise timeouts.serverStart")
}

fn cannot_start(executable: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::ServerStart, format!("{} cannot be started", executable.display()))
        .cause(error.to_string())
        .hint("check that it runs: `opencode --version`")
}
