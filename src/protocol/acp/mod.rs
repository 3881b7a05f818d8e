//! `opencode acp`: the Agent Client Protocol, JSON-RPC over the standard streams of a child, one message a
//! line. A [`Conversation`] is one child's one turn: initialize, open a session, set it, prompt, updates,
//! answer. Pure: lines in, lines and events out.

mod asks;
mod opening;
mod prompt;
mod rpc;
mod settings;
mod update;

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::dialect::Stored;
use super::event::BusEvent;
use super::text::without_lone_surrogates;
use crate::error::{Code, Failure};

pub use self::opening::SessionChoice;
use self::opening::unsupported;
pub use self::prompt::block;
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
    /// The conversation cannot go on.
    Failed(Failure),
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
    /// How the prompt was answered.
    stop_reason: Option<String>,
}

impl Conversation {
    pub fn new(config: AcpConfig) -> Self {
        let mut conversation = Self {
            config,
            outputs: VecDeque::new(),
            next_id: 0,
            pending: HashMap::new(),
            version: None,
            capabilities: Value::Null,
            opened: Value::Null,
            session: None,
            dialect: None,
            asks: HashMap::new(),
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

    /// Sends the prompt, once; `blocks` as [`block`] makes them.
    pub fn prompt(&mut self, blocks: &[Value]) {
        let Some(session) = self.session.clone() else { return };
        self.dialect = Some(UpdateDialect::new(&session));
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

    /// Whether a tool runs now.
    pub fn is_in_a_tool(&self) -> bool {
        self.dialect.as_ref().is_some_and(UpdateDialect::is_in_a_tool)
    }

    /// One line of the child's standard output. What is no JSON-RPC message is read over.
    pub fn line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if let Ok(message) = serde_json::from_str::<Message<'_>>(&line) {
            self.message(message);
        } else if let Ok(message) = serde_json::from_str(&without_lone_surrogates(&line)) {
            // Half a character in a title must not cost the answer it stands in.
            self.message(message);
        }
    }

    fn message(&mut self, message: Message<'_>) {
        match (message.method.as_deref(), message.id) {
            (Some("session/update"), None) => self.update(message.params),
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
            let mut events = Vec::new();
            dialect.update(params.update.get(), &mut events);
            self.outputs.extend(events.into_iter().map(Output::Event));
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
    /// Nothing that still comes is heard.
    pub fn end(&mut self, stored: &[Stored]) {
        let Some(mut dialect) = self.dialect.take() else { return };
        let mut events = Vec::new();
        dialect.complete(stored, &mut events);
        dialect.end(self.finish(), &mut events);
        self.outputs.extend(events.into_iter().map(Output::Event));
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
mod tests;
