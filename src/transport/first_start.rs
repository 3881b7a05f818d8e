//! Starts of OpenCode that fail for a moment only. Where it never ran, each start sets up the one database of
//! its data folder, and of several at once all but one fail; a port that was free may be taken when it is bound.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// How often a start is tried, and how long apart. The waits come to 7 s: a database takes about one.
pub const TRIES: u32 = 8;

/// How long to wait before the next try.
pub fn pause(tries: u32) -> Duration {
    Duration::from_millis(100) * (1 << tries.min(4))
}

/// What OpenCode says when another process sets up or holds its database (1.2.1 to 1.18.33).
pub fn is_database_busy(stderr: &str) -> bool {
    ["database is locked", "Failed query", "SQLITE_BUSY", "CREATE TABLE", "already exists"]
        .iter()
        .any(|words| stderr.contains(words))
}

/// What it says when its port is taken: 1.18.33 only that it cannot serve.
pub fn is_port_taken(stderr: &str) -> bool {
    ["Failed to start server on port", "EADDRINUSE", "ServeError"].iter().any(|words| stderr.contains(words))
}

type Folder = (String, String);

/// Which data folder a start with this environment uses, and by which executable.
fn folder(executable: &Path, environment: &BTreeMap<String, String>) -> Folder {
    let of = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let home = of("XDG_DATA_HOME").or_else(|| of("HOME")).or_else(|| of("USERPROFILE"));
    (executable.to_string_lossy().into_owned(), home.cloned().unwrap_or_default())
}

/// The turn to start: while it is held, no other first start of the data folder begins in this process.
pub struct Turn {
    folder: Folder,
    _held: Option<OwnedMutexGuard<()>>,
}

impl Turn {
    /// Waits until no other first start is under way. Once one has succeeded none is waited for.
    pub async fn take(executable: &Path, environment: &BTreeMap<String, String>) -> Self {
        let folder = folder(executable, environment);
        if lock_done().contains(&folder) {
            return Self { folder, _held: None };
        }
        let queue = lock_queues().entry(folder.clone()).or_default().clone();
        let held = queue.lock_owned().await;
        let _held = if lock_done().contains(&folder) { None } else { Some(held) };
        Self { folder, _held }
    }

    /// It has started: the folder is set up.
    pub fn succeeded(self) {
        lock_done().insert(self.folder.clone());
        lock_queues().remove(&self.folder);
    }
}

fn lock_done() -> std::sync::MutexGuard<'static, HashSet<Folder>> {
    static DONE: OnceLock<Mutex<HashSet<Folder>>> = OnceLock::new();
    DONE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

type Queues = HashMap<Folder, Arc<AsyncMutex<()>>>;

fn lock_queues() -> std::sync::MutexGuard<'static, Queues> {
    static QUEUES: OnceLock<Mutex<Queues>> = OnceLock::new();
    QUEUES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        assert!(is_database_busy("Error: Unexpected error\n\nFailed query: \n  CREATE TABLE `workspace` ("));
        assert!(is_database_busy("database is locked\n"));
        assert!(!is_database_busy("Error: Unexpected error\n\nConfigInvalidError"));
        assert!(is_port_taken("Error: Unexpected error\n\nServeError\n"));
        assert!(!is_port_taken("Segmentation fault"));
    }

    #[tokio::test]
    async fn first_starts_of_a_folder_go_one_after_another() {
        let environment = BTreeMap::from([("HOME".to_owned(), "/first-start-test".to_owned())]);
        let program = Path::new("/bin/opencode");
        let first = Turn::take(program, &environment).await;
        let mut second = Box::pin(Turn::take(program, &environment));
        assert!(futures::poll!(&mut second).is_pending());
        let elsewhere = BTreeMap::from([("HOME".to_owned(), "/another".to_owned())]);
        drop(Turn::take(program, &elsewhere).await);
        first.succeeded();
        second.await.succeeded();
        // Now nobody waits.
        let (_one, _other) =
            (Turn::take(program, &environment).await, Turn::take(program, &environment).await);
    }
}
