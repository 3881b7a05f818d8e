//! From 1.2.1: a part is announced empty, then each token is a `message.part.delta` of its own, without
//! an offset. `field` is `"text"` for reasoning too; the part's type tells which it is.

use serde::Deserialize;

use super::{Malformed, parse};
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
