//! Generation 2: the records of `/api/event` as the one vocabulary of events.
//!
//! A record is `{ id, created, type, location?, data, durable?, metadata? }`. It carries no part ids: a part
//! is known by its message, its kind and its place among those of its kind, and gets its id from them
//! ([`part_id`]). One stream carries every session of every directory.

mod ask;
mod message;
pub mod part_id;
mod peek;
mod seat;
mod session;
mod step;
mod text;
mod tool;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::protocol::event::{BusEvent, PartKind};
use crate::protocol::reading::{Malformed, parse};
pub use ask::{pending_forms, pending_permissions};
pub use message::{Cursor, stored_messages};
pub use peek::{Peek, peek};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Hands what one record says to `sink`; a record may hold more than one event.
///
/// # Errors
/// When the record is not JSON, or an event type we depend on lacks what we depend on.
pub fn decode(record: &[u8], sink: &mut impl FnMut(BusEvent)) -> Result<(), Malformed> {
    // A broken byte costs one character, never the event.
    let json = String::from_utf8_lossy(record);
    let envelope: Envelope<'_> = parse("record", &json)?;
    let Some(kind) = envelope.kind else { return Ok(()) };
    let data = envelope.data.map_or("{}", RawValue::get);
    let name = kind.strip_prefix("session.");
    match (name, &*kind) {
        (Some("text.delta"), _) => sink(text::delta(&kind, PartKind::Text, data)?),
        (Some("reasoning.delta"), _) => sink(text::delta(&kind, PartKind::Reasoning, data)?),
        (Some("text.started" | "text.ended"), _) => sink(text::bound(&kind, PartKind::Text, data)?),
        (Some("reasoning.started" | "reasoning.ended"), _) => {
            sink(text::bound(&kind, PartKind::Reasoning, data)?);
        }
        (
            Some("tool.input.started" | "tool.called" | "tool.progress" | "tool.success" | "tool.failed"),
            _,
        ) => {
            sink(tool::change(&kind, data)?);
        }
        (Some("step.started"), _) => step::started(data, sink)?,
        (Some("step.ended" | "step.failed"), _) => step::over(&kind, data, sink)?,
        (Some("retry.scheduled"), _) => sink(session::retry(data)?),
        (Some("created" | "renamed"), _) => sink(session::info(&kind, data)?),
        (Some("deleted"), _) => sink(session::deleted(data)?),
        (Some("inbox.enqueued" | "inbox.delivered" | "inbox.cancelled"), _) => {
            sink(session::inbox(&kind, data)?);
        }
        (
            Some("execution.started" | "execution.succeeded" | "execution.failed" | "execution.interrupted"),
            _,
        ) => sink(session::execution(&kind, data)?),
        (_, "permission.asked") => sink(BusEvent::Asked(ask::permission(data)?)),
        (_, "permission.replied") => sink(ask::permission_closed(data)?),
        (_, "form.created") => sink(ask::form_created(data)?),
        (_, "form.replied" | "form.cancelled") => sink(ask::form_closed(&kind, data)?),
        (_, "server.connected") => sink(BusEvent::Connected),
        _ => sink(session::other(data)),
    }
    Ok(())
}

#[cfg(test)]
#[path = "captures_tests.rs"]
#[allow(clippy::missing_panics_doc, reason = "for tests")]
pub mod captures;
#[cfg(test)]
mod tests;
