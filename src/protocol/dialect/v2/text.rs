//! Text and reasoning: begun, then in batches of about 100 ms without an offset, then whole.

use serde::Deserialize;

use super::part_id;
use super::seat::Seat;
use crate::protocol::event::{BusEvent, PartDelta, PartKind, PartUpdate};
use crate::protocol::reading::{Malformed, parse};
use crate::protocol::text::Text;

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "assistantMessageID")]
    message_id: String,
    ordinal: u64,
    #[serde(default)]
    delta: Option<Text>,
    /// The whole text, when the part has ended.
    #[serde(default)]
    text: Option<Text>,
}

pub fn delta(kind: &str, part: PartKind, data: &str) -> Result<BusEvent, Malformed> {
    let wire: Wire = parse(kind, data)?;
    let Some(text) = wire.delta else { return Err(missing(kind, "delta")) };
    Ok(BusEvent::Delta(PartDelta {
        part_id: part_id::of_text(&wire.message_id, part, wire.ordinal),
        session_id: wire.session_id,
        message_id: wire.message_id,
        text,
    }))
}

/// The begin or the end of a part.
pub fn bound(kind: &str, part: PartKind, data: &str) -> Result<BusEvent, Malformed> {
    let wire: Wire = parse(kind, data)?;
    let ended = kind.ends_with("ended");
    let text = match (wire.text, ended) {
        (Some(text), true) => text,
        (None, true) => return Err(missing(kind, "text")),
        (_, false) => Text::default(),
    };
    let id = part_id::of_text(&wire.message_id, part, wire.ordinal);
    let seat = Seat { session_id: wire.session_id, message_id: wire.message_id, id };
    Ok(BusEvent::Part(PartUpdate { text, ended, ..seat.part(part) }))
}

fn missing(kind: &str, field: &str) -> Malformed {
    Malformed { kind: kind.to_owned(), detail: format!("missing field `{field}`") }
}
