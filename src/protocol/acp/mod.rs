//! `opencode acp`: the Agent Client Protocol, JSON-RPC over the standard streams of a child, one message a
//! line. A [`Conversation`] is one child's one turn: initialize, open a session, set it, prompt, updates,
//! answer. Pure: lines in, lines and events out.

mod opening;
mod prompt;
mod settings;
mod update;

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::dialect::Stored;
use super::event::{Ask, AskKind, AskedBy, BusEvent};
use crate::error::{Code, Failure};

pub use self::opening::SessionChoice;
pub use self::prompt::block;
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

/// One JSON-RPC message.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<RpcError>,
}

#[derive(Debug, Deserialize)]
struct RpcError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
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

    /// Answers an ask of the child: `once`, `always` or `reject`. Says whether there was one.
    pub fn answer(&mut self, ask: &str, reply: &str) -> bool {
        let Some(id) = self.asks.remove(ask) else { return false };
        let outcome = json!({ "outcome": { "outcome": "selected", "optionId": reply } });
        self.reply(&id, "result", &outcome);
        true
    }

    /// The release, once it has said.
    pub fn version(&self) -> Option<String> {
        self.version.clone()
    }

    /// Whether a tool runs now.
    pub fn is_in_a_tool(&self) -> bool {
        self.dialect.as_ref().is_some_and(UpdateDialect::is_in_a_tool)
    }

    /// What the session has cost so far, in USD, if the release says.
    pub fn cost(&self) -> Option<f64> {
        self.dialect.as_ref().and_then(|dialect| dialect.cost)
    }

    /// One line of the child's standard output. What is no JSON-RPC message is read over.
    pub fn line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let Ok(message) = serde_json::from_str::<Message<'_>>(&line) else { return };
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

    /// A request of the child's.
    fn asked(&mut self, method: &str, id: &RawValue, params: Option<&RawValue>) {
        let id: Value = serde_json::from_str(id.get()).unwrap_or_default();
        let params: Value =
            params.and_then(|params| serde_json::from_str(params.get()).ok()).unwrap_or_default();
        let Some(session) = self.session.clone().filter(|_| method == "session/request_permission") else {
            let error = json!({ "code": -32601, "message": format!("{method} is not offered") });
            return self.reply(&id, "error", &error);
        };
        let ask_id = format!("acp_ask_{id}");
        self.asks.insert(ask_id.clone(), id);
        let ask = self.permission(ask_id, session, &params);
        self.outputs.push_back(Output::Event(BusEvent::Asked(ask)));
    }

    /// The wire names neither the permission nor its patterns in all releases: they are read off the call.
    fn permission(&self, id: String, session: String, params: &Value) -> Ask {
        let call = &params["toolCall"];
        let (input, call_id) = (&call["rawInput"], call["toolCallId"].as_str().unwrap_or_default());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let known = self.dialect.as_ref().and_then(|dialect| dialect.tool(call_id));
        let outside = text(&input["parentDir"]);
        let permission = match (&outside, known) {
            (Some(_), _) => "external_directory".to_owned(),
            (None, Some((_, tool))) => tool.to_owned(),
            (None, None) => text(&call["title"]).unwrap_or_default(),
        };
        let pattern = outside.map(|folder| format!("{folder}/*")).or_else(|| text(&input["command"]));
        let message_id = known.map(|(message, _)| message.to_owned());
        Ask {
            id,
            session_id: session,
            kind: AskKind::Permission {
                permission,
                patterns: pattern.into_iter().collect(),
                metadata: input.clone(),
                old_route: false,
            },
            tool: message_id.map(|message_id| AskedBy { message_id, call_id: call_id.to_owned() }),
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

    /// Another client stopped the turn, unless we did.
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

impl RpcError {
    fn words(&self) -> &str {
        self.message.strip_prefix("Internal error: ").unwrap_or(&self.message)
    }

    /// As OpenCode would have told it on its bus.
    fn as_opencode(&self) -> Value {
        let name = self.data["errorName"].as_str().unwrap_or("UnknownError");
        json!({ "name": name, "data": { "message": self.words() } })
    }
}

impl Conversation {
    fn failure(&self, step: Step, error: &RpcError) -> Failure {
        let words = error.words().to_owned();
        match (step, &self.config.session) {
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
