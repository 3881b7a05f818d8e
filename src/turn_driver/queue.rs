//! Turns of this process on one session go one after the other, in call order.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Held while a turn has its session.
pub type Place = OwnedMutexGuard<()>;

/// A place that comes to whoever lined up for it first.
pub type Ticket = Pin<Box<dyn Future<Output = Place> + Send>>;

/// By the session alone: its id is random, and one server may have many names.
type Queues = Mutex<HashMap<String, Weak<AsyncMutex<()>>>>;

/// Lines up for a session, now; the ticket resolves when no earlier turn has it. Dropping it steps out.
pub fn line_up(session: &str) -> Ticket {
    static QUEUES: OnceLock<Queues> = OnceLock::new();
    let queue = {
        let mut queues = QUEUES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| queue.strong_count() > 0);
        let known = queues.get(session).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let queue = Arc::new(AsyncMutex::new(()));
            queues.insert(session.to_owned(), Arc::downgrade(&queue));
            queue
        })
    };
    // tokio's mutex is fair: it serves in the order in which it was first polled.
    let mut place = Box::pin(queue.lock_owned());
    match place.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(place) => Box::pin(std::future::ready(place)),
        Poll::Pending => place,
    }
}
