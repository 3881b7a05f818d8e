//! The runtime under all turns of the process. Ours and not napi's: that one ends with the JavaScript
//! environment that loaded it first, though worker threads may still have turns on it.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle};

/// # Errors
/// When the system gives no thread to read with.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if runtime.is_none() {
        *runtime = Some(start()?);
    }
    if let Some(runtime) = runtime.as_ref() {
        runtime.spawn(task);
    }
    Ok(())
}

/// One thread: the work is reading sockets, and a second one costs more in wake-ups than it does.
fn start() -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("opencode-stream".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}
