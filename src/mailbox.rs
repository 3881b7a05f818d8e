//! What a turn has to say and its reader has not taken: unread text coalesces, a slow reader gets larger
//! chunks and never fewer characters. Rings its bell only when a reader waits.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{Accepted, Code, Failure};
use crate::protocol::stream_event::{Place, SEPARATOR, StreamEvent};

/// Unread output grew past its limit, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// The largest string that goes to JavaScript: V8 has none of more than 512 MiB, and who reads it parses it.
pub const LARGEST: usize = 256 << 20;
/// How much is taken at once, and how far deltas merge.
const PIECE: usize = 32 << 20;
/// What the names around a delta or an event cost, in JSON and in memory.
const AROUND: usize = 250;

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
    Tool(String),
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
    /// How many items were taken before the first of `items`.
    taken: usize,
    /// The unread update of each tool part, counted with those that were taken.
    tools: HashMap<Arc<Place>, usize>,
    /// The answer's unread text, separators included.
    text: String,
    /// The part of the answer that was last written to `text`: another one begins with a blank line.
    last_part: Option<Arc<Place>>,
    /// Bytes of `items` and `text`.
    size: usize,
    limit: usize,
    /// A take came away empty-handed: ring when there is something.
    armed: bool,
    /// What it came to, as JSON.
    outcome: Option<Arc<str>>,
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
            taken: 0,
            tools: HashMap::new(),
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
            contents.outcome.get_or_insert_with(|| json_of(&outcome).into());
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

    /// The unread text of the answer, at most so much; `None` arms the bell.
    pub fn take_text(&self) -> Option<String> {
        let mut contents = self.lock();
        if contents.reader == Reader::Unknown {
            contents.reader = Reader::Text;
            contents.size = 0;
            contents.tools.clear();
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
        let at = boundary(&contents.text, PIECE);
        let rest = contents.text.split_off(at);
        contents.size = rest.len();
        Some(std::mem::replace(&mut contents.text, rest))
    }

    /// The unread events as a JSON array, at most so many; `None` arms the bell.
    pub fn take_events(&self) -> Option<String> {
        let mut contents = self.lock();
        contents.reader = Reader::Events;
        if contents.items.is_empty() {
            contents.armed = true;
            return None;
        }
        let mut json = String::with_capacity(contents.size.min(PIECE) + 2);
        while json.len() < PIECE
            && let Some(item) = contents.items.pop_front()
        {
            contents.taken += 1;
            contents.size = contents.size.saturating_sub(item.size());
            json.push(if json.is_empty() { '[' } else { ',' });
            match item {
                Item::Delta { kind, place, delta } => {
                    json.push_str(&to_json(&kind.event(place, delta)).unwrap_or_default());
                }
                Item::Tool(item) | Item::Other(item) => json.push_str(&item),
            }
        }
        json.push(']');
        if contents.items.is_empty() {
            contents.tools.clear();
            contents.size = 0;
        }
        Some(json)
    }

    /// `None` while the turn runs; then `{"result"}` or `{"error"}` as JSON. `None` arms the bell.
    pub fn outcome(&self) -> Option<Arc<str>> {
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
                match to_json(&StreamEvent::Tool(tool)) {
                    Some(json) => self.write_tool(place, json),
                    None => self.size = usize::MAX,
                }
            }
            // What is too large to be told is too large for the outcome, which says so.
            (_, StreamEvent::Finish { session_id, result }) => {
                let finish = StreamEvent::Finish { session_id, result };
                self.items.extend(to_json(&finish).map(Item::Other));
            }
            (_, other) => match to_json(&other) {
                Some(json) => {
                    self.size = self.size.saturating_add(json.len() + AROUND);
                    self.items.push_back(Item::Other(json));
                }
                None => self.size = usize::MAX,
            },
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
        match self.items.back_mut() {
            Some(Item::Delta { kind: last, place: known, delta: text })
                if *last == kind && *known == place && text.len() < PIECE =>
            {
                self.size = self.size.saturating_add(delta.len());
                text.push_str(&delta);
            }
            _ => {
                let item = Item::Delta { kind, place, delta };
                self.size = self.size.saturating_add(item.size());
                self.items.push_back(item);
            }
        }
    }

    fn write_tool(&mut self, place: Arc<Place>, json: String) {
        let item = Item::Tool(json);
        self.size = self.size.saturating_add(item.size());
        // By the part: some providers use a call id again in the next step.
        let unread = self.tools.get(&place).and_then(|at| at.checked_sub(self.taken));
        match unread.and_then(|at| self.items.get_mut(at)) {
            Some(unread) => self.size -= std::mem::replace(unread, item).size(),
            None => {
                self.tools.insert(place, self.taken + self.items.len());
                self.items.push_back(item);
            }
        }
    }
}

impl Item {
    /// What it costs unread.
    fn size(&self) -> usize {
        AROUND
            + match self {
                Self::Delta { delta, .. } => delta.len(),
                Self::Tool(json) | Self::Other(json) => json.len(),
            }
    }
}

/// `None`: larger than [`LARGEST`].
fn to_json<T: Serialize>(value: &T) -> Option<String> {
    let mut json = Bounded(Vec::with_capacity(128));
    serde_json::to_writer(&mut json, value).ok()?;
    String::from_utf8(json.0).ok()
}

/// The outcome of a turn; of one that is too large, that it is.
fn json_of(outcome: &Result<Value, Failure>) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Wire<'a> {
        Result(&'a Value),
        Error(Value),
    }
    let json = match outcome {
        Ok(result) => to_json(&Wire::Result(result)),
        Err(failure) => to_json(&Wire::Error(failure.to_json())),
    };
    let too_large = || {
        let words = format!("the outcome of the turn is larger than {LARGEST} bytes");
        let failure = Failure::new(Code::Limit, words).accepted(Accepted::Yes);
        failure.hint("what the agent said and did is in the session's messages")
    };
    json.or_else(|| to_json(&Wire::Error(too_large().to_json()))).unwrap_or_default()
}

/// What is written to it is at most [`LARGEST`] bytes.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(ErrorKind::OutOfMemory.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The end of the last character that ends at `at` or before.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
#[path = "mailbox_tests.rs"]
mod tests;
