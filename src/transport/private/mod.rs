//! A server of our own: `opencode serve` on loopback, with a password that only we know. One for each
//! (executable, environment, configuration) in the process, shared by everybody who holds it.

mod serve;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;

use super::executable;
use crate::error::Failure;
use crate::request::LaunchRequest;

pub use serve::Running;

/// How long a server that is told to end is waited for.
const FAREWELL: Duration = Duration::from_secs(5);

/// A place for one server: empty, or with one that runs.
#[derive(Default)]
pub struct Slot(AsyncMutex<Option<Arc<Running>>>);

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

/// What one client holds. A server ends with its last holder.
#[derive(Default)]
pub struct Holdings(Mutex<HashMap<String, Arc<Slot>>>);

impl Holdings {
    /// The server for `launch`, started if need be. It stays held until [`Self::let_go`].
    ///
    /// # Errors
    /// When there is no executable, it does not start, or it would let anybody in.
    pub async fn server(
        &self,
        launch: &LaunchRequest,
        directory: &str,
        start: Duration,
    ) -> Result<Arc<Running>, Failure> {
        let executable = executable::find(launch, directory)?;
        let key = format!("{}\n{:?}\n{:?}", executable.display(), launch.environment, launch.config);
        let slot = slot(&key);
        self.lock().insert(key, slot.clone());
        let mut running = slot.0.lock().await;
        if let Some(running) = running.as_ref().filter(|running| !running.has_exited()) {
            return Ok(running.clone());
        }
        let started = Arc::new(serve::start(&executable, launch, directory, start).await?);
        *running = Some(started.clone());
        Ok(started)
    }

    /// Lets go of everything; what nobody else holds has ended when this returns.
    pub async fn let_go(&self) {
        let slots = std::mem::take(&mut *self.lock());
        let endings = slots.into_values().filter_map(Arc::into_inner).map(async |slot| {
            if let Some(running) = slot.0.into_inner().and_then(Arc::into_inner) {
                let _ = tokio::time::timeout(FAREWELL, running.end()).await;
            }
        });
        futures::future::join_all(endings).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
