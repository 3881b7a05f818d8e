//! What generation 2 says of a prompt and of the work on it: typed, whatever the wire calls it.

use super::fault::Fault;

/// A prompt on its way into the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxEvent {
    pub session_id: String,
    /// The id of the prompt, which its user message will have.
    pub prompt: String,
    pub step: InboxStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxStep {
    /// OpenCode has stored it.
    Enqueued,
    /// It is no prompt, but words that OpenCode puts in: a reminder of the agent's, before the prompt it was made for.
    Noted,
    /// It entered the conversation: its turn begins.
    Delivered,
    /// It was withdrawn and will never run.
    Cancelled,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExecutionEvent {
    Started,
    Succeeded,
    Failed(Fault),
    Interrupted(Interruption),
}

impl ExecutionEvent {
    /// The session is idle again.
    pub fn is_end(&self) -> bool {
        *self != Self::Started
    }
}

/// Why an execution stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// A client asked for it, or deleted the session.
    User,
    /// An ask was rejected, or OpenCode closes.
    Shutdown,
    /// `superseded`, `inactivity`, or a reason that this release added.
    Other(String),
}
