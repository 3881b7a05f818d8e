//! What is started, and with what around it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

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
    /// Completes a command: what the child gets around it, and nothing else of ours.
    pub(super) fn prepare(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .envs(&self.environment)
            // `opencode run` (1.18.33) believes this variable more than the directory it is started in.
            .env("PWD", &self.directory)
            .current_dir(&self.directory)
            .stdin(if self.stdin == Stdin::Pipe { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}
