//! `session/update` notifications as events of the bus. The wire has no part ids, and message ids only on
//! some updates of some releases: what it lacks gets one of ours, beginning with `acp_`.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::protocol::dialect::Stored;
use crate::protocol::event::{BusEvent, Detail, MessageInfo, PartDelta, PartKind, PartUpdate, Role};
use crate::protocol::text::{Text, read};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    session_update: String,
    /// Of a message on answers, of a part on thoughts (1.18.33; 1.1.31 has none).
    #[serde(default)]
    message_id: Option<String>,
    /// A chunk's content is one block, a tool's a list of them.
    #[serde(default)]
    content: Option<Box<RawValue>>,
    #[serde(default)]
    tool_call_id: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    raw_input: Option<Value>,
    #[serde(default)]
    raw_output: Option<Value>,
}

/// The text of a chunk.
#[derive(Deserialize)]
struct Block {
    #[serde(default)]
    text: Option<Text>,
}

/// Text that is being written.
#[derive(Debug)]
struct Written {
    kind: PartKind,
    part: String,
    message: String,
    text: Text,
    ended: bool,
}

#[derive(Debug)]
struct ToolCall {
    part: String,
    message: String,
    /// The tool's name: only the first update has it, as its title.
    tool: String,
    state: Value,
    over: bool,
}

/// Reads the updates of one turn.
#[derive(Debug)]
pub struct UpdateDialect {
    session: String,
    count: usize,
    /// The assistant messages so far; the last is being written.
    messages: Vec<MessageInfo>,
    written: Vec<Written>,
    tools: HashMap<String, ToolCall>,
    /// What was last told of: text behind a tool call is of the next message.
    after_tool: bool,
}

impl UpdateDialect {
    pub fn new(session: &str) -> Self {
        Self {
            session: session.to_owned(),
            count: 0,
            messages: Vec::new(),
            written: Vec::new(),
            tools: HashMap::new(),
            after_tool: false,
        }
    }

    /// The tool call behind an ask, as far as it was told of: message, and tool.
    pub fn tool(&self, call: &str) -> Option<(&str, &str)> {
        self.tools.get(call).map(|tool| (tool.message.as_str(), tool.tool.as_str()))
    }

    /// Whether a tool runs now.
    pub fn is_in_a_tool(&self) -> bool {
        self.tools.values().any(|tool| !tool.over)
    }

    /// One update. What is not of the answer (commands, configuration, the user's own words) is read over.
    pub fn update(&mut self, update: &str, out: &mut Vec<BusEvent>) {
        let Some(update) = read::<Update>(update) else { return };
        match update.session_update.as_str() {
            "agent_message_chunk" => self.chunk(PartKind::Text, update, out),
            "agent_thought_chunk" => self.chunk(PartKind::Reasoning, update, out),
            "tool_call" | "tool_call_update" => self.tool_call(update, out),
            _ => {}
        }
    }

    fn chunk(&mut self, kind: PartKind, update: Update, out: &mut Vec<BusEvent>) {
        let block = update.content.and_then(|content| serde_json::from_str::<Block>(content.get()).ok());
        if let Some(text) = block.and_then(|block| block.text) {
            self.text(kind, update.message_id, text, out);
        }
    }

    /// `id` is of a message where the text is of the answer, and of a part where it is a thought.
    fn text(&mut self, kind: PartKind, id: Option<String>, text: Text, out: &mut Vec<BusEvent>) {
        let (message, part) = if kind == PartKind::Text { (id, None) } else { (None, id) };
        let goes_on = !self.after_tool
            && self.written.last().is_some_and(|last| {
                let same_message = message.as_ref().is_none_or(|message| *message == last.message);
                let same_part = part.as_ref().is_none_or(|part| *part == last.part);
                last.kind == kind && !last.ended && same_message && same_part
            });
        if !goes_on {
            self.end_text(out);
            let message = self.message(message, out);
            let part = part.unwrap_or_else(|| self.own_id("part"));
            let written = Written { kind, part, message, text: Text::default(), ended: false };
            out.push(BusEvent::Part(self.snapshot(&written)));
            self.written.push(written);
        }
        self.after_tool = false;
        let Some(last) = self.written.last_mut() else { return };
        last.text.push(text.as_bytes());
        out.push(BusEvent::Delta(PartDelta {
            session_id: self.session.clone(),
            message_id: last.message.clone(),
            part_id: last.part.clone(),
            text,
        }));
    }

