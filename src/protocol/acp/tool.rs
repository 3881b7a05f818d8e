//! A tool call as the updates of the wire tell it, and as OpenCode's own part object.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::update::Update;
use crate::protocol::json;
use crate::protocol::text::read;

#[derive(Debug)]
pub struct ToolCall {
    pub part: String,
    pub message: String,
    /// The tool's name: only the first update has it, as its title.
    pub tool: String,
    pub state: State,
    pub over: bool,
}

/// What is nested too deep to be read is passed on as it came.
#[derive(Debug, Default, Serialize)]
pub struct State {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Default, Deserialize)]
struct RawOutput {
    #[serde(default)]
    metadata: Option<Box<RawValue>>,
    #[serde(default)]
    output: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<Box<RawValue>>,
}

impl ToolCall {
    pub fn new(part: String, message: String, tool: String) -> Self {
        let state =
            State { status: "pending", input: RawValue::from_string("{}".into()).ok(), ..State::default() };
        Self { part, message, tool, state, over: false }
    }

    pub fn take(&mut self, update: Update) {
        let status = match update.status.as_deref() {
            Some("in_progress") => "running",
            Some("completed") => "completed",
            Some("failed") => "error",
            _ => "pending",
        };
        self.over = matches!(status, "completed" | "error");
        self.state.status = status;
        if update.raw_input.is_some() {
            self.state.input = update.raw_input;
        }
        if let Some(title) = update.title.filter(|title| *title != self.tool) {
            self.state.title = Some(title);
        }
        let blocks = update.content.and_then(|content| json::value(content.get().as_bytes()));
        let blocks = blocks.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = blocks.iter().find_map(|block| block.pointer("/content/text")?.as_str());
        let output: RawOutput = update.raw_output.and_then(|output| read(output.get())).unwrap_or_default();
        if output.metadata.is_some() {
            self.state.metadata = output.metadata;
        } else if let Some(text) = text.filter(|_| status == "running") {
            let output = serde_json::json!({ "output": text }).to_string();
            self.state.metadata = RawValue::from_string(output).ok();
        }
        let words = |named: Option<Box<RawValue>>| {
            let named = named.and_then(|words| read::<String>(words.get()));
            Some(named.or_else(|| text.map(str::to_owned)).unwrap_or_default())
        };
        match status {
            "completed" => self.state.output = words(output.output),
            "error" => self.state.error = words(output.error),
            _ => {}
        }
    }

    /// As OpenCode's part object, in JSON.
    pub fn object(&self, session: &str, call: &str) -> String {
        #[derive(Serialize)]
        struct Object<'a> {
            id: &'a str,
            #[serde(rename = "sessionID")]
            session: &'a str,
            #[serde(rename = "messageID")]
            message: &'a str,
            #[serde(rename = "type")]
            kind: &'a str,
            #[serde(rename = "callID")]
            call: &'a str,
            tool: &'a str,
            state: &'a State,
        }
        let Self { part, message, tool, state, .. } = self;
        let object = Object { id: part, session, message, kind: "tool", call, tool, state };
        serde_json::to_string(&object).unwrap_or_default()
    }
}
