//! Unix systems without a supervisor (macOS): the child leads a process group, and a guard beside it, a script of the
//! shell (`guard.sh`), sees our death by the end of its input. It then ends the group, and what left it.

use std::fs::File;
use std::io::{Error, Result, Write};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use tokio::process::{Child, Command};

use super::launch::Launch;

const SCRIPT: &str = include_str!("guard.sh");
/// How `ps` is asked for environments.
const ENVIRONMENTS: &str = if cfg!(target_os = "linux") { "e" } else { "-E" };
/// What the child and all it starts carry in their environment.
const MARK: &str = "OPENCODE_STREAM_GUARD";

/// What ends the child.
pub struct Keeper {
    /// The guard acts when this is closed.
    input: Mutex<Option<File>>,
    guard: tokio::sync::Mutex<Child>,
}

impl Keeper {
    /// # Errors
    /// When the system cannot start the child, or the guard.
    pub fn spawn(launch: &Launch) -> Result<(Child, Self)> {
        let mut mark = [0; 16];
        getrandom::fill(&mut mark).map_err(|error| Error::other(error.to_string()))?;
        let mark = format!("{:032x}", u128::from_ne_bytes(mark));
        // The guard comes first: there is no moment in which our death would leave the child alone.
        let mut guard = guard()?;
        let input = guard.stdin.take().ok_or_else(|| Error::other("the guard has no input"))?;
        let mut input = File::from(input.into_owned_fd()?);
        writeln!(input, "{MARK}={mark}")?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).process_group(0);
        let mut command = launch.prepare(command);
        let child = command.env(MARK, &mark).spawn()?;
        // A guard that does not learn who it is has the mark.
        let _ = writeln!(input, "{}", child.id().unwrap_or_default());
        Ok((child, Self { input: Mutex::new(Some(input)), guard: guard.into() }))
    }

    pub fn end(&self) {
        *self.input.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns when nothing is left of what the child started.
    pub async fn finish(&self) {
        self.end();
        let _ = self.guard.lock().await.wait().await;
    }
}

fn guard() -> Result<Child> {
    let tenths = super::GRACE.as_millis() / 100;
    Command::new("/bin/sh")
        .args(["-c", SCRIPT, "opencode-stream-guard", ENVIRONMENTS, &tenths.to_string()])
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        // How a month is called must not differ from one look to the next.
        .env("LC_ALL", "C")
        .current_dir("/")
        // A terminal's Ctrl-C is Node's to handle.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
