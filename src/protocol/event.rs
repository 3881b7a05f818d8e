//! One vocabulary for what any OpenCode says on its event bus, whatever dialect it said it in.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use super::execution_event::{ExecutionEvent, InboxEvent, InboxStep, Interruption};
pub use super::fault::Fault;
use super::json;
pub use super::part_detail::{CallSizes, Detail, StepTotals, ToolChange, ToolStatus};
use super::reply::Reply;
use super::text::Text;

/// One record of the bus, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum BusEvent {
    /// The first record of every connection.
    Connected,
    /// The connection lives; says nothing of any turn.
    Heartbeat,
    /// A session was created or changed.
    Session(SessionInfo),
    Status {
        session_id: String,
        status: Status,
    },
    /// The session stopped running. Several may come for one turn, and stale ones of the turn before.
    Idle {
        session_id: String,
    },
    /// Not always the end: a context overflow is followed by compaction and the answer.
    Error {
        session_id: Option<String>,
        error: Value,
    },
    /// The session was deleted; whatever of it still runs says no more.
    Deleted {
        session_id: String,
    },
    Message(MessageInfo),
    Part(PartUpdate),
    Delta(PartDelta),
    Asked(Ask),
    /// An ask was answered, by us or by another client.
    AskClosed {
        session_id: String,
        id: String,
        reply: Reply,
    },
    /// Generation 2: a prompt's way through the inbox of its session.
    Inbox(InboxEvent),
    /// Generation 2: the session began to work, or stopped and why.
    Execution {
        session_id: String,
        event: ExecutionEvent,
    },
    /// Generation 2: a model call failed and is made again. What it wrote stands: the model continues it.
    Retry {
        session_id: String,
        attempt: u32,
        message: String,
        /// Of the provider's answer.
        status: Option<u16>,
        /// Unix time in ms of the next attempt.
        next: f64,
    },
    /// Anything else: read over, but a sign that the bus carries more than heartbeats.
    Other {
        session_id: Option<String>,
    },
}

impl BusEvent {
    /// The session this event belongs to, where it belongs to one.
    pub fn session_id(&self) -> Option<&str> {
        match self {
            Self::Connected | Self::Heartbeat => None,
            Self::Session(info) => Some(&info.id),
            Self::Status { session_id, .. }
            | Self::Idle { session_id }
            | Self::Execution { session_id, .. }
            | Self::Retry { session_id, .. }
            | Self::Deleted { session_id }
            | Self::AskClosed { session_id, .. } => Some(session_id),
            Self::Inbox(event) => Some(&event.session_id),
            Self::Error { session_id, .. } | Self::Other { session_id } => session_id.as_deref(),
            Self::Message(info) => Some(&info.session_id),
            Self::Part(part) => Some(&part.session_id),
            Self::Delta(delta) => Some(&delta.session_id),
            Self::Asked(ask) => Some(&ask.session_id),
        }
    }

    /// Whether this event shows that the connection carries sessions and not heartbeats alone.
    pub fn proves_the_bus(&self) -> bool {
        !matches!(self, Self::Connected | Self::Heartbeat)
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SessionInfo {
    pub id: String,
    #[serde(rename = "parentID")]
    pub parent_id: Option<String>,
    pub title: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    Busy,
    Idle,
    Retry {
        attempt: u32,
        message: String,
        /// Unix time in ms of the next attempt.
        next: f64,
    },
    /// A state this release does not know; the session is not idle.
    Unknown,
}

/// By hand: serde reads a tagged enum twice, and with a bound on its depth.
impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(rename = "type")]
            kind: String,
            #[serde(default, deserialize_with = "json::lenient")]
            attempt: Option<f64>,
            #[serde(default, deserialize_with = "json::lenient")]
            message: Option<String>,
            #[serde(default, deserialize_with = "json::lenient")]
            next: Option<f64>,
        }
        let wire = Wire::deserialize(deserializer)?;
        Ok(match wire.kind.as_str() {
            "busy" => Self::Busy,
            "idle" => Self::Idle,
            "retry" => Self::Retry {
                attempt: wire.attempt.unwrap_or_default() as u32,
                message: wire.message.unwrap_or_default(),
                next: wire.next.unwrap_or_default(),
            },
            _ => Self::Unknown,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
}

/// `message.updated`, or a message of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageInfo {
    pub id: String,
    pub session_id: String,
    pub role: Role,
    pub parent_id: Option<String>,
    /// The summary of a compaction: an assistant message that is not part of any answer.
    pub summary: bool,
    pub completed: bool,
    /// `stop`, `tool-calls`, `length`, `content-filter`, `unknown`, …
    pub finish: Option<String>,
    pub error: Option<Value>,
    /// The answer as JSON, where the prompt asked for it.
    pub structured: Option<Value>,
}

impl MessageInfo {
    /// A step that is complete and no answer: tools were called, and OpenCode goes on with what they say.
    pub fn calls_tools(&self) -> bool {
        self.completed
            && self.finish.as_deref() == Some("tool-calls")
            && self.error.is_none()
            && self.structured.is_none()
    }

    /// A message of the model's that has just begun.
    pub fn answer(id: &str, session_id: &str) -> Self {
        Self {
            id: id.to_owned(),
            session_id: session_id.to_owned(),
            role: Role::Assistant,
            parent_id: None,
            summary: false,
            completed: false,
            finish: None,
            error: None,
            structured: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    Text,
    Reasoning,
    Tool,
    StepStart,
    StepFinish,
    /// `file`, `patch`, `snapshot`, `agent`, `compaction`, …: kept for `result.parts`.
    Other,
}

/// `message.part.updated`, or a part of a list: the part as OpenCode has it now.
#[derive(Clone, Debug, PartialEq)]
pub struct PartUpdate {
    pub id: String,
    pub session_id: String,
    pub message_id: String,
    pub kind: PartKind,
    /// The whole text so far (text and reasoning).
    pub text: Text,
    /// To 1.1.65 each token repeats the part and adds what is new here.
    pub delta: Option<Text>,
    /// `time.end` is set: no more text will come.
    pub ended: bool,
    /// Written by OpenCode or a client, not by the model (`synthetic` or `ignored`).
    pub synthetic: bool,
    /// OpenCode's own object, as it came; empty where it has none.
    pub raw: Arc<str>,
    pub detail: Detail,
}

impl PartUpdate {
    /// The piece came without the text so far, which no release of OpenCode does.
    pub fn is_bare(&self) -> bool {
        self.delta.as_ref().is_some_and(|piece| piece.len() > self.text.len())
    }
}

/// `message.part.delta`, from 1.2.1.
#[derive(Clone, Debug, PartialEq)]
pub struct PartDelta {
    pub session_id: String,
    pub message_id: String,
    pub part_id: String,
    pub text: Text,
}

/// Something a person is asked, that holds the turn until it is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub id: String,
    pub session_id: String,
    pub kind: AskKind,
    /// The tool call behind it.
    pub tool: Option<AskedBy>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AskKind {
    Permission {
        permission: String,
        patterns: Vec<String>,
        metadata: Value,
        /// Asked as `permission.updated` (to 1.0.222), which has its own reply route, and no place there for a
        /// message.
        old_route: bool,
    },
    Question {
        questions: Value,
        /// Generation 2 wants its answers by field; empty in generation 1.
        fields: Vec<FormField>,
    },
}

/// A field of a form: one question of an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    pub key: String,
    /// It takes a list.
    pub multiple: bool,
    /// The label of each option and the value it stands for.
    pub options: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedBy {
    #[serde(rename = "messageID")]
    pub message_id: String,
    #[serde(rename = "callID")]
    pub call_id: String,
}
