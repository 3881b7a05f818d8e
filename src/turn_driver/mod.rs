//! Drives one turn: gets it ready, sends the prompt once, pumps events in and outputs out, cleans up.

mod api_client;
mod api_v2;
mod cli;
mod created_session;
pub mod errand;
mod farewell;
mod folders;
mod jobs;
mod leave;
mod past;
mod prepare;
mod pump;
mod queue;
mod requests;
mod route;
mod session_setup;
mod settings;
mod validate;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use self::created_session::CreatedSession;
use self::leave::left;
pub use self::leave::{LEAVE, Leaving};
use self::past::Desk;
use self::queue::Ticket;
use self::route::{Ready, ready};
use crate::error::{Code, Failure};
use crate::mailbox::Mailbox;
use crate::protocol::reply::Reply;
use crate::protocol::stream_event::{StreamEvent, Usage};
use crate::request::{Timeouts, TurnRequest};
use crate::transport::Holdings;

/// What the caller's code says to asks, by the id of the ask.
pub type Answers = mpsc::UnboundedReceiver<(String, Reply)>;

/// Lines up for the session the turn names, if it names one: in call order, so at the call.
pub fn line_up(request: &TurnRequest) -> Option<Ticket> {
    let session = request.session.id.as_ref().filter(|_| !request.session.fork)?;
    Some(queue::line_up(session))
}

/// What a turn came to, and what it still has to see to.
pub struct Ended {
    pub outcome: Result<Value, Failure>,
    pub farewell: Option<JoinHandle<()>>,
}

impl From<Result<Value, Failure>> for Ended {
    fn from(outcome: Result<Value, Failure>) -> Self {
        Self { outcome, farewell: None }
    }
}

/// Runs the turn to its end and puts its outcome into the mailbox, whatever happens. What is returned is still
/// being seen to; it is worth waiting for, for [`LEAVE`] at most.
pub async fn run(
    request: TurnRequest,
    ticket: Option<Ticket>,
    holdings: Arc<Holdings>,
    mailbox: Arc<Mailbox>,
    leave: Leaving,
    answers: Answers,
) -> Option<JoinHandle<()>> {
    let driven =
        AssertUnwindSafe(drive(&request, ticket, &holdings, &mailbox, leave, answers)).catch_unwind().await;
    let Ended { outcome, farewell } = driven.unwrap_or_else(|_| {
        Err(Failure::new(Code::Protocol, "opencode-stream itself failed in the middle of the turn")
            .accepted(crate::error::Accepted::Unknown)
            .hint("this is a defect of opencode-stream: please report it"))
        .into()
    });
    mailbox.finish(&outcome.map_err(|failure| failure.redact(&request.target.secrets())));
    farewell
}

async fn drive(
    request: &TurnRequest,
    ticket: Option<Ticket>,
    holdings: &Holdings,
    mailbox: &Arc<Mailbox>,
    mut leave: Leaving,
    mut answers: Answers,
) -> Ended {
    let deadline = deadline_of(&request.target.timeouts);
    let created = CreatedSession::default();
    let prepared = tokio::select! {
        biased;
        _ = left(&mut leave, request.on_leave) => Ok(None),
        failure = expire(deadline) => Err(failure),
        prepared = ready(request, ticket, holdings, &created, Desk { mailbox, answers: &mut answers, deadline }) => {
            prepared.map(Some)
        }
    };
    match prepared {
        Ok(Some(Ready::Http(prepared))) => {
            pump::pump(request, *prepared, mailbox, leave, answers, deadline).await
        }
        Ok(Some(Ready::Acp(prepared))) => {
            cli::pump_acp(request, *prepared, mailbox, leave, answers, deadline).await.into()
        }
        Ok(Some(Ready::Run(prepared))) => {
            cli::pump_run(request, *prepared, mailbox, leave, deadline).await.into()
        }
        Ok(None) => {
            let farewell = created.undo().await;
            Ended { outcome: Ok(left_before_the_prompt(request, mailbox)), farewell }
        }
        Err(failure) => Ended { outcome: Err(failure), farewell: created.undo().await },
    }
}

/// When the whole turn runs out of time, and how much it has.
fn deadline_of(timeouts: &Timeouts) -> Option<(Instant, Duration)> {
    let total = timeouts.total?;
    Some((Instant::now() + total.saturating_sub(timeouts.waited), total))
}

/// Never ends where there is no total timeout.
async fn expire(deadline: Option<(Instant, Duration)>) -> Failure {
    match deadline {
        Some((at, total)) => {
            sleep_until(at).await;
            Failure::new(Code::Timeout, format!("the turn took longer than {} ms", total.as_millis()))
                .data(json!({ "phase": "total" }))
                .hint("raise timeouts.total, or leave it out: a thinking model is then never a timeout")
        }
        None => std::future::pending().await,
    }
}

/// The result of a turn that was left before anything was sent: it took no route, and has a session only
/// if one was named. `lib/aborted-result.js` makes the same of a turn that never came here.
fn left_before_the_prompt(request: &TurnRequest, mailbox: &Mailbox) -> Value {
    let session_id = request.session.id.clone().filter(|_| !request.session.fork);
    let mut result = json!({
        "text": "",
        "finishReason": "abort",
        "usage": Usage::default(),
        "cost": 0,
        "parts": [],
        "asks": [],
        "reconnects": 0,
        "discarded": 0,
    });
    if let Some(session) = &session_id {
        result["sessionID"] = Value::from(session.clone());
    }
    let _ = mailbox.push(StreamEvent::Finish { session_id, result: Arc::new(result.clone()) });
    result
}
