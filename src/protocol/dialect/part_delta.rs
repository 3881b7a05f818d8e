//! From 1.2.1: a part is announced empty, then each token is a `message.part.delta` of its own, without
//! an offset. `field` is `"text"` for reasoning too; the part's type tells which it is.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::{Glance, Malformed, parse};
use crate::protocol::event::PartDelta;
use crate::protocol::text::Text;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(rename = "sessionID", borrow)]
    session_id: Cow<'a, str>,
    #[serde(rename = "messageID", borrow)]
    message_id: Cow<'a, str>,
    #[serde(rename = "partID", borrow)]
    part_id: Cow<'a, str>,
    #[serde(borrow)]
    field: Cow<'a, str>,
    #[serde(borrow)]
    delta: Piece<'a>,
}

/// As [`Text`], where it stands.
struct Piece<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Piece<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Piece<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Piece<'de>, E> {
                Ok(Piece(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Piece<'de>, E> {
                Ok(Piece(Cow::Owned(bytes.to_vec())))
            }
        }
        // serde_json hands out strings with lone surrogates as bytes only.
        deserializer.deserialize_bytes(Bytes)
    }
}

/// `None` for a delta of a field that is no text.
pub fn decode(properties: &str) -> Result<Option<PartDelta>, Malformed> {
    let wire: Wire<'_> = parse("message.part.delta", properties)?;
    Ok((wire.field == "text").then(|| wire.to_owned()))
}

/// A delta that was read where it stands, without reading the envelope around it first.
pub struct DeltaAtAGlance<'a>(Wire<'a>);

impl<'a> DeltaAtAGlance<'a> {
    /// `None`: it has to be read the long way, which also says what is wrong with it.
    pub fn read(glance: &Glance<'a>) -> Option<Self> {
        if glance.kind != "message.part.delta" {
            return None;
        }
        let rest = std::str::from_utf8(glance.properties).ok()?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Wire<'_>>();
        let wire = values.next()?.ok()?;
        let closed = rest[values.byte_offset()..].bytes().all(|byte| matches!(byte, b'}' | b' '));
        (closed && wire.field == "text").then_some(Self(wire))
    }

    pub fn session_id(&self) -> &str {
        &self.0.session_id
    }

    /// Adds the text to `known` if that is of the same part. Says whether it did.
    pub fn add_to(&self, known: &mut PartDelta) -> bool {
        let Wire { session_id, message_id, part_id, delta, .. } = &self.0;
        let same =
            known.part_id == *part_id && known.message_id == *message_id && known.session_id == *session_id;
        if same {
            known.text.push(&delta.0);
        }
        same
    }

    pub fn to_owned(&self) -> PartDelta {
        self.0.to_owned()
    }
}

impl Wire<'_> {
    fn to_owned(&self) -> PartDelta {
        PartDelta {
            session_id: self.session_id.clone().into_owned(),
            message_id: self.message_id.clone().into_owned(),
            part_id: self.part_id.clone().into_owned(),
            text: Text::from(self.delta.0.to_vec()),
        }
    }
}
