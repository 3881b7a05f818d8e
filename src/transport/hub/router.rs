//! Whose event is it? Sessions to the turns that listen to them; a subagent's session joins its parent's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::{Connection, Delivery};
use crate::protocol::dialect::Glance;
use crate::protocol::event::BusEvent;

#[derive(Default)]
pub struct Router {
    /// The listener of each prompted session.
    listeners: HashMap<String, UnboundedSender<Delivery>>,
    /// How long each of them lets the stream be silent.
    idle: HashMap<String, Duration>,
    /// The least of them.
    least_idle: Option<Duration>,
    /// Each session of a tree by the prompted one at its root.
    roots: HashMap<String, String>,
    /// The prompted sessions whose turns want the bytes of their events.
    raw_wanted: HashSet<String>,
}

impl Router {
    pub fn add(
        &mut self,
        session: &str,
        listener: UnboundedSender<Delivery>,
        wants_raw: bool,
        idle: Duration,
    ) {
        self.idle.insert(session.to_owned(), idle);
        self.least_idle = self.idle.values().min().copied();
        self.listeners.insert(session.to_owned(), listener);
        self.roots.insert(session.to_owned(), session.to_owned());
        if wants_raw {
            self.raw_wanted.insert(session.to_owned());
        }
    }

    pub fn remove(&mut self, session: &str) {
        self.listeners.remove(session);
        self.idle.remove(session);
        self.least_idle = self.idle.values().min().copied();
        self.roots.retain(|_, root| root != session);
        self.raw_wanted.remove(session);
    }

    pub fn adopt(&mut self, parent: &str, child: &str) {
        if let Some(root) = self.roots.get(parent).cloned() {
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
    pub fn deliver(&mut self, event: BusEvent, bytes: &[u8]) {
        if let BusEvent::Session(info) = &event
            && let Some(parent) = &info.parent_id
        {
            self.adopt(parent, &info.id);
        }
        let Some(root) = event.session_id().and_then(|session| self.roots.get(session)) else { return };
        let Some(listener) = self.listeners.get(root) else { return };
        let raw = self.raw_wanted.contains(root).then(|| String::from_utf8_lossy(bytes).into());
        // A turn that has just ended listens no more.
        let _ = listener.send(Delivery::Event(Arc::new(event), raw));
    }

    pub fn idle(&self) -> Option<Duration> {
        self.least_idle
    }

    /// Tells those whose sessions `record` names.
    pub fn tell_named(&self, record: &[u8], delivery: &Delivery) {
        for (session, root) in &self.roots {
            if memchr::memmem::find(record, session.as_bytes()).is_some()
                && let Some(listener) = self.listeners.get(root)
            {
                let _ = listener.send(delivery.clone());
            }
        }
    }

    pub fn tell_all(&self, delivery: &Delivery) {
        for listener in self.listeners.values() {
            let _ = listener.send(delivery.clone());
        }
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
