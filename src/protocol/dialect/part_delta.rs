//! From 1.2.1: a part is announced empty, then each token is a `message.part.delta` of its own, without
//! an offset. `field` is `"text"` for reasoning too; the part's type tells which it is.

use serde::Deserialize;

use super::{Glance, Malformed, parse};
use crate::protocol::event::PartDelta;
use crate::protocol::text::Text;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "messageID")]
    message_id: String,
    #[serde(rename = "partID")]
    part_id: String,
    field: String,
    delta: Text,
}

/// `None` for a delta of a field that is no text.
pub fn decode(properties: &str) -> Result<Option<PartDelta>, Malformed> {
    let Wire { session_id, message_id, part_id, field, delta } = parse("message.part.delta", properties)?;
    Ok((field == "text").then_some(PartDelta { session_id, message_id, part_id, text: delta }))
}

/// Reads a delta where it stands, without reading the envelope around it first. `None`: it has to be
/// read the long way, which also says what is wrong with it.
pub fn at_a_glance(glance: &Glance<'_>) -> Option<PartDelta> {
    if glance.kind != "message.part.delta" {
        return None;
    }
    let rest = std::str::from_utf8(glance.properties).ok()?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Wire>();
    let Wire { session_id, message_id, part_id, field, delta } = values.next()?.ok()?;
    let closed = rest[values.byte_offset()..].bytes().all(|byte| matches!(byte, b'}' | b' '));
    (closed && field == "text").then_some(PartDelta { session_id, message_id, part_id, text: delta })
}
