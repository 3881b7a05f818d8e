//! Turns of this process on one session go one after the other, in call order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Held while a turn has its session.
pub type Place = OwnedMutexGuard<()>;

type Queues = Mutex<HashMap<(String, String), Weak<AsyncMutex<()>>>>;

/// Waits until no earlier turn has the session. Fair: tokio's mutex serves in order of arrival.
pub async fn place(server: &str, session: &str) -> Place {
    static QUEUES: OnceLock<Queues> = OnceLock::new();
    let queue = {
        let mut queues = QUEUES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| queue.strong_count() > 0);
        let key = (server.to_owned(), session.to_owned());
        let known = queues.get(&key).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let queue = Arc::new(AsyncMutex::new(()));
            queues.insert(key, Arc::downgrade(&queue));
            queue
        })
    };
    queue.lock_owned().await
}
