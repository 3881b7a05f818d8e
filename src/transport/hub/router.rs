//! Whose event is it? Sessions to the turns that listen to them; a subagent's session joins its parent's.
//!
//! What is delivered waits here until [`Router::flush`], so that a turn wakes once for all that came at
//! once; deltas of one part that wait together become one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::{Connection, Delivery};
use crate::error::{Code, Failure};
use crate::protocol::dialect::DeltaAtAGlance;
use crate::protocol::event::BusEvent;

/// How many events wait together, at least, while more is at hand.
const FEW: usize = 256;
/// The same for each turn: to wake one costs as much as a dozen events.
const EACH: usize = 16;
/// How many bytes of records wait together, at most: what waits here counts against no turn's limit yet.
const BYTES: usize = 1024 * 1024;
/// How many sessions of subagents one turn may have.
const SESSIONS: usize = 10_000;

/// One turn that listens.
struct Hearer {
    /// Its session, and those of its subagents.
    sessions: Vec<String>,
    sender: UnboundedSender<Delivery>,
    /// The turn wants the bytes of its events.
    wants_raw: bool,
    /// The most bytes an event of it may have.
    record_limit: usize,
    pending: Vec<Delivery>,
}

#[derive(Default)]
pub struct Router {
    hearers: Vec<Option<Hearer>>,
    /// Places that are free.
    free: Vec<usize>,
    /// Each session of a tree by the place of the hearer whose session is at its root.
    roots: HashMap<String, usize>,
    /// The places of those for whom something waits.
    waiting: Vec<usize>,
    /// How many events wait.
    pending: usize,
    /// How many bytes their records had.
    bytes: usize,
}

impl Router {
    pub fn add(
        &mut self,
        session: &str,
        sender: UnboundedSender<Delivery>,
        wants_raw: bool,
        record_limit: usize,
    ) {
        self.remove(session);
        let sessions = vec![session.to_owned()];
        let hearer = Hearer { sessions, sender, wants_raw, record_limit, pending: Vec::new() };
        let at = self.free.pop().unwrap_or_else(|| {
            self.hearers.push(None);
            self.hearers.len() - 1
        });
        self.hearers[at] = Some(hearer);
        self.roots.insert(session.to_owned(), at);
    }

    pub fn remove(&mut self, session: &str) {
        let Some(at) = self.roots.get(session).copied() else { return };
        let is_root = |hearer: &Hearer| hearer.sessions.first().is_some_and(|root| root == session);
        if !self.hearers[at].as_ref().is_some_and(is_root) {
            return;
        }
        self.flush();
        let sessions = self.hearers[at].take().map(|hearer| hearer.sessions).unwrap_or_default();
        for session in sessions {
            // Another turn may have prompted a subagent's session since.
            if self.roots.get(&session) == Some(&at) {
                self.roots.remove(&session);
            }
        }
        self.free.push(at);
    }

    pub fn adopt(&mut self, parent: &str, child: &str) {
        let Some(at) = self.roots.get(parent).copied().filter(|_| !self.roots.contains_key(child)) else {
            return;
        };
        let Some(hearer) = &mut self.hearers[at] else { return };
        if hearer.sessions.len() > SESSIONS {
            let _ = hearer.sender.send(Delivery::Lost(too_many_subagents()));
            return;
        }
        hearer.sessions.push(child.to_owned());
        self.roots.insert(child.to_owned(), at);
    }

    /// Whether a record that was glanced at has to be read: it is of a session that is listened to, or may
    /// be of a subagent's that joins one.
    pub fn wants(&self, session: &str, may_join: bool, record: &[u8]) -> bool {
        self.roots.contains_key(session) || (may_join && memchr::memmem::find(record, b"parentID").is_some())
    }

    /// Delivers an event to the turn it belongs to, if any. `length`: of its record.
    pub fn deliver(&mut self, event: BusEvent, length: usize, bytes: Option<&[u8]>) {
        if let BusEvent::Session(info) = &event
            && let Some(parent) = &info.parent_id
        {
            self.adopt(parent, &info.id);
        }
        let Some(at) = event.session_id().and_then(|session| self.roots.get(session).copied()) else {
            return;
        };
        let Some(hearer) = &mut self.hearers[at] else { return };
        if length > hearer.record_limit {
            return hearer.lose(&mut self.waiting, at);
        }
        let raw = bytes.filter(|_| hearer.wants_raw).map(|bytes| String::from_utf8_lossy(bytes).into());
        hearer.put(Delivery::Event(Arc::new(event), raw), &mut self.waiting, at);
        self.pending += 1;
        self.bytes += length;
    }

    /// As [`Self::deliver`]: nothing is copied but the text, if it continues what waits.
    pub fn deliver_delta(&mut self, delta: &DeltaAtAGlance<'_>, bytes: &[u8]) {
        let Some(at) = self.roots.get(delta.session_id()).copied() else { return };
        let Some(hearer) = &mut self.hearers[at] else { return };
        let is_plain = !hearer.wants_raw && bytes.len() <= hearer.record_limit;
        if !is_plain || !hearer.pending.last_mut().is_some_and(|last| continues(last, delta)) {
            return self.deliver(BusEvent::Delta(delta.to_owned()), bytes.len(), Some(bytes));
        }
        self.pending += 1;
        self.bytes += bytes.len();
    }

