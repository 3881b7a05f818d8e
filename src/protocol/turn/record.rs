//! The end of a turn that a child told: its wire says when it is over, and what it lacks is read off what
//! OpenCode has stored, where that can be had.

use std::collections::HashSet;

use super::Turn;
use crate::error::Failure;
use crate::protocol::dialect::Stored;
use crate::protocol::transcript::{Source, Transcript};

impl Turn {
    /// What OpenCode has stored of this turn: parts, usage, cost and errors are taken from it.
    pub fn on_record(&mut self, messages: &[Stored]) {
        let mut record = Transcript::new(&self.config.session_id, HashSet::new());
        let reconciled = record.reconcile(messages, Source::Settled, &mut Vec::new());
        let answered = record.answers().next_back().is_some_and(|last| last.completed);
        if reconciled.is_ok() && answered {
            self.record = Some(record);
        }
    }

    /// OpenCode has not kept a stretch of a part that the wire brought, in bytes.
    pub fn abandon(&mut self, part: &str, range: std::ops::Range<usize>) {
        self.transcript.abandon(part, range);
    }

    /// The child said that the turn is over, or ended.
    pub fn on_ended(&mut self, end: Result<(), Failure>) {
        if self.finished {
            return;
        }
        match end {
            _ if self.leaving => self.conclude_left(),
            // What OpenCode itself told as an error says more than how its process ended.
            Err(failure) if self.error.is_none() => self.fail(failure),
            _ => self.conclude(),
        }
    }

    /// Where parts, totals and the last message are read.
    pub(super) fn whole(&self) -> &Transcript {
        self.record.as_ref().unwrap_or(&self.transcript)
    }
}
