//! `opencode acp`: the Agent Client Protocol, JSON-RPC over the standard streams of a child, one message a
//! line. A [`Conversation`] is one child's one turn: initialize, open a session, set it, prompt, updates,
//! answer. Pure: lines in, lines and events out.

mod abandoned;
mod asks;
mod held;
mod opening;
mod prompt;
mod rpc;
mod settings;
mod tool;
mod update;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::dialect::Stored;
use super::event::BusEvent;
use super::noise::{Piece, pieces, shown};
use super::text::repaired;
use crate::error::{Code, Failure};

pub use self::opening::SessionChoice;
use self::opening::unsupported;
pub use self::prompt::{block, is_command};
pub use self::rpc::STARTS;
use self::rpc::{Message, RpcError};
pub use self::settings::Wanted;
use self::update::UpdateDialect;

/// What the driver must do next.
#[derive(Debug)]
pub enum Output {
    /// Write this line to the child.
    Send(String),
    /// The session is open and set as wanted: the prompt may be sent.
    Open { session_id: String },
    /// Something happened in the turn.
    Event(BusEvent),
    /// The prompt was answered; a release may still bring the last chunks.
    Answered,
    /// Words came that may be a summary of OpenCode's: what it has stored goes to [`Conversation::looked`]. `again`:
    /// it did not tell a moment ago.
    Look { again: bool },
    /// The conversation cannot go on.
    Failed(Failure),
    /// Something of the turn was lost on the way.
    Lost(Failure),
}

/// What a request was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Initialize,
    /// `session/list`, for the newest session.
    List,
    /// `session/new`, `resume`, `load` or `fork`.
    Open,
    Set,
    Prompt,
    /// Anything that must be answered, whatever the answer: the child lives.
    Ping,
}

/// What a conversation is to be about.
#[derive(Clone, Debug)]
pub struct AcpConfig {
    pub directory: String,
    pub session: SessionChoice,
    pub wanted: Wanted,
    /// The id of our first request. What a plugin logs of other conversations is not to be taken for an answer, so
    /// it should be one that nobody else uses.
    pub first_id: u64,
}

pub struct Conversation {
    config: AcpConfig,
    outputs: VecDeque<Output>,
    next_id: u64,
    /// Our requests that are not answered yet.
    pending: HashMap<u64, Step>,
    version: Option<String>,
    /// What the child says it can do with sessions.
    capabilities: Value,
    /// What the session last said of its settings.
    opened: Value,
    session: Option<String>,
    /// From the prompt to the end.
    dialect: Option<UpdateDialect>,
    /// The child's own requests that wait for our answer: ask id, and JSON-RPC id.
    asks: HashMap<String, Value>,
    /// Asks that came while the updates before them were held.
    early_asks: Vec<EarlyAsk>,
    /// How the prompt was answered.
    stop_reason: Option<String>,
}

/// A request of the child's: method, id, parameters.
type EarlyAsk = (String, Box<RawValue>, Option<Box<RawValue>>);

impl Conversation {
    pub fn new(config: AcpConfig) -> Self {
        let mut conversation = Self {
            next_id: config.first_id,
            config,
            outputs: VecDeque::new(),
            pending: HashMap::new(),
            version: None,
            capabilities: Value::Null,
            opened: Value::Null,
            session: None,
            dialect: None,
            asks: HashMap::new(),
            early_asks: Vec::new(),
            stop_reason: None,
        };
        let capabilities =
            json!({ "fs": { "readTextFile": false, "writeTextFile": false }, "terminal": false });
        conversation.request(
            Step::Initialize,
            "initialize",
            &json!({
                "protocolVersion": 1,
                "clientCapabilities": capabilities,
                "clientInfo": { "name": "opencode-stream", "version": env!("CARGO_PKG_VERSION") },
            }),
        );
        conversation
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Sends the prompt, once; `blocks` as [`block`] makes them. `can_look`: [`Output::Look`] can be done.
    pub fn prompt(&mut self, blocks: &[Value], can_look: bool) {
        let Some(session) = self.session.clone() else { return };
        self.dialect = Some(UpdateDialect::new(&session, can_look));
        self.request(Step::Prompt, "session/prompt", &json!({ "sessionId": session, "prompt": blocks }));
    }

    /// Asks for a sign of life.
    pub fn ping(&mut self) {
        // A method that no release knows: the refusal is the sign.
        self.request(Step::Ping, "_opencode-stream/ping", &json!({}));
    }

    /// Tells the child to stop the turn.
    pub fn cancel(&mut self) {
        if let Some(session) = &self.session {
            let params = json!({ "sessionId": session });
            let line = json!({ "jsonrpc": "2.0", "method": "session/cancel", "params": params });
            self.outputs.push_back(Output::Send(line.to_string()));
        }
    }

    /// The release, once it has said.
    pub fn version(&self) -> Option<String> {
        self.version.clone()
    }

    /// Whether the child has answered at all.
    pub fn is_initialized(&self) -> bool {
        !self.capabilities.is_null() || self.version.is_some()
    }

    /// Whether a tool runs now.
    pub fn is_in_a_tool(&self) -> bool {
        self.dialect.as_ref().is_some_and(UpdateDialect::is_in_a_tool)
    }

    /// One line of the child's standard output. Others may write to it too.
    pub fn line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if self.read(&line) {
            return;
        }
        for piece in pieces(&line, STARTS) {
            match piece {
                Piece::Noise(_) => {}
                Piece::Record(message) if self.read(&message) => {}
                // An object that somebody logs, and no message.
                Piece::Record(words) if !words.contains("\"jsonrpc\"") => {}
                Piece::Record(words) | Piece::Torn(words) => {
                    self.outputs.push_back(Output::Lost(torn(&words)));
                }
            }
        }
    }

