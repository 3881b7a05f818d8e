//! What a transcript comes to in the end.

use serde_json::Value;

use super::Transcript;
use super::entry::Entry;
use crate::protocol::event::PartKind;
use crate::protocol::json;
use crate::protocol::stream_event::{SEPARATOR, Usage};

/// The sums over all steps of the prompted session.
#[derive(Debug, Default, PartialEq)]
pub struct Totals {
    pub usage: Usage,
    pub cost: f64,
}

impl Transcript {
    /// The non-empty text parts of the answer, joined by a blank line.
    pub fn text(&self) -> String {
        let answers = self.parts.iter().filter(|entry| entry.answer && !entry.discarded);
        let given = answers.filter(|entry| entry.ledger.has_given());
        given.flat_map(Entry::kept).collect::<Vec<_>>().join(SEPARATOR)
    }

    /// How many characters were given out and are not in [`Self::text`]: of abandoned attempts, and behind a
    /// delta that was lost.
    pub fn discarded(&self) -> usize {
        self.parts.iter().filter(|entry| entry.answer).map(Entry::strayed).sum()
    }

    /// OpenCode's own part objects of the answer. The text of a part that never ended is filled in from
    /// the stream, since OpenCode stores it only at the end.
    pub fn part_objects(&self) -> Vec<Value> {
        self.root_parts()
            .filter_map(|entry| {
                let mut part = entry.object()?;
                let ended = part.pointer("/time/end").is_some_and(|end| !end.is_null());
                if entry.has_text() && !ended && entry.ledger.has_given() {
                    part["text"] = Value::from(entry.ledger.given());
                }
                Some(part)
            })
            .collect()
    }

    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for entry in self.root_parts().filter(|entry| entry.kind == Some(PartKind::StepFinish)) {
            let step = entry.step_totals();
            totals.usage.add(step.usage);
            totals.cost += step.cost;
        }
        totals
    }

    /// Whether the turn did anything at all: wrote, called a tool or finished a step.
    pub fn is_empty(&self) -> bool {
        !self.root_parts().any(|entry| match entry.kind {
            Some(PartKind::Tool | PartKind::StepFinish) => true,
            Some(PartKind::Text) => entry.ledger.has_given(),
            _ => false,
        })
    }

    /// Whether the last tool call of the prompted session failed, as one does that was rejected.
    pub fn has_failed_tool(&self) -> bool {
        let last = self.root_parts().filter(|entry| entry.kind == Some(PartKind::Tool)).last();
        last.is_some_and(|entry| {
            json::value(entry.raw.as_bytes()).is_some_and(|part| part["state"]["status"] == "error")
        })
    }

    fn root_parts(&self) -> impl Iterator<Item = &Entry> {
        self.parts.iter().filter(|entry| entry.kind.is_some() && entry.place.session_id == self.root)
    }
}
