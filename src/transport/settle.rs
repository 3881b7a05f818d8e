//! A prompt was sent and its answer did not come: did OpenCode take it? It is never sent again.

use std::collections::HashSet;
use std::time::Duration;

use super::api::Api;
use super::http::CallError;
use crate::error::{Accepted, Failure};
use crate::protocol::event::Role;

/// How long a prompt that arrived may need to show among the session's messages, and how long a server
/// that does not say may need to say it.
const SETTLE: Duration = Duration::from_secs(1);
/// How often a server that says nothing is asked.
const LOOKS: u32 = 5;

/// `Ok` if a new message of the user shows that the prompt was taken.
///
/// # Errors
/// When none does; whether OpenCode took the prompt is then unknown, unless the request never left.
pub async fn ambiguous_send(
    api: &Api,
    session: &str,
    before: &HashSet<String>,
    error: CallError,
) -> Result<(), Failure> {
    if !error.may_have_arrived {
        return Err(error.failure.accepted(Accepted::No));
    }
    let mut answered = 0;
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(SETTLE).await;
        }
        let Ok(snapshot) = api.snapshot(session).await else { continue };
        let taken = snapshot
            .messages
            .iter()
            .any(|message| message.info.role == Role::User && !before.contains(&message.info.id));
        if taken || snapshot.busy {
            return Ok(());
        }
        answered += 1;
        if answered == 2 {
            break;
        }
    }
    let hint = "look into the session before prompting again: running a prompt twice can do damage";
    Err(error.failure.accepted(Accepted::Unknown).hint(hint))
}
