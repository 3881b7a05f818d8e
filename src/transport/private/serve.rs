//! Starting the server: ready at its own word and not before, and proven to refuse strangers.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::time::timeout;

use crate::error::{Accepted, Code, Failure};
use crate::request::{Credentials, LaunchRequest};
use crate::transport::child::{Child, Launch, Stdin};
use crate::transport::config::configure;
use crate::transport::loopback::{USERNAME, free_port, password};
use crate::transport::probe;

/// A port that was free a moment ago may be taken now.
const PORT_TRIES: usize = 3;
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
        let status = self.child.exited().await;
        ended(&self.child, status, "our OpenCode server ended while it was needed")
    }

    /// Ends it and all it started.
    pub async fn end(mut self) {
        self.child.end();
        self.child.exited().await;
    }
}

/// # Errors
/// When it does not come to listen in time, or lets strangers in.
pub async fn start(
    executable: &Path,
    launch: &LaunchRequest,
    directory: &str,
    within: Duration,
) -> Result<Running, Failure> {
    let mut tries = 1;
    loop {
        let started = timeout(within, start_once(executable, launch, directory));
        match started.await.unwrap_or_else(|_| Err(not_in_time(within))) {
            Err(failure) if tries < PORT_TRIES && is_taken(&failure) => tries += 1,
            done => return done,
        }
    }
}

async fn start_once(executable: &Path, launch: &LaunchRequest, directory: &str) -> Result<Running, Failure> {
    let password = password()?;
    let mut environment = launch.environment.clone();
    environment.insert("OPENCODE_SERVER_USERNAME".into(), USERNAME.into());
    environment.insert("OPENCODE_SERVER_PASSWORD".into(), password.clone());
    configure(&mut environment, launch.config.as_ref())?;
    // Not `--port 0`: OpenCode then takes 4096 if it is free, where others look for an open server.
    let port = free_port().map_err(|error| cannot_start(executable, &error))?;
    let launched = Launch {
        program: executable.to_owned(),
        arguments: ["serve", "--hostname", "127.0.0.1", "--port", &port.to_string()]
            .map(str::to_owned)
            .into(),
        directory: directory.into(),
        environment,
        stdin: Stdin::Nothing,
    };
    let mut child = Child::start(&launched).map_err(|error| cannot_start(executable, &error))?;
    match admit(&mut child).await {
        Ok(url) => {
            let credentials = Credentials { username: USERNAME.into(), password };
            Ok(Running { url, credentials, child })
        }
        Err(failure) => {
            child.end();
            let _ = timeout(super::FAREWELL, child.exited()).await;
            Err(failure)
        }
    }
}

/// Waits until it listens, and sees whether it keeps strangers out.
async fn admit(child: &mut Child) -> Result<String, Failure> {
    let url = listening(child).await?;
    if !probe::refuses_strangers(&url).await? {
        return Err(Failure::new(
            Code::UnsupportedVersion,
            "this release of OpenCode ignores its password, so a server of it would be open to everybody here",
        )
        .accepted(Accepted::No)
        .hint("update OpenCode to 1.1.16 or later, or start a server yourself and name it with `baseUrl`"));
    }
    Ok(url)
}

/// Waits for the line that says where it listens. The port is bound earlier, but requests that come
/// before the line are never answered.
async fn listening(child: &mut Child) -> Result<String, Failure> {
    const WORDS: &str = "opencode server listening on ";
    let Some(stdout) = child.stdout.take() else { return Err(never_listened(child).await) };
    let mut lines = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let read = (&mut lines).take(LINE).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) {
            return Err(never_listened(child).await);
        }
        let line = String::from_utf8_lossy(&line);
        if let Some(at) = line.find(WORDS) {
            let url = line[at + WORDS.len()..].trim().to_owned();
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

fn is_taken(failure: &Failure) -> bool {
    let stderr = failure.stderr.as_deref().unwrap_or_default();
    stderr.contains("Failed to start server on port") || stderr.contains("EADDRINUSE")
}

fn not_in_time(within: Duration) -> Failure {
    let ms = within.as_millis();
    Failure::new(Code::Timeout, format!("the OpenCode server did not come to listen within {ms} ms"))
        .data(serde_json::json!({ "phase": "serverStart" }))
        .hint("a first start prepares a database and may take long: raise timeouts.serverStart")
}

fn cannot_start(executable: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::ServerStart, format!("{} cannot be started", executable.display()))
        .cause(error.to_string())
        .hint("check that it runs: `opencode --version`")
}
