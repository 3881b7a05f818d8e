//! Permissions and questions: as events, and as the lists of pending ones.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Malformed, parse, parse_repaired};
use crate::protocol::event::{Ask, AskKind, AskedBy, BusEvent};
use crate::protocol::json;
use crate::protocol::reply::Reply;

#[derive(Deserialize)]
struct Permission {
    id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    permission: String,
    #[serde(default)]
    patterns: Vec<String>,
    #[serde(default, deserialize_with = "json::field")]
    metadata: Value,
    #[serde(default)]
    tool: Option<AskedBy>,
}

#[derive(Deserialize)]
struct Question {
    id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(default, deserialize_with = "json::field")]
    questions: Value,
    #[serde(default)]
    tool: Option<AskedBy>,
}

/// `permission.asked`, from 1.0.224.
pub fn permission(properties: &str) -> Result<Ask, Malformed> {
    parse_repaired::<Permission>("permission.asked", properties).map(Ask::from)
}

/// `permission.updated`, to 1.0.222: other names for the same, and a reply route of its own.
pub fn permission_before_1_0_224(properties: &str) -> Result<Ask, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        id: String,
        #[serde(rename = "sessionID")]
        session_id: String,
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        pattern: Option<Patterns>,
        #[serde(rename = "messageID", default)]
        message_id: Option<String>,
        #[serde(rename = "callID", default)]
        call_id: Option<String>,
        #[serde(default, deserialize_with = "json::field")]
        metadata: Value,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Patterns {
        One(String),
        Many(Vec<String>),
    }
    let wire: Wire = parse_repaired("permission.updated", properties)?;
    let patterns = match wire.pattern {
        Some(Patterns::One(pattern)) => vec![pattern],
        Some(Patterns::Many(patterns)) => patterns,
        None => Vec::new(),
    };
    let tool = wire.message_id.zip(wire.call_id);
    Ok(Ask {
        id: wire.id,
        session_id: wire.session_id,
        kind: AskKind::Permission {
            permission: wire.kind,
            patterns,
            metadata: wire.metadata,
            old_route: true,
        },
        tool: tool.map(|(message_id, call_id)| AskedBy { message_id, call_id }),
    })
}

/// `question.asked`, from 1.1.7.
pub fn question(properties: &str) -> Result<Ask, Malformed> {
    parse_repaired::<Question>("question.asked", properties).map(Ask::from)
}

/// The events that say an ask was answered.
pub fn closed(properties: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session_id: String,
        #[serde(rename = "requestID", alias = "permissionID", alias = "id")]
        id: String,
        /// Of a permission.
        #[serde(alias = "response", default)]
        reply: Option<String>,
        /// Of a question that was not rejected.
        #[serde(default)]
        answers: Option<Vec<Vec<String>>>,
    }
    let Wire { session_id, id, reply, answers } = parse_repaired("permission.replied", properties)?;
    let reply = match (answers, reply.as_deref()) {
        (Some(answers), _) => Reply::Answers(answers),
        (_, Some("once")) => Reply::Once,
        (_, Some("always")) => Reply::Always,
        _ => Reply::Reject { message: None },
    };
    Ok(BusEvent::AskClosed { session_id, id, reply })
}

/// Reads the answers of `GET /permission` or `GET /question`. Releases without the route answer
/// something else: that is no list, and nothing is pending.
pub fn pending_asks(body: &[u8]) -> Vec<Ask> {
    let json = String::from_utf8_lossy(body);
    let asks: Vec<&RawValue> = parse("list of asks", &json).unwrap_or_default();
    asks.into_iter().filter_map(|ask| permission(ask.get()).or_else(|_| question(ask.get())).ok()).collect()
}

impl From<Permission> for Ask {
    fn from(wire: Permission) -> Self {
        Self {
            id: wire.id,
            session_id: wire.session_id,
            kind: AskKind::Permission {
                permission: wire.permission,
                patterns: wire.patterns,
                metadata: wire.metadata,
                old_route: false,
            },
            tool: wire.tool,
        }
    }
}

impl From<Question> for Ask {
    fn from(wire: Question) -> Self {
        Self {
            id: wire.id,
            session_id: wire.session_id,
            kind: AskKind::Question { questions: wire.questions, fields: Vec::new() },
            tool: wire.tool,
        }
    }
}
