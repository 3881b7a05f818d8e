//! `message.updated`, and the list `GET /session/:id/message` gives.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::part_updated::stored;
use super::{Malformed, parse, parse_repaired};
use crate::protocol::event::{MessageInfo, Role};
pub use crate::protocol::history::Stored;
use crate::protocol::json;

#[derive(Deserialize)]
struct Wire {
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    role: String,
    #[serde(rename = "parentID", default)]
    parent_id: Option<String>,
    /// `true` for a compaction's summary; an object (title, diffs) on user messages.
    #[serde(default, deserialize_with = "json::field")]
    summary: Value,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    time: Option<Time>,
    #[serde(default)]
    finish: Option<String>,
    #[serde(default, deserialize_with = "json::optional")]
    error: Option<Value>,
    #[serde(default, deserialize_with = "json::optional")]
    structured: Option<Value>,
}

#[derive(Deserialize)]
struct Time {
    #[serde(default)]
    completed: Option<serde::de::IgnoredAny>,
}

/// `None` for a role that is neither user nor assistant.
pub fn decode(properties: &str) -> Result<Option<MessageInfo>, Malformed> {
    let wire: Wire = parse_repaired("message.updated", properties)?;
    Ok(read(wire.info))
}

fn read(info: Info) -> Option<MessageInfo> {
    let role = match info.role.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return None,
    };
    Some(MessageInfo {
        summary: role == Role::Assistant
            && (info.summary == Value::Bool(true) || info.mode.as_deref() == Some("compaction")),
        id: info.id,
        session_id: info.session_id,
        role,
        parent_id: info.parent_id,
        completed: info.time.is_some_and(|time| time.completed.is_some()),
        finish: info.finish,
        error: info.error,
        structured: info.structured,
    })
}

/// Reads the answer of `GET /session/:id/message`, oldest message first.
///
/// # Errors
/// When it is no list of messages.
pub fn stored_messages(body: &[u8]) -> Result<Vec<Stored>, Malformed> {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        info: &'a RawValue,
        #[serde(borrow, default)]
        parts: Vec<&'a RawValue>,
    }
    let json = String::from_utf8_lossy(body);
    let items: Vec<Item<'_>> = parse("message list", &json)?;
    let mut messages = Vec::with_capacity(items.len());
    for item in items {
        let Some(info) = read(parse_repaired("message list", item.info.get())?) else { continue };
        let parts = item.parts.iter().map(|part| stored(part.get())).collect::<Result<_, _>>()?;
        messages.push(Stored { info, parts });
    }
    Ok(messages)
}
