//! The event hub: one SSE connection per (server, directory, credentials), shared by every turn of the
//! process, told apart by session, always drained, closed when no turn needs it.

mod listen;
mod record;
mod router;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

use self::router::Router;
use super::http::Server;
use super::probe::{Known, does_not_answer};
use crate::error::{Code, Failure};
use crate::protocol::event::BusEvent;
use crate::protocol::release::Generation;
use crate::request::Limits;

pub use self::router::Listener;

/// What the connection tells a turn.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// An event of the turn's session or a descendant; with its bytes where a turn wants raw events.
    Event(Arc<BusEvent>, Option<Arc<str>>),
    /// The connection broke; it is being made again, for as long as somebody needs it.
    Gap(Failure),
    /// Another try to make it again failed.
    StillBroken(Failure),
    /// The connection is back, after so many attempts.
    Restored(u32),
    /// No use in trying again.
    Lost(Failure),
}

#[derive(Clone, Debug)]
enum State {
    Connecting,
    /// Open for the n-th time; `server.connected` was seen.
    Open(u64),
    /// It was open, and is being made again.
    Broken,
    Failed(Box<Failure>),
}

/// Where events are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// `/event`: one directory's.
    Directory,
    /// `/global/event`: everything. Some releases (1.14.48) carry sessions only here.
    Global,
    /// `/api/event`, of generation 2: everything.
    Api,
}

/// What the reading task and the turns share.
struct Shared {
    server: Server,
    router: Mutex<Router>,
    state: watch::Sender<State>,
    /// Which OpenCode answers.
    known: Known,
    /// For which opening the stream last carried more than heartbeats; 0 for none.
    proven: watch::Sender<u64>,
    source: watch::Sender<Source>,
    /// What a turn that stops waiting for the first opening is told: where it is at.
    waits_for: Mutex<Failure>,
    /// When the stream was first asked for: a cold server may be slow to answer, and slow again to open it.
    stream_since: OnceLock<Instant>,
    /// Held while another source is tried.
    moving: AsyncMutex<()>,
    /// Nobody needs the connection any more.
    unneeded: Notify,
    /// The largest `limits.record` of all turns, in bytes.
    record_limit: AtomicUsize,
}

/// A turn's hold on the shared connection: the last one to let go closes it.
pub struct Connection {
    shared: Arc<Shared>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.unneeded.notify_one();
    }
}

type Registry = Mutex<HashMap<String, Weak<Connection>>>;

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(Mutex::default)
}

impl Connection {
    /// Joins the connection to `server`, or makes it; returns once it is open and known to be OpenCode's.
    /// Waits for `timeouts.connect`, however long it had been tried before, and as long again for the stream of
    /// a server that has answered meanwhile.
    ///
    /// # Errors
    /// When it cannot be opened: the first answer decides.
    pub async fn open(server: &Server, known: &Known, limits: &Limits) -> Result<Arc<Self>, Failure> {
        let connection = Self::join(server, known);
        let shared = &connection.shared;
        shared.record_limit.fetch_max(limits.record as usize, Ordering::Relaxed);
        let mut state = shared.state.subscribe();
        let joined = Instant::now();
        let is_settled = |state: &State| !matches!(state, State::Connecting);
        let _ = timeout_at(joined + server.connect, state.wait_for(is_settled)).await;
        let since = shared.stream_since.get().map_or(joined, |since| joined.max(*since));
        let settled = timeout_at(since + server.connect, state.wait_for(is_settled)).await;
        let failure = match settled.as_ref().map(|settled| settled.as_deref()) {
            Ok(Ok(State::Failed(failure))) => Some((**failure).clone()),
            Ok(Ok(_)) => None,
            Ok(Err(_)) => {
                Some(Failure::new(Code::Unreachable, "the event connection ended while it was opened"))
            }
            Err(_) => Some(shared.lock_waits_for().clone()),
        };
        drop(settled);
        failure.map_or(Ok(connection), Err)
    }

