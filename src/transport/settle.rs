//! A prompt was sent and its answer did not come: did OpenCode take it? It is never sent again.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::api::Api;
use super::http::CallError;
use crate::error::{Accepted, Failure};
use crate::protocol::dialect::Stored;
use crate::protocol::event::{PartKind, Role};

/// How long a prompt that arrived may need to show among the session's messages, and how long a server
/// that does not say may need to say it.
const SETTLE: Duration = Duration::from_secs(1);
/// How often a server that says nothing is asked.
const LOOKS: u32 = 5;

/// What tells our prompt from those of other clients.
#[derive(Clone)]
pub struct Prompted {
    /// The messages the session had before.
    pub before: HashSet<String>,
    /// The texts of the prompt.
    pub texts: Vec<String>,
    /// The session was made for this prompt.
    pub fresh: bool,
    /// The id it was sent with, where it has one (generation 2).
    pub id: Option<String>,
}

impl Prompted {
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// Whether a stored message is our prompt: by its words, since other clients prompt too. Of a prompt
    /// without words, or one that OpenCode cannot list, only that the session is ours can tell.
    pub fn is(&self, message: &Stored) -> bool {
        if message.info.role != Role::User || self.before.contains(&message.info.id) {
            return false;
        }
        let mut words = message.parts.iter().filter(|part| part.kind == PartKind::Text && !part.synthetic);
        if self.texts.is_empty() || message.parts.is_empty() {
            return self.fresh;
        }
        words.any(|part| self.texts.contains(&part.text.decode(0, part.text.len())))
    }
}

/// `Ok` if a new message of the user, with our words, shows that the prompt was taken.
///
/// # Errors
/// When none does; whether OpenCode took the prompt is then unknown, unless the request never left.
pub async fn ambiguous_send(
    api: &Api,
    session: &str,
    prompted: &Prompted,
    error: CallError,
) -> Result<(), Failure> {
    if !error.may_have_arrived {
        return Err(error.failure.accepted(Accepted::No));
    }
    let by = Instant::now() + api.server.accept.max(SETTLE * LOOKS);
    if timeout_at(by, shows(api, session, prompted)).await == Ok(true) {
        return Ok(());
    }
    let hint = "call `opencode.findPrompt()` with the session before prompting again: running a prompt twice can do damage";
    Err(error.failure.accepted(Accepted::Unknown).hint(hint))
}

async fn shows(api: &Api, session: &str, prompted: &Prompted) -> bool {
    let mut answered = 0;
    for look in 0..LOOKS {
        if look > 0 {
            sleep(SETTLE).await;
        }
        let Ok(messages) = api.messages(session).await else { continue };
        if messages.iter().any(|message| prompted.is(message)) {
            return true;
        }
        answered += 1;
        if answered == 2 {
            break;
        }
    }
    false
}
