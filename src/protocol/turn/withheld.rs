//! Events of an answer that may be another turn's.

use std::collections::HashSet;
use std::time::Instant;

use crate::protocol::event::BusEvent;

#[derive(Debug)]
pub struct Withheld {
    /// Since when the session has been idle again.
    pub idle: Option<Instant>,
    /// The server could not be asked: not before this again.
    pub not_before: Instant,
    pub events: Vec<BusEvent>,
    /// The messages of the answer.
    pub answers: HashSet<String>,
    /// How many bytes the events are.
    pub size: usize,
}

impl Withheld {
    pub fn since(now: Instant) -> Self {
        Self { idle: None, not_before: now, events: Vec::new(), answers: HashSet::new(), size: 0 }
    }

    pub fn answer(&mut self, message: &str) {
        self.answers.insert(message.to_owned());
    }

    pub fn push(&mut self, event: &BusEvent, size: usize) {
        self.size += size;
        self.events.push(event.clone());
    }

    /// Forgets the events, and not whose they are.
    pub fn clear(&mut self) {
        self.events.clear();
        self.size = 0;
    }
}
