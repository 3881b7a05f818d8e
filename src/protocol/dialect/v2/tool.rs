//! Tool calls: each event says what is new of one.

use serde::Deserialize;
use serde_json::Value;

use super::part_id;
use super::seat::Seat;
use crate::protocol::event::{BusEvent, Detail, Fault, PartKind, PartUpdate, ToolChange, ToolStatus};
use crate::protocol::json;
use crate::protocol::reading::{Malformed, parse_repaired};

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "assistantMessageID")]
    message_id: String,
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "json::optional")]
    input: Option<Value>,
    #[serde(default)]
    content: Vec<Content>,
    #[serde(default)]
    error: Option<Fault>,
    #[serde(default, deserialize_with = "json::optional")]
    metadata: Option<Value>,
}

/// A piece of a tool's output. Files have no text.
#[derive(Deserialize)]
pub struct Content {
    #[serde(default)]
    text: Option<String>,
}

/// The output as one text; `None` where there is none.
pub fn output(content: &[Content]) -> Option<String> {
    let texts: Vec<&str> = content.iter().filter_map(|piece| piece.text.as_deref()).collect();
    (!content.is_empty()).then(|| texts.join("\n"))
}

pub fn change(kind: &str, data: &str) -> Result<BusEvent, Malformed> {
    let wire: Wire = parse_repaired(kind, data)?;
    let status = match kind {
        "session.tool.input.started" => ToolStatus::Pending,
        "session.tool.success" => ToolStatus::Completed,
        "session.tool.failed" => ToolStatus::Error,
        _ => ToolStatus::Running,
    };
    let output = output(&wire.content).or_else(|| (status == ToolStatus::Completed).then(String::new));
    let change = ToolChange {
        tool: wire.name,
        input: wire.input,
        output,
        error: wire.error.map(|fault| fault.message),
        metadata: wire.metadata,
        ..ToolChange::new(&wire.id, status)
    };
    let id = part_id::of_tool(&wire.message_id, &wire.id);
    let seat = Seat { session_id: wire.session_id, message_id: wire.message_id, id };
    Ok(BusEvent::Part(PartUpdate {
        ended: status.is_final(),
        detail: Detail::Tool(change),
        ..seat.part(PartKind::Tool)
    }))
}
