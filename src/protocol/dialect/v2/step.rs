//! Steps: one call of the model each, and one message each. A call that fails before it brought anything is
//! made again in the same message; one that fails later is continued in a new one.

use serde::Deserialize;
use serde_json::json;

use super::part_id;
use super::seat::Seat;
use crate::protocol::event::{BusEvent, Detail, Fault, MessageInfo, PartKind, PartUpdate, StepTotals};
use crate::protocol::reading::{Malformed, parse, parse_repaired};
use crate::protocol::stream_event::Usage;

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(rename = "assistantMessageID")]
    message_id: String,
}

/// How a step ended, in an event and in a stored message.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct StepEnd {
    finish: Option<String>,
    error: Option<Fault>,
    cost: f64,
    tokens: Option<Tokens>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tokens {
    input: f64,
    output: f64,
    reasoning: f64,
    cache: Cache,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cache {
    read: f64,
    write: f64,
}

impl StepEnd {
    /// Why the model stopped. A failure is none of its reasons, unless a filter stopped it.
    fn reason(&self) -> Option<String> {
        match &self.error {
            Some(fault) if fault.is_content_filter() => Some("content-filter".to_owned()),
            Some(_) => None,
            None => self.finish.clone(),
        }
    }

    /// `None` for a step that cost nothing and counted nothing: it failed before it ran.
    fn totals(&self) -> Option<StepTotals> {
        let tokens = self.tokens.as_ref()?;
        let usage = Usage {
            input: tokens.input,
            output: tokens.output,
            reasoning: tokens.reasoning,
            cache_read: tokens.cache.read,
            cache_write: tokens.cache.write,
        };
        Some(StepTotals { usage, cost: self.cost, reason: self.reason() })
    }

    /// The message of the step, and its last part.
    pub fn conclude(&self, session_id: &str, message_id: &str) -> (MessageInfo, Option<PartUpdate>) {
        let info = MessageInfo {
            completed: true,
            finish: self.reason(),
            error: self.error.as_ref().map(|fault| json!(fault)),
            ..MessageInfo::answer(message_id, session_id)
        };
        let part = self.totals().map(|totals| PartUpdate {
            ended: true,
            detail: Detail::Step(totals),
            ..seat(session_id, message_id, part_id::of_step_finish(message_id)).part(PartKind::StepFinish)
        });
        (info, part)
    }
}

fn seat(session_id: &str, message_id: &str, id: String) -> Seat {
    Seat { session_id: session_id.to_owned(), message_id: message_id.to_owned(), id }
}

/// The first part of a step.
pub fn start_part(session_id: &str, message_id: &str) -> PartUpdate {
    seat(session_id, message_id, part_id::of_step_start(message_id)).part(PartKind::StepStart)
}

pub fn started(data: &str, sink: &mut impl FnMut(BusEvent)) -> Result<(), Malformed> {
    let Wire { session_id, message_id } = parse("session.step.started", data)?;
    sink(BusEvent::Message(MessageInfo::answer(&message_id, &session_id)));
    sink(BusEvent::Part(start_part(&session_id, &message_id)));
    Ok(())
}

pub fn over(kind: &str, data: &str, sink: &mut impl FnMut(BusEvent)) -> Result<(), Malformed> {
    let Wire { session_id, message_id } = parse(kind, data)?;
    let end: StepEnd = parse_repaired(kind, data)?;
    let (info, part) = end.conclude(&session_id, &message_id);
    // The part first: who sees the message complete has all of it.
    if let Some(part) = part {
        sink(BusEvent::Part(part));
    }
    sink(BusEvent::Message(info));
    Ok(())
}
