//! What a session holds: `GET /api/session/:id/message`, newest first. It says what a stream that broke off
//! would have said, but for how the text was cut into deltas.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::part_id;
use super::seat::Seat;
use super::step::{StepEnd, start_part};
use super::tool::{Content, output};
use crate::protocol::event::{
    Detail, Fault, MessageInfo, PartKind, PartUpdate, Role, ToolChange, ToolStatus,
};
use crate::protocol::history::{History, Outcome, Stored, StoredMessage};
use crate::protocol::json;
use crate::protocol::reading::{Malformed, parse, parse_repaired};
use crate::protocol::text::Text;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    cursor: Cursor,
}

/// Where the page behind this one can be asked for.
#[derive(Default, Deserialize)]
pub struct Cursor {
    #[serde(default)]
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Message<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    time: Time,
    #[serde(default)]
    outcome: Option<String>,
    #[serde(borrow, default)]
    content: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Time {
    #[serde(default)]
    streamed: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    completed: Option<serde::de::IgnoredAny>,
}

/// # Errors
/// When it is no list of messages.
pub fn stored_messages(session_id: &str, body: &[u8]) -> Result<History, Malformed> {
    let json = String::from_utf8_lossy(body);
    let list: List<'_> = parse("message list", &json)?;
    let messages =
        list.data.iter().rev().map(|item| message(session_id, item.get())).collect::<Result<_, _>>()?;
    Ok(History { messages, older: list.cursor.next })
}

fn message(session_id: &str, raw: &str) -> Result<StoredMessage, Malformed> {
    let message: Message<'_> = parse("message list", raw)?;
    Ok(match message.kind.as_str() {
        "user" => StoredMessage::Prompt(message.id),
        "assistant" => StoredMessage::Answer(Box::new(answer(session_id, &message, raw)?)),
        "idle" => StoredMessage::Idle(match message.outcome.as_deref() {
            Some("failed") => Outcome::Failed,
            Some("interrupted") => Outcome::Interrupted,
            _ => Outcome::Succeeded,
        }),
        _ => StoredMessage::Other,
    })
}

fn answer(session_id: &str, message: &Message<'_>, raw: &str) -> Result<Stored, Malformed> {
    let completed = message.time.completed.is_some();
    let closed = completed || message.time.streamed.is_some();
    let mut parts = vec![start_part(session_id, &message.id)];
    let mut counts = Counts::default();
    for content in &message.content {
        let part = counts.part(session_id, &message.id, content.get(), closed)?;
        parts.extend(part);
    }
    let mut info = MessageInfo { role: Role::Assistant, ..MessageInfo::answer(&message.id, session_id) };
    if completed {
        let end: StepEnd = parse_repaired("message list", raw)?;
        let (concluded, finish) = end.conclude(session_id, &message.id);
        info = concluded;
        parts.extend(finish);
    }
    Ok(Stored { info, parts })
}

#[derive(Deserialize)]
struct ContentItem {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<Text>,
}

/// How many parts of each kind came before, in one message.
#[derive(Default)]
struct Counts {
    text: u64,
    reasoning: u64,
}

impl Counts {
    /// `closed`: the model's answer is complete, so that no text of it is still under way.
    fn part(
        &mut self,
        session_id: &str,
        message_id: &str,
        raw: &str,
        closed: bool,
    ) -> Result<Option<PartUpdate>, Malformed> {
        let item: ContentItem = parse("message list", raw)?;
        let (kind, count) = match item.kind.as_str() {
            "text" => (PartKind::Text, &mut self.text),
            "reasoning" => (PartKind::Reasoning, &mut self.reasoning),
            "tool" => return tool(session_id, message_id, raw).map(Some),
            _ => return Ok(None),
        };
        let id = part_id::of_text(message_id, kind, *count);
        *count += 1;
        let text = item.text.unwrap_or_default();
        // While a part is written its text is stored as empty.
        let ended = closed || !text.is_empty();
        let seat = Seat { session_id: session_id.to_owned(), message_id: message_id.to_owned(), id };
        Ok(Some(PartUpdate { text, ended, ..seat.part(kind) }))
    }
}

fn tool(session_id: &str, message_id: &str, raw: &str) -> Result<PartUpdate, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        id: String,
        #[serde(default)]
        name: Option<String>,
        state: State,
        #[serde(default, deserialize_with = "json::optional")]
        metadata: Option<Value>,
    }
    #[derive(Deserialize)]
    struct State {
        status: String,
        #[serde(default, deserialize_with = "json::optional")]
        input: Option<Value>,
        #[serde(default)]
        content: Vec<Content>,
        #[serde(default)]
        error: Option<Fault>,
        #[serde(default, deserialize_with = "json::optional")]
        metadata: Option<Value>,
    }
    let Wire { id: call, name, state, metadata } = parse_repaired("message list", raw)?;
    let status = match state.status.as_str() {
        "streaming" => ToolStatus::Pending,
        "completed" => ToolStatus::Completed,
        "error" => ToolStatus::Error,
        _ => ToolStatus::Running,
    };
    let change = ToolChange {
        tool: name,
        // While it is written it is a text that is no JSON yet.
        input: state.input.filter(|input| !input.is_string()),
        output: output(&state.content),
        error: state.error.map(|fault| fault.message),
        metadata: state.metadata.or(metadata),
        ..ToolChange::new(&call, status)
    };
    let id = part_id::of_tool(message_id, &call);
    let seat = Seat { session_id: session_id.to_owned(), message_id: message_id.to_owned(), id };
    Ok(PartUpdate { ended: status.is_final(), detail: Detail::Tool(change), ..seat.part(PartKind::Tool) })
}
