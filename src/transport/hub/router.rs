//! Whose event is it? Sessions to the turns that listen to them; a subagent's session joins its parent's.
//!
//! What is delivered waits here until [`Router::flush`], so that a turn wakes once for all that came at
//! once; deltas of one part that wait together become one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::{Connection, Delivery};
use crate::protocol::dialect::{DeltaAtAGlance, Glance};
use crate::protocol::event::BusEvent;

/// How many events wait together, at least, while more is at hand.
const FEW: usize = 256;
/// The same for each turn: to wake one costs as much as a dozen events.
const EACH: usize = 16;

/// One turn that listens.
struct Hearer {
    /// The prompted session.
    session: String,
    sender: UnboundedSender<Delivery>,
    /// The turn wants the bytes of its events.
    wants_raw: bool,
    /// How long it lets the stream be silent.
    idle: Duration,
    pending: Vec<Delivery>,
}

#[derive(Default)]
pub struct Router {
    hearers: Vec<Option<Hearer>>,
    /// Each session of a tree by the place of the hearer whose session is at its root.
    roots: HashMap<String, usize>,
    /// The places of those for whom something waits.
    waiting: Vec<usize>,
    /// How many events wait.
    pending: usize,
    /// How long the least patient hearer lets the stream be silent.
    idle: Option<Duration>,
}

impl Router {
    pub fn add(&mut self, session: &str, sender: UnboundedSender<Delivery>, wants_raw: bool, idle: Duration) {
        self.remove(session);
        let hearer = Hearer { session: session.to_owned(), sender, wants_raw, idle, pending: Vec::new() };
        let free = self.hearers.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.hearers.push(None);
            self.hearers.len() - 1
        });
        self.hearers[at] = Some(hearer);
        self.roots.insert(session.to_owned(), at);
        self.know_idle();
    }

    pub fn remove(&mut self, session: &str) {
        let is_it = |hearer: &Option<Hearer>| hearer.as_ref().is_some_and(|it| it.session == session);
        let Some(at) = self.hearers.iter().position(is_it) else { return };
        self.flush();
        self.hearers[at] = None;
        self.roots.retain(|_, root| *root != at);
        self.know_idle();
    }

    pub fn adopt(&mut self, parent: &str, child: &str) {
        if let Some(root) = self.roots.get(parent).copied() {
            self.roots.entry(child.to_owned()).or_insert(root);
        }
    }

    /// Whether a record that was glanced at has to be read: it is of a session that is listened to, or may
    /// be of a subagent's that joins one.
    pub fn wants(&self, glance: &Glance<'_>, record: &[u8]) -> bool {
        self.roots.contains_key(glance.session_id)
            || (glance.may_join() && memchr::memmem::find(record, b"parentID").is_some())
    }

    /// Delivers an event to the turn it belongs to, if any.
    pub fn deliver(&mut self, event: BusEvent, bytes: Option<&[u8]>) {
        if let BusEvent::Session(info) = &event
            && let Some(parent) = &info.parent_id
        {
            self.adopt(parent, &info.id);
        }
        let Some(at) = event.session_id().and_then(|session| self.roots.get(session).copied()) else {
            return;
        };
        let Some(hearer) = &mut self.hearers[at] else { return };
        let raw = bytes.filter(|_| hearer.wants_raw).map(|bytes| String::from_utf8_lossy(bytes).into());
        if hearer.pending.is_empty() {
            self.waiting.push(at);
        }
        hearer.pending.push(Delivery::Event(Arc::new(event), raw));
        self.pending += 1;
    }

    /// As [`Self::deliver`]: nothing is copied but the text, if it continues what waits.
    pub fn deliver_delta(&mut self, delta: &DeltaAtAGlance<'_>, bytes: &[u8]) {
        let Some(at) = self.roots.get(delta.session_id()).copied() else { return };
        let Some(hearer) = &mut self.hearers[at] else { return };
        if hearer.wants_raw || !hearer.pending.last_mut().is_some_and(|last| continues(last, delta)) {
            return self.deliver(BusEvent::Delta(delta.to_owned()), Some(bytes));
        }
        self.pending += 1;
    }

    /// Something waits for [`Self::flush`].
    pub fn has_pending(&self) -> bool {
        self.pending > 0
    }

    /// So much waits that turns should be woken whatever more is at hand.
    pub fn is_full(&self) -> bool {
        self.pending >= FEW.max(EACH * self.hearers.len())
    }

    /// Wakes those for whom something waits.
    pub fn flush(&mut self) {
        self.pending = 0;
        for at in self.waiting.drain(..) {
            let Some(hearer) = &mut self.hearers[at] else { continue };
            for delivery in hearer.pending.drain(..) {
                // A turn that has just ended listens no more.
                let _ = hearer.sender.send(delivery);
            }
        }
    }

    pub fn idle(&self) -> Option<Duration> {
        self.idle
    }

    fn know_idle(&mut self) {
        self.idle = self.hearers.iter().flatten().map(|hearer| hearer.idle).min();
    }

    /// Tells those whose sessions `record` names.
    pub fn tell_named(&mut self, record: &[u8], delivery: &Delivery) {
        self.flush();
        for (session, at) in &self.roots {
            if memchr::memmem::find(record, session.as_bytes()).is_some()
                && let Some(hearer) = &self.hearers[*at]
            {
                let _ = hearer.sender.send(delivery.clone());
            }
        }
    }

    pub fn tell_all(&mut self, delivery: &Delivery) {
        self.flush();
        for hearer in self.hearers.iter().flatten() {
            let _ = hearer.sender.send(delivery.clone());
        }
    }
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
