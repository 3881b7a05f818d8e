//! `session/update` notifications as events of the bus. The wire has no part ids, and message ids only on
//! some updates of some releases: what it lacks gets one of ours, beginning with `acp_`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::abandoned::{abandoned, is_likely, kept};
use super::held::{Held, Whose};
use super::tool::ToolCall;
use crate::protocol::dialect::Stored;
use crate::protocol::event::{BusEvent, Detail, MessageInfo, PartDelta, PartKind, PartUpdate, Role};
use crate::protocol::text::{Text, read};

/// What ids of ours begin with.
const OWN: &str = "acp_";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    session_update: String,
    /// Of a message on answers, of a part on thoughts (1.18.33; 1.1.31 has none).
    #[serde(default)]
    pub message_id: Option<String>,
    /// A chunk's content is one block, a tool's a list of them.
    #[serde(default)]
    pub content: Option<Box<RawValue>>,
    #[serde(default)]
    tool_call_id: Option<String>,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub raw_input: Option<Box<RawValue>>,
    #[serde(default)]
    pub raw_output: Option<Box<RawValue>>,
}

impl Update {
    /// What the model writes here.
    pub fn kind(&self) -> Option<PartKind> {
        match self.session_update.as_str() {
            "agent_message_chunk" => Some(PartKind::Text),
            "agent_thought_chunk" => Some(PartKind::Reasoning),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<Text> {
        let block = serde_json::from_str::<Block>(self.content.as_ref()?.get()).ok()?;
        block.text
    }

    /// About how much memory it takes.
    pub fn size(&self) -> usize {
        let values = [&self.content, &self.raw_input, &self.raw_output];
        let held: usize = values.into_iter().flatten().map(|value| value.get().len()).sum();
        size_of::<Self>() + held
    }
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
    /// What may be a summary.
    held: Held,
    /// What OpenCode has stored can be asked for.
    can_look: bool,
    /// How much of a summary is still to come, on a wire without ids.
    skip: usize,
    /// A summary has just ended, on a wire without ids.
    after_summary: bool,
    is_stuck: bool,
}

impl UpdateDialect {
    /// `can_look`: the driver can tell what OpenCode has stored.
    pub fn new(session: &str, can_look: bool) -> Self {
        Self {
            can_look,
            held: Held::default(),
            skip: 0,
            after_summary: false,
            is_stuck: false,
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

    /// Whether words are held until [`Self::looked`] tells whose they are.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// One update. What is not of the answer (commands, configuration, the user's own words) is read over.
    pub fn update(&mut self, update: &str, out: &mut Vec<BusEvent>) {
        let Some(update) = read::<Update>(update) else { return };
        if self.is_holding() || self.is_open(&update) {
            self.held.push(update);
            if self.held.is_full() {
                self.looked(None, out);
            }
        } else {
            self.write(update, out);
        }
    }

    /// What was stored did not tell the last time.
    pub fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// What OpenCode has stored of the turn; `None` where that cannot be had. Returns whether more must be known.
    pub fn looked(&mut self, stored: Option<&[Stored]>, out: &mut Vec<BusEvent>) -> bool {
        self.is_stuck = false;
        while self.is_holding() {
            match self.held.decide(stored) {
                Whose::Open => {
                    self.is_stuck = true;
                    return true;
                }
                Whose::Summary(length) => self.skip = length.unwrap_or_default(),
                Whose::Answer => {}
            }
            self.after_summary = false;
            self.let_go(out);
            if stored.is_some() && self.is_holding() {
                return true;
            }
        }
        false
    }

    /// Writes what is held, up to the next words of which it is not known whose they are.
    fn let_go(&mut self, out: &mut Vec<BusEvent>) {
        let mut is_known = true;
        while let Some(update) = self.held.pop() {
            if !std::mem::take(&mut is_known) && self.is_open(&update) {
                return self.held.put_back(update);
            }
            self.write(update, out);
        }
    }

    /// Whether these words may be a summary's.
    fn is_open(&self, update: &Update) -> bool {
        let Some(kind) = update.kind().filter(|_| self.can_look) else { return false };
        if let Some(id) = &update.message_id {
            return self.held.known(id).is_none();
        }
        let begins = self.after_tool || self.messages.is_empty() || self.after_summary;
        begins
            && self.skip == 0
            && (kind == PartKind::Reasoning || update.text().is_some_and(|text| !text.is_empty()))
    }

    fn write(&mut self, update: Update, out: &mut Vec<BusEvent>) {
        match (update.kind(), update.session_update.as_str()) {
            (Some(kind), _) => self.chunk(kind, update, out),
            (None, "tool_call" | "tool_call_update") => self.tool_call(update, out),
            _ => {}
        }
    }

    fn chunk(&mut self, kind: PartKind, update: Update, out: &mut Vec<BusEvent>) {
        let Some(text) = update.text() else { return };
        if update.message_id.as_ref().is_some_and(|id| matches!(self.held.known(id), Some(Whose::Summary(_))))
        {
            return;
        }
        if let Some(text) = self.behind_summary(kind, text) {
            self.text(kind, update.message_id, text, out);
        }
    }

    /// What of a chunk stands behind the summary, on a wire without ids.
    fn behind_summary(&mut self, kind: PartKind, text: Text) -> Option<Text> {
        if self.skip == 0 && !self.after_summary {
            return Some(text);
        }
        if self.skip > 0 && kind == PartKind::Reasoning {
            return None;
        }
        let skipped = self.skip.min(text.len());
        self.skip -= skipped;
        self.after_summary = self.skip == 0;
        let rest = &text.as_bytes()[skipped..];
        // White space at its end is not stored.
        let rest = if self.after_summary { rest.trim_ascii_start() } else { rest };
        (!rest.is_empty()).then(|| {
            self.after_summary = false;
            self.after_tool = true;
            Text::from(rest.to_vec())
        })
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
        format!("{OWN}{kind}_{}", self.count)
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
            ..part_update(place, written.kind, raw.to_string())
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
            let tool = ToolCall::new(self.own_id("part"), message, tool);
            self.tools.insert(call.clone(), tool);
        }
        self.after_tool = true;
        let Some(tool) = self.tools.get_mut(&call) else { return };
        tool.take(update);
        let raw = tool.object(&self.session, &call);
        let place = (self.session.as_str(), tool.message.as_str(), tool.part.as_str());
        out.push(BusEvent::Part(part_update(place, PartKind::Tool, raw)));
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

    /// The stretches of parts that OpenCode has not kept, by part.
    pub fn abandoned(&self, stored: &[Stored]) -> Vec<(String, Range<usize>)> {
        let names_messages = self.messages.iter().any(|message| !message.id.starts_with(OWN));
        if !names_messages {
            return self.abandoned_of(None, stored);
        }
        self.messages.iter().flat_map(|message| self.abandoned_of(Some(&message.id), stored)).collect()
    }

    fn abandoned_of(&self, message: Option<&str>, stored: &[Stored]) -> Vec<(String, Range<usize>)> {
        if !is_likely(stored, message) {
            return Vec::new();
        }
        let is_of = |written: &&Written| {
            written.kind == PartKind::Text && message.is_none_or(|message| written.message == message)
        };
        let parts: Vec<&Written> = self.written.iter().filter(is_of).collect();
        let wire: Vec<u8> = parts.iter().flat_map(|part| part.text.as_bytes().to_vec()).collect();
        let Some(range) = abandoned(&wire, &kept(stored, message)) else { return Vec::new() };
        let mut ranges = Vec::new();
        let mut from = 0;
        for part in parts {
            let to = from + part.text.len();
            let (first, last) = (range.start.max(from), range.end.min(to));
            if first < last {
                ranges.push((part.part.clone(), first - from..last - from));
            }
            from = to;
        }
        ranges
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

/// A part as it is, without text of its own. `place`: session, message, part.
fn part_update(place: (&str, &str, &str), kind: PartKind, raw: String) -> PartUpdate {
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
        raw: Arc::from(raw),
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
