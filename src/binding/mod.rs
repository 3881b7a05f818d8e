//! The one place that names napi: converts, and decides nothing. Failures cross as values, since a
//! rejected native promise cannot carry our code.

// napi hands owned values to what it exports.
#![allow(clippy::needless_pass_by_value)]

mod bell;
mod runtime;

use std::sync::Arc;

use napi::bindgen_prelude::Function;
use napi::{Error, Result, Status};
use napi_derive::napi;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, watch};

use self::bell::Bell;
use crate::error::Failure;
use crate::let_others_run::let_others_run;
use crate::mailbox::Mailbox;
use crate::protocol::reply::Reply;
use crate::request::{OnLeave, TargetRequest, TurnRequest};
use crate::transport::{self, Holdings};
use crate::turn_driver::{self, errand};

/// How many rounds of the runtime a ring waits: what is at hand is read meanwhile, so that a fast answer
/// crosses in batches.
const ROUNDS: usize = 32;

/// What one `OpenCode` holds: servers of our own end with their last holder.
#[napi]
pub struct Client {
    holdings: Arc<Holdings>,
}

#[napi]
impl Client {
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { holdings: Arc::default() }
    }

    /// Starts one turn at once. `request` is a `TurnRequest` as JSON. `bell` is called, without arguments,
    /// each time something could be taken after a call on the turn had come away with null. It keeps Node
    /// alive until the turn has its outcome.
    #[napi(catch_unwind)]
    pub fn start(&self, request: String, bell: Function<(), ()>) -> Result<Turn> {
        Turn::start(&request, bell, self.holdings.clone())
    }

    /// Does something with the session that `request`, a `TurnRequest` as JSON, names: `'delete'` it, or `'find'` the
    /// request's prompt in it. `done` gets `{"result"}` or `{"error"}` as JSON.
    #[napi(catch_unwind)]
    pub fn errand(&self, request: String, what: String, done: Function<String, ()>) -> Result<()> {
        let request = TurnRequest::read(&request).map_err(|error| misread(&error))?;
        let asked = if what == "delete" { errand::Errand::Delete } else { errand::Errand::Find };
        transport::ready_clients(&request.target);
        let done = done.build_threadsafe_function().callee_handled::<false>().build()?;
        let holdings = self.holdings.clone();
        runtime::spawn(async move {
            let outcome = outcome_json(&errand::run(request, holdings, asked).await);
            done.call(outcome, napi::threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking);
        })?;
        Ok(())
    }

    /// Lets go of what was started; `done` is called when all that nobody else holds has ended.
    #[napi(catch_unwind)]
    pub fn let_go(&self, done: Function<(), ()>) -> Result<()> {
        let bell = Bell::new(done)?;
        let holdings = self.holdings.clone();
        runtime::spawn(async move {
            holdings.let_go().await;
            bell.ring();
        })?;
        Ok(())
    }
}

/// One turn. Dropping it leaves it, as its option `onLeave` says.
#[napi]
pub struct Turn {
    mailbox: Arc<Mailbox>,
    leave: watch::Sender<Option<OnLeave>>,
    answers: mpsc::UnboundedSender<(String, Reply)>,
}

impl Turn {
    fn start(request: &str, bell: Function<(), ()>, holdings: Arc<Holdings>) -> Result<Turn> {
        let request = TurnRequest::read(request).map_err(|error| misread(&error))?;
        transport::ready_clients(&request.target);
        let bell = Arc::new(Bell::new(bell)?);
        let something = Arc::new(Notify::new());
        let written = something.clone();
        let mailbox = Arc::new(Mailbox::new(request.limits.buffered as usize, move || written.notify_one()));
        let (leave, left) = watch::channel(None);
        let (answers, answered) = mpsc::unbounded_channel();
        let mail = mailbox.clone();
        let ticket = turn_driver::line_up(&request);
        runtime::spawn(async move {
            let ringing = tokio::spawn(ring_for(something, bell.clone()));
            let farewell = turn_driver::run(request, ticket, holdings, mail, left, answered).await;
            ringing.abort();
            bell.ring();
            if let Some(farewell) = farewell {
                // The process stays while something still runs for the turn inside OpenCode.
                let _ = tokio::time::timeout(turn_driver::LEAVE, farewell).await;
            }
            bell.put_away();
        })?;
        Ok(Turn { mailbox, leave, answers })
    }
}

