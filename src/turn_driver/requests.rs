//! Requests of a running turn that must get through.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::api_client::ApiClient;
use crate::error::{Code, Failure};
use crate::protocol::reply::AskReply;

/// How long a reply that failed waits for the next try; the wait doubles, up to so many times the first.
const REPLY_BACKOFF: Duration = Duration::from_millis(100);
const REPLY_PATIENCE: u32 = 32;

/// An ask that is not answered holds the turn for ever, so a reply that fails is sent again. A server that
/// does not answer at all has `timeouts.accept` for all tries together.
pub async fn answer_ask(api: &ApiClient, answered: &AskReply) -> Result<(), Failure> {
    let by = Instant::now() + api.server().accept;
    let mut wait = REPLY_BACKOFF;
    loop {
        let why = match timeout_at(by, api.reply(answered)).await {
            // Another client is to answer.
            Ok(None) => return Ok(()),
            // Any answer of OpenCode will do: if it knows no such ask, another client was faster.
            Ok(Some(Ok(answer))) if answer.status < 500 => return Ok(()),
            Ok(Some(Ok(answer))) => answer.refusal().map(|failure| failure.message),
            Ok(Some(Err(error))) => Some(error.failure.message),
            Err(_) => None,
        };
        if wait > REPLY_BACKOFF * REPLY_PATIENCE || Instant::now() >= by {
            let why = why.unwrap_or_else(|| "the server did not answer".to_owned());
            return Err(Failure::new(Code::Unreachable, "an ask of the agent could not be answered")
                .cause(why)
                .hint("see the server's log; without an answer the agent would wait for ever"));
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}