    /// A record beyond every limit, of which `head` is left. Returns `false` if it could be that of several
    /// turns.
    pub fn lose_record(&mut self, head: &[u8], session: Option<&str>) -> bool {
        let mut places = match session {
            Some(session) => self.roots.get(session).copied().into_iter().collect(),
            None => self.named_in(head),
        };
        if session.is_none() && places.is_empty() {
            let listening = |at: &usize| self.hearers[*at].is_some();
            places = (0..self.hearers.len()).filter(listening).take(2).collect();
            if places.len() > 1 {
                return false;
            }
        }
        for at in &places {
            if let Some(hearer) = &mut self.hearers[*at] {
                hearer.lose(&mut self.waiting, *at);
                self.pending += 1;
            }
        }
        true
    }

    /// Something waits for [`Self::flush`].
    pub fn has_pending(&self) -> bool {
        self.pending > 0
    }

    /// So much waits that turns should be woken whatever more is at hand.
    pub fn is_full(&self) -> bool {
        self.bytes >= BYTES || self.pending >= FEW.max(EACH * self.hearers.len())
    }

    /// Wakes those for whom something waits.
    pub fn flush(&mut self) {
        self.pending = 0;
        self.bytes = 0;
        for at in self.waiting.drain(..) {
            let Some(hearer) = &mut self.hearers[at] else { continue };
            for delivery in hearer.pending.drain(..) {
                // A turn that has just ended listens no more.
                let _ = hearer.sender.send(delivery);
            }
        }
    }

    /// Tells those whose sessions `record` names.
    pub fn tell_named(&mut self, record: &[u8], delivery: &Delivery) {
        self.flush();
        for at in self.named_in(record) {
            if let Some(hearer) = &self.hearers[at] {
                let _ = hearer.sender.send(delivery.clone());
            }
        }
    }

    /// The places whose sessions a record names, in one pass over it.
    fn named_in(&self, record: &[u8]) -> HashSet<usize> {
        let is_of_an_id = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let words = record.split(|byte| !is_of_an_id(byte)).filter(|word| !word.is_empty());
        let sessions = words.filter_map(|word| std::str::from_utf8(word).ok());
        sessions.filter_map(|session| self.roots.get(session).copied()).collect()
    }

    pub fn tell_all(&mut self, delivery: &Delivery) {
        self.flush();
        for hearer in self.hearers.iter().flatten() {
            let _ = hearer.sender.send(delivery.clone());
        }
    }
}

impl Hearer {
    fn put(&mut self, delivery: Delivery, waiting: &mut Vec<usize>, at: usize) {
        if self.pending.is_empty() {
            waiting.push(at);
        }
        self.pending.push(delivery);
    }

    /// An event of it was longer than it allows.
    fn lose(&mut self, waiting: &mut Vec<usize>, at: usize) {
        let limit = self.record_limit;
        let failure = Failure::new(
            Code::Limit,
            format!("a server-sent event is longer than the limit of {limit} bytes"),
        )
        .hint("raise limits.record");
        self.put(Delivery::Lost(failure), waiting, at);
    }
}

fn too_many_subagents() -> Failure {
    Failure::new(Code::Limit, format!("the turn has more than {SESSIONS} subagents"))
        .hint("look into the session: an agent may be calling itself")
}

/// Adds a delta to the one that waits, if it is of the same part.
fn continues(last: &mut Delivery, delta: &DeltaAtAGlance<'_>) -> bool {
    let Delivery::Event(event, None) = last else { return false };
    match Arc::get_mut(event) {
        Some(BusEvent::Delta(known)) => delta.add_to(known),
        _ => false,
    }
}

/// Listens to one session until it is dropped.
pub struct Listener {
    connection: Arc<Connection>,
    session: String,
}

impl Listener {
    pub fn new(connection: Arc<Connection>, session: &str) -> Self {
        Self { connection, session: session.to_owned() }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.connection.unregister(&self.session);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::{BYTES, Router};
    use crate::protocol::dialect::{DeltaAtAGlance, glance};

    #[test]
    fn few_records_that_are_large_fill_it_too() {
        let (sender, mut heard) = unbounded_channel();
        let mut router = Router::default();
        router.add("ses_1", sender, false, usize::MAX);
        let text = "x".repeat(BYTES / 2);
        let record = format!(
            r#"{{"type":"message.part.delta","properties":{{"sessionID":"ses_1","messageID":"msg_1","partID":"prt_1","field":"text","delta":"{text}"}}}}"#
        );
        let seen = glance(record.as_bytes()).expect("a record like OpenCode's");
        let delta = DeltaAtAGlance::read(&seen).expect("a delta");
        router.deliver_delta(&delta, record.as_bytes());
        assert!(router.has_pending() && !router.is_full());
        router.deliver_delta(&delta, record.as_bytes());
        assert!(router.is_full());
        router.flush();
        assert!(!router.is_full() && heard.try_recv().is_ok());
    }
}