    /// Returns `false` for what is no message.
    fn read(&mut self, line: &str) -> bool {
        if let Ok(message) = serde_json::from_str::<Message<'_>>(line) {
            self.message(message);
        } else if let Ok(message) = serde_json::from_str(&repaired(line)) {
            // Half a character in a title must not cost the answer it stands in.
            self.message(message);
        } else {
            return false;
        }
        true
    }

    fn message(&mut self, message: Message<'_>) {
        match (message.method.as_deref(), message.id) {
            (Some("session/update"), None) => self.update(message.params),
            (Some(method), Some(id)) if self.is_holding() => {
                self.early_asks.push((
                    method.to_owned(),
                    id.to_owned(),
                    message.params.map(ToOwned::to_owned),
                ));
            }
            (Some(method), Some(id)) => self.asked(method, id, message.params),
            (None, Some(id)) => {
                let step = id.get().parse().ok().and_then(|id: u64| self.pending.remove(&id));
                if let Some(step) = step {
                    let answer = message.error.map_or_else(|| Ok(message.result.unwrap_or_default()), Err);
                    self.answered(step, answer);
                }
            }
            _ => {}
        }
    }

    fn update(&mut self, params: Option<&RawValue>) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Params<'a> {
            session_id: String,
            #[serde(borrow)]
            update: &'a RawValue,
        }
        // Before the prompt, what a session held is told again.
        let Some(dialect) = &mut self.dialect else { return };
        let Some(Ok(params)) = params.map(|params| serde_json::from_str::<Params<'_>>(params.get())) else {
            return;
        };
        if Some(&params.session_id) == self.session.as_ref() {
            let (mut events, was_holding) = (Vec::new(), dialect.is_holding());
            dialect.update(params.update.get(), &mut events);
            if dialect.is_holding() && !was_holding {
                self.outputs.push_back(Output::Look { again: false });
            }
            self.outputs.extend(events.into_iter().map(Output::Event));
        }
    }

    fn is_holding(&self) -> bool {
        self.dialect.as_ref().is_some_and(UpdateDialect::is_holding)
    }

    /// What OpenCode has stored of the turn; `None` where it could not be had.
    pub fn looked(&mut self, stored: Option<&[Stored]>) {
        let Some(dialect) = &mut self.dialect else { return };
        let mut events = Vec::new();
        let again = dialect.looked(stored, &mut events);
        self.outputs.extend(events.into_iter().map(Output::Event));
        if again {
            self.outputs.push_back(Output::Look { again });
        }
        self.ask_what_came_early();
    }

    fn ask_what_came_early(&mut self) {
        if !self.is_holding() {
            for (method, id, params) in std::mem::take(&mut self.early_asks) {
                self.asked(&method, &id, params.as_deref());
            }
        }
    }

    fn answered(&mut self, step: Step, answer: Result<Value, RpcError>) {
        match (step, answer) {
            (Step::Ping, _) => {}
            (Step::Prompt, Ok(result)) => {
                self.stop_reason = result["stopReason"].as_str().map(str::to_owned);
                self.outputs.push_back(Output::Answered);
            }
            (Step::Prompt, Err(error)) if error.is_of_no_session() => self.cannot("go on with a session"),
            (Step::Prompt, Err(error)) => {
                self.outputs.push_back(Output::Event(BusEvent::Error {
                    session_id: self.session.clone(),
                    error: error.as_opencode(),
                }));
                self.outputs.push_back(Output::Answered);
            }
            (Step::Initialize, Ok(result)) => {
                self.version = result["agentInfo"]["version"].as_str().map(str::to_owned);
                self.capabilities = result["agentCapabilities"].clone();
                self.open();
            }
            (Step::List, Ok(result)) => self.listed(&result),
            (Step::Open, Ok(result)) => self.opened(&result),
            (Step::Set, Ok(result)) => {
                if result.get("configOptions").is_some() {
                    self.opened = result;
                }
                self.set_next();
            }
            (step, Err(error)) => {
                let failure = self.failure(step, &error);
                self.outputs.push_back(Output::Failed(failure));
            }
        }
    }

    /// Whether OpenCode has stored more of the answer than has come.
    pub fn lacks(&self, stored: &[Stored]) -> bool {
        self.dialect.as_ref().is_some_and(|dialect| dialect.lacks(stored))
    }

    /// The turn is over: fills in what never came, from what OpenCode has stored, and closes what is open.
    /// Nothing that still comes is heard. Returns the stretches of parts that OpenCode has not kept.
    pub fn end(&mut self, stored: &[Stored]) -> Vec<(String, Range<usize>)> {
        let Some(mut dialect) = self.dialect.take() else { return Vec::new() };
        let mut events = Vec::new();
        while dialect.looked(Some(stored).filter(|stored| !stored.is_empty()), &mut events) {
            if dialect.is_stuck() {
                dialect.looked(None, &mut events);
            }
        }
        dialect.complete(stored, &mut events);
        let abandoned = dialect.abandoned(stored);
        dialect.end(self.finish(), &mut events);
        self.outputs.extend(events.into_iter().map(Output::Event));
        abandoned
    }

    fn finish(&self) -> Option<&'static str> {
        match self.stop_reason.as_deref()? {
            "end_turn" => Some("stop"),
            "max_tokens" => Some("length"),
            "refusal" => Some("content-filter"),
            _ => None,
        }
    }

    /// The turn was stopped: by another client, unless we left.
    pub fn was_cancelled(&self) -> bool {
        self.stop_reason.as_deref() == Some("cancelled")
    }

    fn request(&mut self, step: Step, method: &str, params: &Value) {
        let id = self.next_id;
        self.next_id += 1;
        self.pending.insert(id, step);
        let line = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.outputs.push_back(Output::Send(line.to_string()));
    }

    fn reply(&mut self, id: &Value, field: &str, value: &Value) {
        let mut line = json!({ "jsonrpc": "2.0", "id": id });
        line[field] = value.clone();
        self.outputs.push_back(Output::Send(line.to_string()));
    }
}

