//! The runtime under all turns of the process. Ours and not napi's: that one ends with the JavaScript
//! environment that loaded it first, though worker threads may still have turns on it.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};

/// # Errors
/// When the system gives no thread to read with.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    // One worker: the work is reading sockets, and a second one costs more in wake-ups than it does.
    let running = match runtime.take() {
        Some(running) => running,
        None => Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("opencode-stream")
            .enable_all()
            .build()?,
    };
    running.spawn(task);
    *runtime = Some(running);
    Ok(())
}
