//! `message.part.updated`: a part as it is now. To 1.1.65 every token is one of these, with the whole
//! text so far and the new piece in `delta`; later it only announces a part and ends it. The same object
//! stands in message lists.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Malformed, parse};
use crate::protocol::event::{Detail, PartKind, PartUpdate};
use crate::protocol::text::Text;

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    part: &'a RawValue,
    #[serde(default)]
    delta: Option<Text>,
}

#[derive(Deserialize)]
struct Part {
    id: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "messageID")]
    message_id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<Text>,
    #[serde(default)]
    time: Option<Time>,
    #[serde(default)]
    synthetic: bool,
    #[serde(default)]
    ignored: bool,
}

#[derive(Deserialize)]
struct Time {
    #[serde(default)]
    end: Option<serde::de::IgnoredAny>,
}

pub fn decode(properties: &str) -> Result<PartUpdate, Malformed> {
    let wire: Wire<'_> = parse("message.part.updated", properties)?;
    let mut part = stored(wire.part.get())?;
    part.delta = wire.delta;
    Ok(part)
}

/// A part object by itself.
pub fn stored(raw: &str) -> Result<PartUpdate, Malformed> {
    let part: Part = parse("message.part.updated", raw)?;
    let kind = match part.kind.as_str() {
        "text" => PartKind::Text,
        "reasoning" => PartKind::Reasoning,
        "tool" => PartKind::Tool,
        "step-start" => PartKind::StepStart,
        "step-finish" => PartKind::StepFinish,
        _ => PartKind::Other,
    };
    Ok(PartUpdate {
        id: part.id,
        session_id: part.session_id,
        message_id: part.message_id,
        kind,
        text: part.text.unwrap_or_default(),
        delta: None,
        ended: part.time.is_some_and(|time| time.end.is_some()),
        synthetic: part.synthetic || part.ignored,
        raw: Arc::from(raw),
        detail: Detail::Raw,
    })
}