/// Rings each time something was written for a reader that waits.
async fn ring_for(something: Arc<Notify>, bell: Arc<Bell>) {
    loop {
        something.notified().await;
        let_others_run(ROUNDS).await;
        bell.ring();
    }
}

#[napi]
impl Turn {
    /// Unread text of the answer in one string, or null if there is none.
    #[napi(catch_unwind)]
    pub fn take_text(&self) -> Option<String> {
        self.mailbox.take_text()
    }

    /// Unread events as one JSON array, or null if there are none.
    #[napi(catch_unwind)]
    pub fn take_events(&self) -> Option<String> {
        self.mailbox.take_events()
    }

    /// What the caller's code is to answer, as a JSON array of `{"ask"}` and `{"closed": id}`, or null.
    #[napi(catch_unwind)]
    pub fn take_asks(&self) -> Option<String> {
        self.mailbox.take_asks()
    }

    /// Answers an ask with `{"reply", "message"?}` as JSON.
    #[napi(catch_unwind)]
    pub fn answer(&self, id: String, reply: String) -> Result<()> {
        let reply = parse(&reply)?;
        // A turn that is over needs no answer.
        let _ = self.answers.send((id, reply));
        Ok(())
    }

    /// Null while the turn runs; then `{"result"}` or `{"error"}` as JSON.
    #[napi(catch_unwind)]
    pub fn outcome(&self) -> Option<String> {
        self.mailbox.outcome().map(|outcome| outcome.as_ref().to_owned())
    }

    /// Known from the `start` event on.
    #[napi(getter, js_name = "sessionID", catch_unwind)]
    pub fn session_id(&self) -> Option<String> {
        self.mailbox.session_id()
    }

    /// Stops the turn inside OpenCode; its outcome follows within seconds.
    #[napi(catch_unwind)]
    pub fn leave(&self) {
        self.leave.send_replace(Some(OnLeave::Abort));
    }

    /// Lets the turn run on inside OpenCode; its outcome follows within seconds.
    #[napi(catch_unwind)]
    pub fn detach(&self) {
        let first = |left: &mut Option<OnLeave>| left.is_none() && left.replace(OnLeave::Detach).is_none();
        self.leave.send_if_modified(first);
    }
}

/// Asks a server how it is; `done` gets `{"result"}` or `{"error"}` as JSON.
#[napi(catch_unwind)]
pub fn health(request: String, done: Function<String, ()>) -> Result<()> {
    let target: TargetRequest = parse(&request)?;
    transport::ready_clients(&target);
    let done = done.build_threadsafe_function().callee_handled::<false>().build()?;
    runtime::spawn(async move {
        let outcome = outcome_json(
            &transport::health(&target).await.map_err(|failure| failure.redact(&target.secrets())),
        );
        done.call(outcome, napi::threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking);
    })?;
    Ok(())
}

fn outcome_json(outcome: &std::result::Result<Value, Failure>) -> String {
    match outcome {
        Ok(result) => json!({ "result": result }),
        Err(failure) => json!({ "error": failure.to_json() }),
    }
    .to_string()
}

fn parse<T: serde::de::DeserializeOwned>(request: &str) -> Result<T> {
    serde_json::from_str(request).map_err(|error| misread(&error))
}

fn misread(error: &serde_json::Error) -> Error {
    Error::new(Status::InvalidArg, format!("bad request: {error}"))
}
