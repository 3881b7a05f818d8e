//! OpenCode may compact a session in the middle of a turn, and sends the summary as if it were an answer. Only what it
//! has stored tells: the first words of a message are held until that is known.

use std::collections::{HashSet, VecDeque};

use super::update::Update;
use crate::protocol::dialect::Stored;
use crate::protocol::event::{PartKind, Role};

/// How much is held at most, in bytes: what is stored may not tell for ever.
const MOST: usize = 4 << 20;

/// Whose words a message's are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Answer,
    /// A summary. Releases that name no message on the wire (1.1.31): it is over, and its text is so long.
    Summary(Option<usize>),
    /// It cannot be told yet.
    Open,
}

/// Updates that wait, oldest first, and what is known of messages.
#[derive(Debug, Default)]
pub struct Held {
    updates: VecDeque<Update>,
    bytes: usize,
    /// The ids on the wire of what is known: of messages, or of a thought's parts.
    answers: HashSet<String>,
    summaries: HashSet<String>,
    /// The stored messages that were recognised without an id.
    recognised: HashSet<String>,
}

impl Held {
    pub fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    pub fn push(&mut self, update: Update) {
        self.bytes += update.size();
        self.updates.push_back(update);
    }

    pub fn pop(&mut self) -> Option<Update> {
        let update = self.updates.pop_front()?;
        self.bytes -= update.size();
        Some(update)
    }

    pub fn put_back(&mut self, update: Update) {
        self.bytes += update.size();
        self.updates.push_front(update);
    }

    /// More is held than may be.
    pub fn is_full(&self) -> bool {
        self.bytes > MOST
    }

    /// What is known of an id on the wire.
    pub fn known(&self, id: &str) -> Option<Whose> {
        if self.summaries.contains(id) {
            return Some(Whose::Summary(None));
        }
        self.answers.contains(id).then_some(Whose::Answer)
    }

    /// Whose the oldest words are, by what is stored of the turn; `None`: nothing could be read.
    pub fn decide(&mut self, stored: Option<&[Stored]>) -> Whose {
        let Some(first) = self.updates.front() else { return Whose::Answer };
        let whose = match (stored, first.message_id.as_deref()) {
            (None, _) => Whose::Answer,
            (Some(stored), Some(id)) => by_id(stored, id),
            (Some(stored), None) => self.by_words(stored),
        };
        if let Some(id) = self.updates.front().and_then(|first| first.message_id.clone()) {
            match whose {
                Whose::Summary(_) => self.summaries.insert(id),
                _ => self.answers.insert(id),
            };
        }
        whose
    }

    /// Without ids: the first message not recognised yet whose words are those that are held.
    fn by_words(&mut self, stored: &[Stored]) -> Whose {
        let Some(kind) = self.updates.front().and_then(Update::kind) else { return Whose::Answer };
        let chunks = self.updates.iter().take_while(|update| update.kind() == Some(kind));
        let held: Vec<u8> =
            chunks.filter_map(Update::text).flat_map(|text| text.as_bytes().to_vec()).collect();
        let held = held.trim_ascii();
        let unknown = |message: &&Stored| {
            message.info.role == Role::Assistant && !self.recognised.contains(&message.info.id)
        };
        let says = |message: &&Stored| {
            let words = words(message, kind);
            let words = words.trim_ascii();
            !words.is_empty() && (held.starts_with(words) || words.starts_with(held))
        };
        let candidates = || stored.iter().filter(unknown);
        let Some(message) = candidates().find(says).or_else(|| candidates().next_back()) else {
            return Whose::Answer;
        };
        if message.info.summary && !message.info.completed {
            return Whose::Open;
        }
        let whose = match message.info.summary {
            true => Whose::Summary(Some(words(message, PartKind::Text).trim_ascii().len())),
            false => Whose::Answer,
        };
        let id = message.info.id.clone();
        self.recognised.insert(id);
        whose
    }
}

fn by_id(stored: &[Stored], id: &str) -> Whose {
    let is_named =
        |message: &&Stored| message.info.id == id || message.parts.iter().any(|part| part.id == id);
    match stored.iter().find(is_named) {
        Some(message) if message.info.summary => Whose::Summary(None),
        _ => Whose::Answer,
    }
}

fn words(message: &Stored, kind: PartKind) -> Vec<u8> {
    let parts = message.parts.iter().filter(|part| part.kind == kind && !part.synthetic);
    parts.flat_map(|part| part.text.as_bytes().to_vec()).collect()
}
