//! Child processes: started with the environment they are given and nothing else of ours, their pipes
//! always drained and bounded, ended together with everything they started.

#[cfg(guarded)]
#[path = "guarded.rs"]
mod keeper;
#[cfg(supervised)]
#[path = "supervised.rs"]
mod keeper;
#[cfg(windows)]
#[path = "job.rs"]
mod keeper;
mod launch;

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::watch;

use keeper::Keeper;
pub use launch::{Launch, Stdin};

/// How much of standard error is kept, in bytes.
const STDERR_TAIL: usize = 64 * 1024;
/// How long a child that is told to end has before it is made to. Windows does not tell, it ends.
#[cfg(unix)]
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

/// What listens to standard error beside us.
pub type Hear = Box<dyn FnMut(&[u8]) + Send>;

/// A running child. Dropping it ends the child and all it started; so does the end of this process,
/// whichever way it comes.
pub struct Child {
    keeper: Arc<Keeper>,
    pub stdin: Option<ChildStdin>,
    /// Must be read to the end or dropped: the child's end hangs on it.
    pub stdout: Option<ChildStdout>,
    stderr: Arc<Mutex<VecDeque<u8>>>,
    /// Standard error came to its end.
    stderr_ended: watch::Receiver<bool>,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Child {
    /// # Errors
    /// When the system cannot start the program.
    pub fn start(launch: &Launch) -> std::io::Result<Self> {
        Self::start_heard(launch, None)
    }

    /// As [`Self::start`]; `hear` gets what comes on standard error, as it comes.
    ///
    /// # Errors
    /// When the system cannot start the program.
    pub fn start_heard(launch: &Launch, hear: Option<Hear>) -> std::io::Result<Self> {
        let (mut child, keeper) = Keeper::spawn(launch)?;
        let keeper = Arc::new(keeper);
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let (tell_exit, exit) = watch::channel(None);
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (tell_end, stderr_ended) = watch::channel(false);
        if let Some(pipe) = child.stderr.take() {
            let tail = stderr.clone();
            tokio::spawn(async move {
                keep_tail(pipe, tail, hear).await;
                tell_end.send_replace(true);
            });
        }
        // Waiting is a task of its own, so that a child is reaped even if nobody asks for it any more.
        let waiting = keeper.clone();
        tokio::spawn(async move {
            let status = child.wait().await;
            waiting.finish().await;
            tell_exit.send_replace(Some(status.unwrap_or_default()));
        });
        Ok(Self { keeper, stdin, stdout, stderr, stderr_ended, exit })
    }

    /// The end of what it wrote to standard error.
    pub fn stderr(&self) -> String {
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail.iter().copied().collect::<Vec<u8>>()).into_owned()
    }

    /// Resolves when all of standard error was read, which what it left behind may keep open.
    pub async fn stderr_ended(&self) {
        let _ = self.stderr_ended.clone().wait_for(|ended| *ended).await;
    }

    /// Resolves when it is gone, and all it started.
    pub async fn exited(&self) -> Option<ExitStatus> {
        let mut exit = self.exit.clone();
        exit.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    pub fn has_exited(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Tells it to end. [`Self::exited`] says when it has.
    pub fn end(&mut self) {
        self.stdin = None;
        self.stdout = None;
        if !self.has_exited() {
            self.keeper.end();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads a pipe to its end, so that it never fills, and keeps the last of it.
async fn keep_tail(mut pipe: impl AsyncRead + Unpin, tail: Arc<Mutex<VecDeque<u8>>>, mut hear: Option<Hear>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        if let Some(hear) = &mut hear {
            hear(&buffer[..count]);
        }
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(&buffer[..count]);
        let excess = tail.len().saturating_sub(STDERR_TAIL);
        tail.drain(..excess);
    }
}
