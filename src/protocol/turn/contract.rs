//! What goes into a turn and what comes out of it.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::asks::Policies;
use crate::error::Failure;
use crate::protocol::dialect::Stored;
use crate::protocol::event::Ask;
use crate::protocol::release::Generation;
use crate::protocol::reply::AskReply;
use crate::protocol::stream_event::StreamEvent;

/// Who tells a turn what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// OpenCode's bus, which leaves things open, and a server that can be asked.
    Bus,
    /// The streams of a child of ours: it says itself when the turn is over, or ends.
    Child,
}

/// What a turn must know before it begins.
#[derive(Clone, Debug)]
pub struct TurnConfig {
    pub route: &'static str,
    pub granularity: &'static str,
    pub wire: Wire,
    pub session_id: String,
    pub version: Option<String>,
    pub generation: Generation,
    pub policies: Policies,
    /// From the acceptance of the prompt to the first sign that it runs.
    pub accept: Duration,
    /// The texts of our prompt: they tell our message from another client's.
    pub texts: Vec<String>,
    /// The messages the session had before the prompt.
    pub before: HashSet<String>,
}

/// What the driver must do next.
#[derive(Debug)]
pub enum Output {
    Emit(StreamEvent),
    /// Answer an ask.
    Reply(AskReply),
    /// Ask the caller's code; what it says goes to `Turn::on_answer`.
    Ask(StreamEvent),
    /// Another client answered what the caller's code was asked.
    AskClosed(String),
    /// Ask the server how things are; the answer goes to `Turn::on_snapshot`, or to `Turn::on_look`.
    Fetch,
    /// Generation 2: the prompt waits and nothing will run it; sending it again, with its id, does.
    Resend,
    /// The session runs and its events do not come: listen elsewhere.
    Silent,
    /// Stop the session and its descendants inside OpenCode.
    Abort,
    /// The last output.
    Finish(Box<Result<Value, Failure>>),
}

/// How the server says things are.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The session is listed as busy or retrying.
    pub busy: bool,
    pub messages: Vec<Stored>,
    pub asks: Vec<Ask>,
    /// The sessions of subagents.
    pub children: Vec<String>,
}
