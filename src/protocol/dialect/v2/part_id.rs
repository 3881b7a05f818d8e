//! The ids of parts, which generation 2 does not give: made of what tells them apart, so that the stream and
//! a list of messages come to the same.

use crate::protocol::event::PartKind;

/// `ordinal` counts the parts of one kind in one message.
pub fn of_text(message: &str, kind: PartKind, ordinal: u64) -> String {
    let kind = if kind == PartKind::Reasoning { "reasoning" } else { "text" };
    format!("{message}:{kind}:{ordinal}")
}

/// `call` is the model's own id, unique only within its message.
pub fn of_tool(message: &str, call: &str) -> String {
    format!("{message}:tool:{call}")
}

pub fn of_step_start(message: &str) -> String {
    format!("{message}:step-start")
}

pub fn of_step_finish(message: &str) -> String {
    format!("{message}:step-finish")
}
