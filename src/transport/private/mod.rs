//! A server of our own: `opencode serve` on loopback, with a password that only we know. One for each
//! (executable, environment, configuration) in the process, shared by everybody who holds it.

mod serve;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::executable;
use crate::error::{Code, Failure};
use crate::request::LaunchRequest;

pub use serve::Running;

/// How long a server that is told to end is waited for.
const FAREWELL: Duration = Duration::from_secs(5);

/// A place for one server.
#[derive(Default)]
pub struct Slot(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Empty,
    /// It starts, for as long as somebody waits for it.
    Starting(watch::Sender<Started>),
    Runs(Arc<Running>),
}

/// `None` while it starts.
type Started = Option<Result<Arc<Running>, Failure>>;

type Registry = Mutex<HashMap<String, Weak<Slot>>>;

fn slot(key: &str) -> Arc<Slot> {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    let mut registry = REGISTRY.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    registry.retain(|_, slot| slot.strong_count() > 0);
    let known = registry.get(key).and_then(Weak::upgrade);
    known.unwrap_or_else(|| {
        let slot = Arc::new(Slot::default());
        registry.insert(key.to_owned(), Arc::downgrade(&slot));
        slot
    })
}

impl Slot {
    /// The server that runs, or what to wait for.
    fn join(self: &Arc<Self>, start: Start) -> Result<Arc<Running>, watch::Receiver<Started>> {
        let mut state = self.lock();
        match &*state {
            State::Runs(running) if !running.has_exited() => return Ok(running.clone()),
            State::Starting(started) => return Err(started.subscribe()),
            _ => {}
        }
        let (started, waiting) = watch::channel(None);
        *state = State::Starting(started.clone());
        tokio::spawn(run_start(Arc::downgrade(self), started, start));
        Err(waiting)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server is started with.
struct Start {
    executable: std::path::PathBuf,
    launch: LaunchRequest,
    directory: String,
}

/// Starts a server for all who wait; ends it when the last of them has gone. Each has a deadline of its own, so
/// the start has none.
async fn run_start(slot: Weak<Slot>, started: watch::Sender<Started>, start: Start) {
    let outcome = {
        let start = serve::start(&start.executable, &start.launch, &start.directory);
        let mut start = std::pin::pin!(start);
        loop {
            tokio::select! {
                outcome = &mut start => break Some(outcome.map(Arc::new)),
                () = started.closed() => {
                    let Some(slot) = slot.upgrade() else { break None };
                    let mut state = slot.lock();
                    // Somebody may have come in this moment.
                    if started.receiver_count() == 0 {
                        *state = State::Empty;
                        break None;
                    }
                }
            }
        }
    };
    let Some(outcome) = outcome else { return };
    if let Some(slot) = slot.upgrade() {
        *slot.lock() = match &outcome {
            Ok(running) => State::Runs(running.clone()),
            Err(_) => State::Empty,
        };
    }
    started.send_replace(Some(outcome));
}

/// What one client holds, by all that its caller gave. A server ends with its last holder.
#[derive(Default)]
pub struct Holdings(Mutex<HashMap<String, Arc<Slot>>>);

impl Holdings {
    /// The server for `launch`, started if need be, until `by`, which is `within` from the turn's first wish
    /// for one. It stays held until [`Self::let_go`], or until the
    /// environment of this process has changed: then another one takes its place.
    ///
    /// # Errors
    /// When there is no executable, it does not start in time, or it would let anybody in.
    pub async fn server(
        &self,
        launch: &LaunchRequest,
        directory: &str,
        (by, within): (Instant, Duration),
    ) -> Result<Arc<Running>, Failure> {
        let executable = executable::find(launch, directory)?;
        let given: Vec<_> =
            launch.given.iter().map(|name| (name, launch.environment.get(name.as_str()))).collect();
        let family = format!("{}\n{given:?}\n{:?}", executable.display(), launch.config);
        let key = format!("{family}\n{:?}", launch.environment);
        let slot = slot(&key);
        // The one before, if it was another, ends when its last turn is over.
        let before = self.lock().insert(family, slot.clone());
        drop(before);
        let start = Start { executable, launch: launch.clone(), directory: directory.to_owned() };
        let mut waiting = match slot.join(start) {
            Ok(running) => return Ok(running),
            Err(waiting) => waiting,
        };
        let started = timeout_at(by, waiting.wait_for(Option::is_some)).await;
        match started.map(|started| started.map(|started| started.clone())) {
            Ok(Ok(Some(outcome))) => outcome,
            Ok(_) => Err(Failure::new(Code::ServerStart, "the start of the OpenCode server was given up")),
            Err(_) => Err(serve::not_in_time(within)),
        }
    }

    /// Lets go of everything; what nobody else holds has ended when this returns.
    pub async fn let_go(&self) {
        let held = std::mem::take(&mut *self.lock());
        let endings = held.into_values().filter_map(Arc::into_inner).map(async |slot| {
            let state = slot.0.into_inner().unwrap_or_else(PoisonError::into_inner);
            if let State::Runs(running) = state
                && let Some(running) = Arc::into_inner(running)
            {
                let _ = timeout(FAREWELL, running.end()).await;
            }
        });
        futures::future::join_all(endings).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
