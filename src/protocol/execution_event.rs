//! What generation 2 says of a prompt and of the work on it: typed, whatever the wire calls it.

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

/// A failure in OpenCode's own words: `{ type, message, status? }`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Fault {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub message: String,
    /// The HTTP status of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl Fault {
    /// The text stands: the provider's filter stopped the model.
    pub fn is_content_filter(&self) -> bool {
        self.kind == "provider.content-filter"
    }

    /// OpenCode stopped the work, and nothing failed by itself.
    pub fn is_abort(&self) -> bool {
        self.kind == "aborted"
    }
}
