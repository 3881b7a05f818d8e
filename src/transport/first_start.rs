//! The first use of a data folder. Programs that set up one database at the same moment fail, so the first starts of
//! this process go one after another; what another process does meanwhile is a reason to start again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::timeout;

/// How long one start waits for another: a program that never gets ready must not hold up all others.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a start is tried again, and the first pause; it doubles.
pub const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(250);
/// How many data folders are remembered.
const MOST_KNOWN: usize = 256;

/// While it is held, no other program of this process starts in the data folder. Dropping it lets the next one be
/// the first.
pub struct FirstStart(OwnedMutexGuard<bool>);

impl FirstStart {
    /// The program is ready: from now on any number may start at once.
    pub fn is_ready(mut self) {
        *self.0 = true;
    }
}

/// Waits until it is this program's turn; `None` if one has got ready in its data folder before, or if that takes
/// too long.
pub async fn first_start(executable: &Path, environment: &BTreeMap<String, String>) -> Option<FirstStart> {
    let alone = timeout(PATIENCE, folder(executable, environment).lock_owned()).await.ok()?;
    (!*alone).then_some(FirstStart(alone))
}

/// Whether a program has got ready, by its data folder.
type Known = HashMap<String, Arc<AsyncMutex<bool>>>;

fn folder(executable: &Path, environment: &BTreeMap<String, String>) -> Arc<AsyncMutex<bool>> {
    static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
    const NAMES: [&str; 5] = ["HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_DATA_HOME", "OPENCODE_DB"];
    let places = NAMES.map(|name| environment.get(name).map_or("", String::as_str));
    let key = format!("{}\n{}", executable.display(), places.join("\n"));
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST_KNOWN {
        known.clear();
    }
    known.entry(key).or_default().clone()
}

/// Whether a program that ended before it was ready might do better if it is started again: its port was taken
/// meanwhile, or another one set up the database.
pub fn may_start_again(stderr: &str) -> bool {
    is_port_taken(stderr) || is_database_busy(stderr)
}

pub fn is_port_taken(stderr: &str) -> bool {
    // All that 1.18.33 says is the name of the error.
    ["Failed to start server on port", "EADDRINUSE", "ServeError"].iter().any(|words| stderr.contains(words))
}

pub fn is_database_busy(stderr: &str) -> bool {
    let is_set_up = stderr.contains("Failed query")
        && ["CREATE ", "ALTER ", "PRAGMA ", "DROP "].iter().any(|words| stderr.contains(words));
    is_set_up
        || ["database is locked", "SQLITE_BUSY", "SQLITE_LOCKED"].iter().any(|words| stderr.contains(words))
}

/// The pause before the n-th try.
pub async fn pause(tried: u32) {
    tokio::time::sleep(PAUSE * 2_u32.saturating_pow(tried.min(TRIES))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_start_of_a_data_folder_is_alone_until_it_is_ready() {
        let environment = BTreeMap::from([("HOME".to_owned(), "/first".to_owned())]);
        let elsewhere = BTreeMap::from([("HOME".to_owned(), "/elsewhere".to_owned())]);
        let path = Path::new("/bin/opencode");
        let first = first_start(path, &environment).await.unwrap();
        assert!(first_start(path, &elsewhere).await.is_some());
        let mut second = std::pin::pin!(first_start(path, &environment));
        assert!(futures::poll!(&mut second).is_pending());
        // It failed: the second is the first now.
        drop(first);
        second.await.unwrap().is_ready();
        assert!(first_start(path, &environment).await.is_none());
    }

    #[test]
    fn what_another_start_may_mend_is_told_from_what_it_may_not() {
        for words in [
            "Error: Unexpected error\n\nServeError\n",
            "Failed to start server on port 4096",
            "Error: Unexpected error\n\nFailed query: \n        CREATE TABLE `workspace` (\n",
            "database is locked",
        ] {
            assert!(may_start_again(words), "{words}");
        }
        for words in ["", "Error: Unexpected error", "Failed query: SELECT 1", "no such file"] {
            assert!(!may_start_again(words), "{words}");
        }
    }
}