    fn end_text(&mut self, out: &mut Vec<BusEvent>) {
        if let Some(mut last) = self.written.pop() {
            if !std::mem::replace(&mut last.ended, true) {
                out.push(BusEvent::Part(self.snapshot(&last)));
            }
            self.written.push(last);
        }
    }

    /// The message that what comes next belongs to: the wire's, or the one being written.
    fn message(&mut self, named: Option<String>, out: &mut Vec<BusEvent>) -> String {
        let last = self.messages.last().filter(|_| !self.after_tool).map(|last| last.id.clone());
        let id = named.or(last).unwrap_or_else(|| self.own_id("message"));
        if self.messages.last().is_none_or(|last| last.id != id) {
            let message = MessageInfo::answer(&id, &self.session);
            out.push(BusEvent::Message(message.clone()));
            self.messages.push(message);
        }
        id
    }

    fn own_id(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("acp_{kind}_{}", self.count)
    }

    fn snapshot(&self, written: &Written) -> PartUpdate {
        let text = written.text.decode(0, written.text.len());
        let kind = if written.kind == PartKind::Text { "text" } else { "reasoning" };
        let raw = json!({
            "id": written.part,
            "sessionID": self.session,
            "messageID": written.message,
            "type": kind,
            "text": text,
        });
        let place = (self.session.as_str(), written.message.as_str(), written.part.as_str());
        PartUpdate {
            text: written.text.clone(),
            ended: written.ended,
            ..part_update(place, written.kind, &raw)
        }
    }

    fn tool_call(&mut self, update: Update, out: &mut Vec<BusEvent>) {
        let Some(call) = update.tool_call_id.clone() else { return };
        // Some providers use a call's id again in the next step.
        let is_new =
            update.session_update == "tool_call" && self.tools.get(&call).is_none_or(|tool| tool.over);
        if is_new || !self.tools.contains_key(&call) {
            let message = match self.messages.last() {
                Some(last) => last.id.clone(),
                None => self.message(None, out),
            };
            let tool = update.title.clone().unwrap_or_default();
            let (part, state) = (self.own_id("part"), json!({ "status": "pending", "input": {} }));
            self.tools.insert(call.clone(), ToolCall { part, message, tool, state, over: false });
        }
        self.after_tool = true;
        let Some(tool) = self.tools.get_mut(&call) else { return };
        tool.take(update);
        let raw = json!({
            "id": tool.part,
            "sessionID": self.session,
            "messageID": tool.message,
            "type": "tool",
            "callID": call,
            "tool": tool.tool,
            "state": tool.state,
        });
        let place = (self.session.as_str(), tool.message.as_str(), tool.part.as_str());
        out.push(BusEvent::Part(part_update(place, PartKind::Tool, &raw)));
    }

    /// Whether OpenCode has stored more of the answer than the wire has brought: 1.1.31 answers the prompt
    /// before it has sent the last chunks. White space at the end of a part does not count, since releases to
    /// 1.3.2 do not store it; nor does how the text is parted, since an answer that a provider's failure made
    /// begin again is one part here and two there.
    pub fn lacks(&self, stored: &[Stored]) -> bool {
        self.texts().map(solid_length).sum::<usize>() < stored_texts(stored).map(solid_length).sum()
    }

