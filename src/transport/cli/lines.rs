//! The lines of a child's standard output, as they grow.

use std::collections::VecDeque;

use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;

use crate::error::{Code, Failure};
use crate::framing::lines::LineFramer;

/// How much is read at once, in bytes.
const READ: usize = 64 * 1024;

/// Must be read to the end or dropped: the child's end hangs on it.
pub struct Lines {
    stdout: Option<ChildStdout>,
    framer: LineFramer,
    buffer: Vec<u8>,
    ready: VecDeque<Vec<u8>>,
}

impl Lines {
    /// `limit`: the most bytes one line may have.
    pub fn new(stdout: Option<ChildStdout>, limit: usize) -> Self {
        Self {
            stdout,
            framer: LineFramer::new(limit),
            buffer: Vec::with_capacity(READ),
            ready: VecDeque::new(),
        }
    }

    /// The next line; `None` at the end. Can be dropped while it waits, and called again.
    ///
    /// # Errors
    /// When a line is too long.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            let Some(stdout) = &mut self.stdout else { return Ok(None) };
            self.buffer.clear();
            let read = stdout.read_buf(&mut self.buffer).await;
            let ready = &mut self.ready;
            let mut keep = |line: &[u8]| ready.push_back(line.to_vec());
            if matches!(read, Ok(1..)) {
                self.framer.feed(&self.buffer, &mut keep).map_err(|too_long| {
                    Failure::new(Code::Limit, too_long.to_string()).hint("raise limits.record")
                })?;
            } else {
                self.framer.finish(&mut keep);
                self.stdout = None;
            }
        }
    }
}