    fn join(server: &Server, release: &Known) -> Arc<Self> {
        let key = server.identity();
        let mut registry = registry().lock().unwrap_or_else(PoisonError::into_inner);
        registry.retain(|_, connection| connection.strong_count() > 0);
        let known = registry.get(&key).and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| !matches!(*known.shared.state.borrow(), State::Failed(_))) {
            return known;
        }
        let shared = Arc::new(Shared {
            server: server.clone(),
            router: Mutex::default(),
            state: watch::Sender::new(State::Connecting),
            known: release.clone(),
            proven: watch::Sender::new(0),
            source: watch::Sender::new(first_source(server, release)),
            stream_since: OnceLock::new(),
            waits_for: Mutex::new(does_not_answer(server)),
            moving: AsyncMutex::default(),
            unneeded: Notify::new(),
            record_limit: AtomicUsize::new(0),
        });
        tokio::spawn(listen::run(shared.clone()));
        let connection = Arc::new(Self { shared });
        registry.insert(key, Arc::downgrade(&connection));
        connection
    }

    /// From now on the events of `session` and its descendants are delivered.
    pub fn register(
        self: &Arc<Self>,
        session: &str,
        wants_raw: bool,
        limits: &Limits,
    ) -> (Listener, mpsc::UnboundedReceiver<Delivery>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut router = self.shared.lock_router();
        // Under the router's lock, so that the stream cannot come back in between unheard.
        let opened = self.shared.opened();
        if opened.is_none_or(|times| times > 1 && !self.shared.is_proven(times)) {
            let broken = Failure::new(Code::StreamLost, "the event connection is being made again");
            let _ = sender.send(Delivery::Gap(broken));
            if opened.is_some() {
                let _ = sender.send(Delivery::Restored(1));
            }
        }
        router.add(session, sender, wants_raw, limits.record as usize);
        (Listener::new(self.clone(), session), receiver)
    }

    fn unregister(&self, session: &str) {
        self.shared.lock_router().remove(session);
    }

    /// Descendants that were there before we listened.
    pub fn adopt(&self, session: &str, child: &str) {
        self.shared.lock_router().adopt(session, child);
    }

    /// Whether the stream, as it is open now, has shown that it carries sessions; waits for it up to `within`.
    pub async fn is_proven(&self, within: Duration) -> bool {
        let mut proven = self.shared.proven.subscribe();
        let shows = proven.wait_for(|times| self.shared.opened() == Some(*times));
        timeout(within, shows).await.is_ok_and(|seen| seen.is_ok())
    }

    /// Reads from `/global/event` from now on, where that opens; returns once it has. A source that has carried
    /// sessions is never left, however slow the server is.
    pub async fn move_to_global(&self, within: Duration) {
        let shared = &self.shared;
        let _one_at_a_time = shared.moving.lock().await;
        if *shared.source.borrow() != Source::Directory || shared.was_proven() {
            return;
        }
        // Seen to open before the other one is given up: others may be listening to that.
        if !matches!(timeout(within, listen::greets(shared, Source::Global)).await, Ok(true)) {
            return;
        }
        let mut state = shared.state.subscribe();
        let opened = match *state.borrow() {
            State::Open(times) => times,
            _ => 0,
        };
        shared.source.send_replace(Source::Global);
        let reopened = state.wait_for(|state| matches!(state, State::Open(times) if *times > opened));
        let _ = timeout(within, reopened).await;
    }
}

impl Shared {
    fn lock_router(&self) -> std::sync::MutexGuard<'_, Router> {
        self.router.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_waits_for(&self) -> std::sync::MutexGuard<'_, Failure> {
        self.waits_for.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the stream was opened, if it is open.
    fn opened(&self) -> Option<u64> {
        match *self.state.borrow() {
            State::Open(times) => Some(times),
            _ => None,
        }
    }

    fn is_proven(&self, opened: u64) -> bool {
        *self.proven.borrow() == opened
    }

    /// The stream has carried sessions, however often it was opened since.
    fn was_proven(&self) -> bool {
        *self.proven.borrow() > 0
    }

    /// The stream carries sessions, as it was opened for the n-th time.
    fn prove(&self, opened: u64) {
        if self.proven.send_if_modified(|proven| std::mem::replace(proven, opened) != opened)
            && *self.source.borrow() == Source::Global
        {
            lock_mutes().insert(mute_key(&self.server, &self.known));
        }
    }

    /// A stream that broke without ever carrying a session may be the wrong one.
    fn try_the_other_source(&self) {
        if !self.was_proven() {
            self.source.send_modify(|source| {
                *source = match *source {
                    Source::Directory => Source::Global,
                    Source::Global => Source::Directory,
                    Source::Api => Source::Api,
                };
            });
        }
    }

    fn break_off(&self, failure: Failure) {
        let mut router = self.lock_router();
        self.state.send_replace(State::Broken);
        router.tell_all(&Delivery::Gap(failure));
    }

    /// Another try to open the stream failed.
    fn tell_still_broken(&self, failure: Failure) {
        self.lock_router().tell_all(&Delivery::StillBroken(failure));
    }

    fn fail(&self, failure: Failure) {
        self.lock_router().tell_all(&Delivery::Lost(failure.clone()));
        self.state.send_replace(State::Failed(Box::new(failure)));
    }
}

/// The servers whose `/event` was found mute while `/global/event` carried sessions.
fn lock_mutes() -> std::sync::MutexGuard<'static, HashSet<String>> {
    static MUTES: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
    MUTES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

fn mute_key(server: &Server, known: &Known) -> String {
    format!("{} {}", server.url(), known.version().unwrap_or_default())
}

/// A release of which we know that its `/event` is mute is not listened to there again.
fn first_source(server: &Server, known: &Known) -> Source {
    match known.generation() {
        Generation::V2 => Source::Api,
        Generation::V1 if lock_mutes().contains(&mute_key(server, known)) => Source::Global,
        Generation::V1 => Source::Directory,
    }
}
