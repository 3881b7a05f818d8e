//! Requests of a running turn that must get through.

use std::time::Duration;

use futures::future::join_all;

use super::LEAVE;
use crate::error::{Code, Failure};
use crate::protocol::reply::AskReply;
use crate::transport::Api;

/// How long a reply that failed waits for the next try; the wait doubles, up to so many times the first.
const REPLY_BACKOFF: Duration = Duration::from_millis(100);
const REPLY_PATIENCE: u32 = 32;

/// An ask that is not answered holds the turn for ever, so a reply that fails is sent again.
pub async fn answer_ask(api: &Api, answered: &AskReply) -> Result<(), Failure> {
    let Some((path, body)) = answered.request() else { return Ok(()) };
    let mut wait = REPLY_BACKOFF;
    loop {
        let failure = match api.reply(&path, &body).await {
            // Any answer of OpenCode will do: if it knows no such ask, another client was faster.
            Ok(answer) if answer.status < 500 => return Ok(()),
            Ok(answer) => answer.refusal(),
            Err(error) => Some(error.failure),
        };
        if wait > REPLY_BACKOFF * REPLY_PATIENCE {
            let why = failure.map(|failure| failure.message).unwrap_or_default();
            return Err(Failure::new(Code::Unreachable, "an ask of the agent could not be answered")
                .cause(why)
                .hint("see the server's log; without an answer the agent would wait for ever"));
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

/// How long a turn that was left, and did not stop in time, is watched for.
const LATE: u32 = 20;
const LATE_LOOK: Duration = Duration::from_millis(500);

/// An abort that comes before the prompt runs stops nothing, and a machine under load may take long to begin:
/// what runs late is stopped then.
pub async fn stop_late(api: &Api, sessions: &[String]) {
    let Some(root) = sessions.first() else { return };
    let mut ran = false;
    for _ in 0..LATE {
        tokio::time::sleep(LATE_LOOK).await;
        match api.is_busy(root).await {
            Ok(true) => {
                ran = true;
                abort(api, sessions, &[]).await;
            }
            Ok(false) if ran => return,
            Ok(false) => {}
            Err(_) => return,
        }
    }
}

/// Stops sessions inside OpenCode, and takes back what they still ask.
pub async fn abort(api: &Api, sessions: &[String], asks: &[AskReply]) {
    let replies = asks.iter().filter_map(AskReply::request);
    join_all(replies.map(|(path, body)| async move {
        let _ = tokio::time::timeout(LEAVE, api.reply(&path, &body)).await;
    }))
    .await;
    join_all(sessions.iter().map(|session| api.abort(session, LEAVE))).await;
}
