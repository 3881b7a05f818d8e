//! How a child is started, and told to end: through the supervisor where there is one (Linux).

use std::collections::BTreeMap;
use std::io::Result;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// What the child reads from its standard input. Never ours: a child that shares a terminal's input
/// steals it, and one with a pipe that nobody closes may wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    Nothing,
    Pipe,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub directory: PathBuf,
    /// The whole environment of the child.
    pub environment: BTreeMap<String, String>,
    pub stdin: Stdin,
}

impl Launch {
    pub(super) fn spawn(&self) -> Result<Child> {
        let mut command = self.command()?;
        command
            .env_clear()
            .envs(&self.environment)
            // `opencode run` (1.18.33) believes this variable more than the directory it is started in.
            .env("PWD", &self.directory)
            .current_dir(&self.directory)
            .stdin(if self.stdin == Stdin::Pipe { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn()
    }

    /// The supervisor is no file: it is written into memory and started from there, so there is nothing
    /// to install, to find, or to tamper with.
    #[cfg(target_os = "linux")]
    fn command(&self) -> Result<Command> {
        use std::os::fd::AsRawFd;

        let supervisor = supervisor()?;
        let mut command = Command::new(format!("/proc/self/fd/{}", supervisor.as_raw_fd()));
        command
            .arg0("opencode-stream-supervisor")
            .arg(if self.stdin == Stdin::Pipe { "inherit" } else { "null" })
            .arg(super::GRACE.as_millis().to_string())
            // No file to remove at the end.
            .arg("-")
            .arg(&self.program)
            .args(&self.arguments);
        Ok(command)
    }

    /// Elsewhere the child leads a process group, which is ended as one; what left the group, and what
    /// runs when this process is killed, is not reached.
    #[cfg(not(target_os = "linux"))]
    fn command(&self) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        Ok(command)
    }
}

/// The supervisor's program in memory, made once. Its descriptor is closed in the child by `exec`.
#[cfg(target_os = "linux")]
fn supervisor() -> Result<std::os::fd::BorrowedFd<'static>> {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::sync::{Mutex, OnceLock, PoisonError};

    use rustix::fs::{MemfdFlags, memfd_create};

    const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/supervisor"));
    static MADE: OnceLock<File> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());

    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = MADE.get() {
        return Ok(file.as_fd());
    }
    let mut file = File::from(memfd_create("opencode-stream-supervisor", MemfdFlags::CLOEXEC)?);
    file.write_all(PROGRAM)?;
    Ok(MADE.get_or_init(|| file).as_fd())
}

/// Tells the child to end: the supervisor, or the child's group.
pub(super) fn end(pid: u32) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have gone meanwhile.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        #[cfg(not(target_os = "linux"))]
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::TERM);
    }
    #[cfg(not(unix))]
    let _ = pid;
}
