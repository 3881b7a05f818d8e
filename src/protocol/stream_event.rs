//! What a reader of `stream.events` sees. Serialised, these are the objects JavaScript gets; the
//! documented contract is `StreamEvent` in `index.d.ts`.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

pub use super::part_detail::Usage;
use super::reply::Reply;

/// Stands between two texts of the answer, in the stream as in `result.text`. `lib/separator.js` has it too.
pub const SEPARATOR: &str = "\n\n";

/// Where a part event belongs.
#[derive(Clone, Debug, Hash, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    #[serde(rename = "sessionID")]
    pub session_id: String,
    #[serde(rename = "messageID")]
    pub message_id: String,
    #[serde(rename = "partID")]
    pub part_id: String,
    /// Set for the sessions of subagents.
    #[serde(rename = "parentSessionID", skip_serializing_if = "Option::is_none")]
    pub parent_session_id: Option<String>,
}

/// The session an event belongs to, where it belongs to no part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionPlace {
    #[serde(rename = "sessionID")]
    pub session_id: String,
    #[serde(rename = "parentSessionID", skip_serializing_if = "Option::is_none")]
    pub parent_session_id: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum StreamEvent {
    /// A route was not to be had and the next one is taken; always before the prompt is sent.
    Fallback {
        from: &'static str,
        to: &'static str,
        reason: String,
    },
    #[serde(rename_all = "camelCase")]
    Start {
        route: &'static str,
        granularity: &'static str,
        #[serde(rename = "sessionID")]
        session_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        generation: u8,
        #[serde(rename = "userMessageID", skip_serializing_if = "Option::is_none")]
        user_message_id: Option<String>,
    },
    TextStart(Arc<Place>),
    /// `answer`: this text belongs to the answer, so plain iteration yields it too.
    TextDelta {
        #[serde(flatten)]
        place: Arc<Place>,
        delta: String,
        #[serde(skip)]
        answer: bool,
    },
    TextEnd(Arc<Place>),
    ReasoningStart(Arc<Place>),
    ReasoningDelta {
        #[serde(flatten)]
        place: Arc<Place>,
        delta: String,
    },
    ReasoningEnd(Arc<Place>),
    Tool(Box<ToolEvent>),
    StepStart(Arc<Place>),
    StepFinish {
        #[serde(flatten)]
        place: Arc<Place>,
        usage: Usage,
        cost: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Permission {
        #[serde(flatten)]
        place: SessionPlace,
        /// `asked` without a reply, `replied` with it.
        status: &'static str,
        id: String,
        permission: String,
        patterns: Vec<String>,
        metadata: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        tool: Option<super::event::AskedBy>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reply: Option<Reply>,
        /// What the model was told with a rejection.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    Question {
        #[serde(flatten)]
        place: SessionPlace,
        status: &'static str,
        id: String,
        questions: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        reply: Option<Reply>,
    },
    Retry {
        #[serde(flatten)]
        place: SessionPlace,
        attempt: u32,
        message: String,
        next: f64,
        discards: Vec<String>,
    },
    Reconnect {
        #[serde(flatten)]
        place: SessionPlace,
        attempt: u32,
        recovered: bool,
    },
    Session {
        #[serde(flatten)]
        place: SessionPlace,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    Raw {
        #[serde(flatten)]
        place: SessionPlace,
        event: Box<RawValue>,
    },
    Finish {
        /// `None`: the turn was aborted before it had a session.
        #[serde(rename = "sessionID", skip_serializing_if = "Option::is_none")]
        session_id: Option<String>,
        result: Arc<Value>,
    },
}

/// A tool call as it is now.
#[derive(Clone, Debug, Hash, PartialEq, Serialize)]
pub struct ToolEvent {
    #[serde(flatten)]
    pub place: Arc<Place>,
    #[serde(rename = "callID")]
    pub call_id: String,
    pub tool: String,
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}
