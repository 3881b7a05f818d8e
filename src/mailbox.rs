//! What a turn has to say and its reader has not taken: unread text coalesces, a slow reader gets larger
//! chunks and never fewer characters. Rings its bell only when a reader waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::error::Failure;
use crate::protocol::stream_event::{Place, SEPARATOR, StreamEvent};

/// Unread output grew past its limit, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// How the reader takes the output; before the first take, all of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Unknown,
    Text,
    Events,
}

enum Item {
    /// Merges with the next delta of its part.
    Delta {
        kind: DeltaKind,
        place: Arc<Place>,
        delta: String,
    },
    /// The next update of the same tool part replaces it.
    Tool {
        place: Arc<Place>,
        json: String,
    },
    Other(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DeltaKind {
    /// Text of the answer, which plain iteration yields.
    Answer,
    /// Text of somebody else.
    Text,
    Reasoning,
}

struct Contents {
    reader: Reader,
    items: VecDeque<Item>,
    /// The answer's unread text, separators included.
    text: String,
    /// The part of the answer that was last written to `text`: another one begins with a blank line.
    last_part: Option<Arc<Place>>,
    /// Bytes of `items` and `text`.
    size: usize,
    limit: usize,
    /// A take came away empty-handed: ring when there is something.
    armed: bool,
    outcome: Option<Result<Value, Failure>>,
    session_id: Option<String>,
    /// What the caller's code is asked, or need not answer any more, as JSON. Nobody has to read the stream for it.
    asks: Vec<Value>,
}

pub struct Mailbox {
    contents: Mutex<Contents>,
    bell: Box<dyn Fn() + Send + Sync>,
}

impl Mailbox {
    /// `limit`: the most bytes that may wait unread. `bell` must not call back into the mailbox.
    pub fn new(limit: usize, bell: impl Fn() + Send + Sync + 'static) -> Self {
        let contents = Contents {
            reader: Reader::Unknown,
            items: VecDeque::new(),
            text: String::new(),
            last_part: None,
            size: 0,
            limit,
            armed: false,
            outcome: None,
            session_id: None,
            asks: Vec::new(),
        };
        Self { contents: Mutex::new(contents), bell: Box::new(bell) }
    }

    /// # Errors
    /// When more waits unread than the limit allows; the event is kept all the same.
    pub fn push(&self, event: StreamEvent) -> Result<(), Full> {
        self.change(|contents| {
            if let StreamEvent::Start { session_id, .. } = &event {
                contents.session_id = Some(session_id.clone());
            }
            let something = contents.write(event);
            (something, if contents.size > contents.limit { Err(Full) } else { Ok(()) })
        })
    }

    /// Asks the caller's code.
    pub fn ask(&self, ask: &StreamEvent) {
        self.call(json!({ "ask": ask }));
    }

    /// Another client answered what the caller's code was asked.
    pub fn close_ask(&self, id: &str) {
        self.call(json!({ "closed": id }));
    }

    fn call(&self, call: Value) {
        self.change(|contents| {
            contents.asks.push(call);
            (true, ())
        });
    }

    /// What the caller's code is to answer, as a JSON array; `None` arms the bell.
    pub fn take_asks(&self) -> Option<String> {
        let mut contents = self.lock();
        if contents.asks.is_empty() {
            contents.armed = true;
            return None;
        }
        Some(Value::from(std::mem::take(&mut contents.asks)).to_string())
    }

    /// The turn is over; nothing is pushed afterwards.
    pub fn finish(&self, outcome: Result<Value, Failure>) {
        self.change(|contents| {
            contents.outcome.get_or_insert(outcome);
            (true, ())
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut Contents) -> (bool, T)) -> T {
        let (ring, result) = {
            let mut contents = self.lock();
            let (something, result) = change(&mut contents);
            (something && std::mem::take(&mut contents.armed), result)
        };
        if ring {
            (self.bell)();
        }
        result
    }

    /// All unread text of the answer; `None` arms the bell.
    pub fn take_text(&self) -> Option<String> {
        let mut contents = self.lock();
        if contents.reader == Reader::Unknown {
            contents.reader = Reader::Text;
            contents.size = 0;
            for item in std::mem::take(&mut contents.items) {
                if let Item::Delta { kind: DeltaKind::Answer, place, delta } = item {
                    contents.write_text(place, &delta);
                }
            }
        }
        if contents.text.is_empty() {
            contents.armed = true;
            return None;
        }
        contents.size = 0;
        Some(std::mem::take(&mut contents.text))
    }

    /// All unread events as a JSON array; `None` arms the bell.
    pub fn take_events(&self) -> Option<String> {
        let mut contents = self.lock();
        contents.reader = Reader::Events;
        if contents.items.is_empty() {
            contents.armed = true;
            return None;
        }
        let mut json = String::with_capacity(contents.size + 2);
        for item in std::mem::take(&mut contents.items) {
            json.push(if json.is_empty() { '[' } else { ',' });
            match item {
                Item::Delta { kind, place, delta } => json.push_str(&to_json(&kind.event(place, delta))),
                Item::Tool { json: item, .. } | Item::Other(item) => json.push_str(&item),
            }
        }
        json.push(']');
        contents.size = 0;
        Some(json)
    }

    /// `None` while the turn runs; then what it came to. `None` arms the bell.
    pub fn outcome(&self) -> Option<Result<Value, Failure>> {
        let mut contents = self.lock();
        contents.armed |= contents.outcome.is_none();
        contents.outcome.clone()
    }

    pub fn session_id(&self) -> Option<String> {
        self.lock().session_id.clone()
    }

    /// Every change above leaves the contents whole, so a panic elsewhere does not spoil them.
    fn lock(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeltaKind {
    fn event(self, place: Arc<Place>, delta: String) -> StreamEvent {
        match self {
            Self::Answer | Self::Text => {
                StreamEvent::TextDelta { place, delta, answer: self == Self::Answer }
            }
            Self::Reasoning => StreamEvent::ReasoningDelta { place, delta },
        }
    }
}

impl Contents {
    /// Keeps the event as its reader wants it. Says whether there is something to read.
    fn write(&mut self, event: StreamEvent) -> bool {
        match (self.reader, event) {
            (Reader::Text, StreamEvent::TextDelta { place, delta, answer: true }) => {
                self.write_text(place, &delta);
            }
            (Reader::Text, _) => return false,
            (_, StreamEvent::TextDelta { place, delta, answer }) => {
                let kind = if answer { DeltaKind::Answer } else { DeltaKind::Text };
                self.write_delta(kind, place, delta);
            }
            (_, StreamEvent::ReasoningDelta { place, delta }) => {
                self.write_delta(DeltaKind::Reasoning, place, delta);
            }
            (_, StreamEvent::Tool(tool)) => {
                let place = tool.place.clone();
                self.write_tool(place, to_json(&StreamEvent::Tool(tool)));
            }
            (_, other) => {
                let json = to_json(&other);
                self.size += json.len();
                self.items.push_back(Item::Other(json));
            }
        }
        true
    }

    fn write_text(&mut self, place: Arc<Place>, delta: &str) {
        if self.last_part.as_ref().is_some_and(|last| *last != place) {
            self.text.push_str(SEPARATOR);
        }
        self.last_part = Some(place);
        self.text.push_str(delta);
        self.size = self.text.len();
    }

    fn write_delta(&mut self, kind: DeltaKind, place: Arc<Place>, delta: String) {
        self.size += delta.len();
        match self.items.back_mut() {
            Some(Item::Delta { kind: last, place: known, delta: text })
                if *last == kind && *known == place =>
            {
                text.push_str(&delta);
            }
            _ => self.items.push_back(Item::Delta { kind, place, delta }),
        }
    }

    fn write_tool(&mut self, place: Arc<Place>, json: String) {
        self.size += json.len();
        // By the part: some providers use a call id again in the next step.
        let unread = self.items.iter_mut().rev().find_map(|item| match item {
            Item::Tool { place: unread, json } if *unread == place => Some(json),
            _ => None,
        });
        match unread {
            Some(unread) => self.size -= std::mem::replace(unread, json).len(),
            None => self.items.push_back(Item::Tool { place, json }),
        }
    }
}

fn to_json(event: &StreamEvent) -> String {
    serde_json::to_string(event).unwrap_or_else(|_| "{\"type\":\"raw\",\"event\":null}".to_owned())
}

#[cfg(test)]
#[path = "mailbox_tests.rs"]
mod tests;