    /// Fills in what the wire never brought, from what OpenCode has stored of this turn.
    pub fn complete(&mut self, stored: &[Stored], out: &mut Vec<BusEvent>) {
        if !self.lacks(stored) {
            return;
        }
        let have: Vec<usize> = self.texts().map(Text::len).collect();
        // Text comes in order: what is missing is the end of the last part, and all behind it.
        let last = have.len().saturating_sub(1);
        for (at, stored) in stored_texts(stored).enumerate().skip(last) {
            let have = have.get(at).copied().unwrap_or_default();
            if have == 0 {
                self.end_text(out);
            }
            if have < stored.len() {
                let missing = Text::from(stored.as_bytes()[have..].to_vec());
                self.text(PartKind::Text, None, missing, out);
            }
        }
    }

    /// The texts of the answer so far, in order.
    fn texts(&self) -> impl Iterator<Item = &Text> {
        self.written.iter().filter(|written| written.kind == PartKind::Text).map(|written| &written.text)
    }

    /// The turn is over, as `finish` says.
    pub fn end(&mut self, finish: Option<&str>, out: &mut Vec<BusEvent>) {
        self.end_text(out);
        // What ends with a tool ended there: its ask was rejected.
        let finish = if self.after_tool && finish == Some("stop") { Some("tool-calls") } else { finish };
        for message in &mut self.messages {
            message.completed = true;
        }
        if let Some(last) = self.messages.last_mut() {
            last.finish = finish.map(str::to_owned);
            out.push(BusEvent::Message(last.clone()));
        }
    }
}

impl ToolCall {
    fn take(&mut self, update: Update) {
        let status = match update.status.as_deref() {
            Some("in_progress") => "running",
            Some("completed") => "completed",
            Some("failed") => "error",
            _ => "pending",
        };
        self.over = matches!(status, "completed" | "error");
        self.state["status"] = status.into();
        if let Some(input) = update.raw_input {
            self.state["input"] = input;
        }
        if let Some(title) = update.title.filter(|title| *title != self.tool) {
            self.state["title"] = title.into();
        }
        let blocks: Vec<Value> = update.content.and_then(|content| read(content.get())).unwrap_or_default();
        let text = blocks.iter().find_map(|block| block.pointer("/content/text")?.as_str());
        let output = update.raw_output.unwrap_or_default();
        if let Some(metadata) = output.get("metadata") {
            self.state["metadata"] = metadata.clone();
        } else if let Some(text) = text.filter(|_| status == "running") {
            self.state["metadata"] = json!({ "output": text });
        }
        let (field, words) = match status {
            "completed" => ("output", output.get("output").and_then(Value::as_str).or(text)),
            "error" => ("error", output.get("error").and_then(Value::as_str).or(text)),
            _ => return,
        };
        self.state[field] = words.unwrap_or_default().into();
    }
}

/// A part as it is, without text of its own. `place`: session, message, part.
fn part_update(place: (&str, &str, &str), kind: PartKind, raw: &Value) -> PartUpdate {
    let (session, message, part) = place;
    PartUpdate {
        id: part.to_owned(),
        session_id: session.to_owned(),
        message_id: message.to_owned(),
        kind,
        text: Text::default(),
        delta: None,
        ended: false,
        synthetic: false,
        raw: Arc::from(raw.to_string()),
        detail: Detail::Raw,
    }
}

/// How long a text is without the white space at its end.
fn solid_length(text: &Text) -> usize {
    text.as_bytes().trim_ascii_end().len()
}

/// The texts of the answer as OpenCode has them, in order.
fn stored_texts(stored: &[Stored]) -> impl Iterator<Item = &Text> {
    let answers =
        stored.iter().filter(|message| message.info.role == Role::Assistant && !message.info.summary);
    let parts = answers.flat_map(|message| &message.parts);
    let texts = parts.filter(|part| part.kind == PartKind::Text && !part.synthetic);
    texts.map(|part| &part.text).filter(|text| !text.is_empty())
}
