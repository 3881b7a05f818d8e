//! The runtime under all turns of the process. Ours and not napi's: that one ends with the JavaScript
//! environment that loaded it first, though worker threads may still have turns on it.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    // One worker: the work is reading sockets, and a second one costs more in wake-ups than it does.
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("opencode-stream")
            .enable_all()
            .build()
            .expect("the system gives no thread to read with")
    });
    runtime.spawn(task);
}
