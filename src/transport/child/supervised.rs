//! Linux: the supervisor stands between us and the child, and ends all that is below it (`supervisor/main.rs`).

use std::fs::File;
use std::io::{ErrorKind, Result, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::launch::{Launch, Stdin};

/// What ends the child.
pub struct Keeper {
    supervisor: Option<Pid>,
}

impl Keeper {
    /// # Errors
    /// When the system cannot start the supervisor.
    pub fn spawn(launch: &Launch) -> Result<(Child, Self)> {
        let child = launch.prepare(command(launch)?).spawn()?;
        let supervisor = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        Ok((child, Self { supervisor }))
    }

    pub fn end(&self) {
        if let Some(supervisor) = self.supervisor {
            // It may have gone meanwhile.
            let _ = kill_process(supervisor, Signal::TERM);
        }
    }

    /// The supervisor ends last.
    #[expect(clippy::unused_async, reason = "elsewhere there is something to wait for")]
    pub async fn finish(&self) {}
}

/// The supervisor is no file: it is written into memory and started from there, so there is nothing
/// to install, to find, or to tamper with.
fn command(launch: &Launch) -> Result<Command> {
    let supervisor = supervisor()?;
    let mut command = Command::new(format!("/proc/self/fd/{}", supervisor.as_raw_fd()));
    command
        .arg0("opencode-stream-supervisor")
        .arg(if launch.stdin == Stdin::Pipe { "inherit" } else { "null" })
        .arg(super::GRACE.as_millis().to_string())
        .arg(&launch.program)
        .args(&launch.arguments);
    Ok(command)
}

/// The supervisor's program, made once. Its descriptor is closed in the child by `exec`.
fn supervisor() -> Result<BorrowedFd<'static>> {
    static MADE: OnceLock<File> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());

    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = MADE.get() {
        return Ok(file.as_fd());
    }
    let file = in_memory().or_else(|error| {
        // `vm.memfd_noexec=2`: nothing is started from memory here.
        if error.kind() == ErrorKind::PermissionDenied { without_a_name() } else { Err(error) }
    })?;
    Ok(MADE.get_or_init(|| file).as_fd())
}

const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/supervisor"));

fn in_memory() -> Result<File> {
    let name = "opencode-stream-supervisor";
    // Without EXEC, `vm.memfd_noexec=1` makes a file that cannot be started. Linux before 6.3 does not know it.
    let made = match memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(name, MemfdFlags::CLOEXEC),
        made => made,
    };
    let mut file = File::from(made?);
    file.write_all(PROGRAM)?;
    Ok(file)
}

/// A file that has lost its name before anything is written to it, in a folder programs may be started from.
fn without_a_name() -> Result<File> {
    let folders = [std::env::temp_dir(), "/dev/shm".into(), "/var/tmp".into()];
    let mut last = ErrorKind::PermissionDenied.into();
    for folder in folders {
        match nameless_in(&folder) {
            Ok(file) => return Ok(file),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn nameless_in(folder: &std::path::Path) -> Result<File> {
    use rustix::fs::{Access, CWD, Mode, OFlags, access, openat};

    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let mut written = File::from(openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR | Mode::XUSR)?);
    written.write_all(PROGRAM)?;
    let place = format!("/proc/self/fd/{}", written.as_raw_fd());
    // Refused on a file system that is mounted `noexec`.
    access(&*place, Access::EXEC_OK)?;
    // What is open for writing cannot be started.
    File::open(place)
}