/// A message that others wrote into: what it said is lost.
fn torn(words: &str) -> Failure {
    let shown = shown(words);
    Failure::new(Code::Protocol, format!("`opencode acp` wrote a message that cannot be read: {shown}"))
        .hint("a plugin or a tool writes to OpenCode's standard output: make it write to standard error")
        .data(json!({ "line": shown }))
}

impl Conversation {
    fn failure(&self, step: Step, error: &RpcError) -> Failure {
        let words = error.words().to_owned();
        match (step, &self.config.session) {
            (Step::Open, SessionChoice::Existing { fork: true, .. }) if error.is_of_its_own_request() => {
                unsupported("fork a session").cause(words)
            }
            (Step::Open, SessionChoice::Existing { id, .. }) => {
                Failure::new(Code::SessionNotFound, format!("OpenCode cannot open the session '{id}'"))
                    .session(id)
                    .cause(words)
                    .hint("`opencode session list` shows a project's sessions")
            }
            (Step::Set, _) if error.code == -32601 => Failure::new(
                Code::UnsupportedVersion,
                "this release of OpenCode cannot change a session's model or agent over ACP",
            )
            .cause(words)
            .hint("update OpenCode, or set the model by `config`"),
            _ => Failure::new(Code::Protocol, "`opencode acp` refused to begin a session")
                .cause(words)
                .hint("see error.stderr for what it wrote, and try `opencode acp` by hand"),
        }
    }
}

#[cfg(test)]
mod held_tests;
#[cfg(test)]
mod tests;
