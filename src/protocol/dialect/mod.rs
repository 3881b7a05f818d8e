//! Records to [`BusEvent`]s. One file per dialect; this one opens the envelope and picks the dialect.

mod ask;
mod glance;
mod loose;
mod message;
mod part_delta;
mod part_updated;
mod session;
pub mod v2;

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::event::BusEvent;
pub use super::reading::Malformed;
use super::reading::{parse, parse_repaired};

pub use ask::pending_asks;
pub use glance::{Glance, glance};
pub use message::{Stored, stored_messages};
pub use part_delta::DeltaAtAGlance;
pub use part_updated::stored as stored_part;

/// `{"type", "properties"}`; since 1.14 with an `id`; on `/global/event` inside `payload`.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "data")]
    properties: Option<&'a RawValue>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

/// What one record says. `None`: nothing of ours (another shape, or the `sync` copy of an event).
///
/// # Errors
/// When the record is not JSON, or an event type we depend on lacks what we depend on.
pub fn decode(data: &[u8]) -> Result<Option<BusEvent>, Malformed> {
    if let Some(delta) = glance(data).as_ref().and_then(DeltaAtAGlance::read) {
        return Ok(Some(BusEvent::Delta(delta.to_owned())));
    }
    decode_whole(data)
}

/// As [`decode`], for a record whose `event:` line says `name`: other shapes than OpenCode's are understood
/// too, and may hold several events.
///
/// # Errors
/// As [`decode`].
pub fn decode_record(name: Option<&[u8]>, data: &[u8]) -> Result<Vec<BusEvent>, Malformed> {
    let decoded = decode(data);
    match &decoded {
        // Only here can there be more in a record of a shape that we know.
        Ok(Some(BusEvent::Message(_))) if memmem::find(data, b"\"parts\"").is_some() => {}
        Ok(Some(_)) => return Ok(decoded?.into_iter().collect()),
        Ok(None) if memmem::find(data, b"\"sync\"").is_some() => return Ok(Vec::new()),
        Ok(None) | Err(_) => {}
    }
    let name = name.and_then(|name| std::str::from_utf8(name).ok());
    let events = loose::decode(name, &String::from_utf8_lossy(data)).unwrap_or_default();
    match decoded {
        Ok(Some(event)) if events.first() != Some(&event) => Ok(vec![event]),
        Err(malformed) if events.is_empty() => Err(malformed),
        _ => Ok(events),
    }
}

/// As [`decode`], whatever the record looks like.
fn decode_whole(data: &[u8]) -> Result<Option<BusEvent>, Malformed> {
    // A broken byte costs one character, never the event.
    let json = String::from_utf8_lossy(data);
    let mut envelope: Envelope<'_> = parse("record", &json)?;
    if let Some(payload) = envelope.payload {
        envelope = parse("payload", payload.get())?;
    }
    let (Some(kind), Some(properties)) = (envelope.kind, envelope.properties) else { return Ok(None) };
    if kind == "sync" {
        return Ok(None);
    }
    usual(&kind, properties.get()).map(Some)
}

/// An event in OpenCode's own shape.
fn usual(kind: &str, properties: &str) -> Result<BusEvent, Malformed> {
    Ok(match kind {
        "message.part.delta" => match part_delta::decode(properties)? {
            Some(delta) => BusEvent::Delta(delta),
            None => session::other(properties),
        },
        "message.part.updated" => BusEvent::Part(part_updated::decode(properties)?),
        "message.updated" => match message::decode(properties)? {
            Some(info) => BusEvent::Message(info),
            None => session::other(properties),
        },
        "session.status" => session::status(properties)?,
        "session.idle" => session::idle(properties)?,
        "session.error" => session::error(properties)?,
        "session.created" | "session.updated" => session::info(properties)?,
        "session.deleted" => session::deleted(properties),
        "permission.asked" => BusEvent::Asked(ask::permission(properties)?),
        "permission.updated" => BusEvent::Asked(ask::permission_before_1_0_224(properties)?),
        "question.asked" => BusEvent::Asked(ask::question(properties)?),
        "permission.replied" | "question.replied" | "question.rejected" => ask::closed(properties)?,
        "server.connected" => BusEvent::Connected,
        "server.heartbeat" => BusEvent::Heartbeat,
        _ => session::other(properties),
    })
}

#[cfg(test)]
mod loose_tests;
#[cfg(test)]
mod tests;
