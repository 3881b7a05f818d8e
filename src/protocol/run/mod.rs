//! `opencode run --format json`: one JSON object a line, each a whole part. Between them may stand
//! anything: logs, and in releases up to 1.3 a menu that waits for a key nobody presses.

mod arguments;
mod compaction;
mod complaints;
mod second;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::dialect::stored_part;
use super::event::{Ask, AskKind, BusEvent, MessageInfo, PartKind, PartUpdate};
use super::json;
use super::noise::{Piece, pieces, shown};
use super::release::Generation;
use super::text::repaired;
use crate::error::{Accepted, Code, Failure};

pub use arguments::{Flags, RunOptions, arguments};
use compaction::Compaction;
pub use complaints::Complaints;

/// How the records begin.
pub const STARTS: &[&str] = &[
    r#"{"type":"step_start""#,
    r#"{"type":"text""#,
    r#"{"type":"reasoning""#,
    r#"{"type":"tool_use""#,
    r#"{"type":"step_finish""#,
    r#"{"type":"error""#,
];

const KINDS: [&str; 6] = ["step_start", "text", "reasoning", "tool_use", "step_finish", "error"];

/// How much of what is no JSON is kept for the error, in bytes.
const JUNK: usize = 2000;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "sessionID")]
    session_id: String,
    #[serde(borrow, default)]
    part: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "json::optional")]
    error: Option<Value>,
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal,
}

/// Reads what the process writes, as events of the bus.
#[derive(Default)]
pub struct RunDialect {
    session: Option<String>,
    /// The assistant message whose parts come now.
    message: Option<MessageInfo>,
    /// The end of what is no JSON.
    junk: String,
    /// The process reported an error.
    failed: bool,
    /// A record that could not be read, fit for a message.
    torn: Option<String>,
    compaction: Compaction,
    asks: usize,
    /// Of generation 2.
    second: bool,
    /// The kind of the last part.
    last: Option<PartKind>,
    /// The last error it told.
    told: Option<Value>,
    /// Why OpenCode did not even begin.
    refused: Option<Failure>,
}

impl RunDialect {
    /// `continues`: the session has messages already.
    pub fn new(continues: bool, generation: Generation) -> Self {
        Self {
            compaction: Compaction::new(continues),
            second: generation == Generation::V2,
            ..Self::default()
        }
    }

    /// Known from the first line on.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// One line of standard output.
    ///
    /// # Errors
    /// When the process waits for somebody at a terminal, or a record cannot be read.
    pub fn line(&mut self, line: &[u8]) -> Result<Vec<BusEvent>, Failure> {
        let text = String::from_utf8_lossy(line);
        let mut events = Vec::new();
        if self.reads(&text, &mut events)? {
            return Ok(events);
        }
        for piece in pieces(&text, STARTS) {
            match piece {
                // How the process ends may say more of it.
                Piece::Torn(words) => drop(self.torn.get_or_insert_with(|| shown(&words))),
                Piece::Record(record) if self.reads(&record, &mut events)? => {}
                Piece::Noise(words) | Piece::Record(words) => self.junk(&words)?,
            }
        }
        Ok(events)
    }

    /// Returns `false` for what is no record of this process: a plugin may log objects that look like one.
    fn reads(&mut self, json: &str, events: &mut Vec<BusEvent>) -> Result<bool, Failure> {
        let mended;
        let line = if let Ok(line) = serde_json::from_str::<Line<'_>>(json) {
            line
        } else {
            // Half a character in a provider's words must not cost the error.
            mended = repaired(json);
            let Ok(line) = serde_json::from_str(&mended) else { return Ok(false) };
            line
        };
        let ours = self.session.as_ref().is_none_or(|session| *session == line.session_id);
        let is_record = ours && KINDS.contains(&line.kind.as_str());
        if is_record {
            events.extend(self.record(line)?);
        }
        Ok(is_record)
    }

    fn record(&mut self, line: Line<'_>) -> Result<Vec<BusEvent>, Failure> {
        if self.second
            && self.message.is_none()
            && let Some(refused) =
                line.error.as_ref().and_then(|error| second::refusal(error, &line.session_id))
        {
            self.refused = Some(refused);
            return Ok(Vec::new());
        }
        self.session.get_or_insert_with(|| line.session_id.clone());
        let mut events = Vec::new();
        if line.kind == "error" {
            self.failed = true;
            events.extend(self.release());
            let error = line.error.unwrap_or_default();
            self.told = Some(error.clone());
            events.push(BusEvent::Error { session_id: Some(line.session_id), error });
        } else if let Some(part) = line.part {
            let renamed = if self.second { second::as_first(part.get()) } else { None };
            let part = stored_part(renamed.as_deref().unwrap_or(part.get())).map_err(|malformed| {
                Failure::new(Code::Protocol, malformed.to_string())
                    .hint("this release may have changed its events: report it, with the release's version")
            })?;
            if self.second {
                // It does not tell of a compaction.
                self.part(part, &mut events);
                return Ok(events);
            }
            for part in self.compaction.part(part) {
                self.part(part, &mut events);
            }
        }
        Ok(events)
    }

    /// Whether text is held that may be OpenCode's summary, and whose end is missing.
    pub fn waits(&self) -> bool {
        self.compaction.waits()
    }

    /// What was held is of the answer: nothing more tells.
    pub fn release(&mut self) -> Vec<BusEvent> {
        let mut events = Vec::new();
        for part in self.compaction.clear() {
            self.part(part, &mut events);
        }
        events
    }

    fn part(&mut self, part: PartUpdate, events: &mut Vec<BusEvent>) {
        if self.message.as_ref().is_none_or(|message| message.id != part.message_id) {
            // The step before is over, whether its end was told or not.
            self.finish(None, events);
            let message = MessageInfo::answer(&part.message_id, &part.session_id);
            events.push(BusEvent::Message(message.clone()));
            self.message = Some(message);
        }
        // A model call that failed is made again: what follows it goes on.
        self.failed &= !self.second;
        self.last = Some(part.kind);
        let reason = (part.kind == PartKind::StepFinish).then(|| finish_reason(&part.raw)).flatten();
        events.push(BusEvent::Part(part));
        if reason.is_some() {
            self.finish(reason, events);
        }
    }

    fn finish(&mut self, reason: Option<String>, events: &mut Vec<BusEvent>) {
        if let Some(message) = self.message.as_mut().filter(|message| !message.completed) {
            message.completed = true;
            message.finish = reason;
            events.push(BusEvent::Message(message.clone()));
        }
    }

    /// What is no JSON: logs of plugins, and the menu that asks for a permission.
    fn junk(&mut self, line: &str) -> Result<(), Failure> {
        // To 1.0.222 in other words.
        if ["Permission required:", "Permission required to run:"].iter().any(|words| line.contains(words)) {
            return Err(Failure::new(
                Code::UnsupportedVersion,
                "this release of OpenCode asks for permissions on a terminal, where nobody is",
            )
            .hint("update OpenCode, or use `cliProtocol: 'acp'`, which answers asks on every release")
            // Who asks has begun.
            .accepted(Accepted::Yes)
            .data(serde_json::json!({ "ask": line.trim() })));
        }
        // Only its end is kept.
        let from =
            (line.len().saturating_sub(JUNK)..=line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        self.junk.push_str(&line[from..]);
        self.junk.push('\n');
        let excess = self.junk.len().saturating_sub(JUNK);
        let from = (excess..=self.junk.len()).find(|at| self.junk.is_char_boundary(*at)).unwrap_or(0);
        self.junk.drain(..from);
        Ok(())
    }

    /// A permission that the process rejected by itself, as [`Complaints`] found it.
    pub fn rejected(&mut self, asked: &str) -> Option<BusEvent> {
        let (permission, patterns) = asked.split_once(" (")?;
        let patterns = patterns.strip_suffix(')').unwrap_or(patterns);
        self.asks += 1;
        Some(BusEvent::Asked(Ask {
            id: format!("run_{}", self.asks),
            session_id: self.session.clone()?,
            kind: AskKind::Permission {
                permission: permission.to_owned(),
                patterns: patterns.split(", ").map(str::to_owned).collect(),
                metadata: Value::Object(serde_json::Map::default()),
                old_route: false,
            },
            tool: None,
        }))
    }

    /// The process is gone. Generation 2 mostly does not print the end of its last step; that it was the last, its
    /// exit code says. Behind a tool call an answer is missing.
    pub fn close(&mut self, exit: Exit) -> Vec<BusEvent> {
        let mut events = Vec::new();
        if self.second && exit == Exit::Code(0) && (self.last != Some(PartKind::Tool) || self.asks > 0) {
            self.finish(None, &mut events);
        }
        // It ends with 1 also where a model call that failed was made again and went well: which of the two it was,
        // nothing tells, so it is no success.
        if self.second
            && exit != Exit::Code(0)
            && !self.failed
            && let Some((error, session_id)) = self.told.take().zip(self.session.clone())
        {
            self.failed = true;
            events.push(BusEvent::Error { session_id: Some(session_id), error });
        }
        events
    }

    /// The process is gone: the events that close the turn, and why it is no success.
    pub fn end(&mut self, exit: Exit, stderr: &str) -> Result<(), Failure> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        match exit {
            Exit::Code(0) if !self.failed && self.torn.is_some() => {
                Err(torn(self.torn.as_deref().unwrap_or_default()))
            }
            Exit::Code(0) if self.failed || self.message.as_ref().is_some_and(|last| self.is_last(last)) => {
                Ok(())
            }
            // The error it told says more than its exit code.
            Exit::Code(_) if self.failed => Ok(()),
            _ => Err(self.ended(exit, stderr)),
        }
    }

    /// Nothing follows it: it is complete, and no tool was called, unless what it asked for was rejected.
    fn is_last(&self, message: &MessageInfo) -> bool {
        message.completed && (message.finish.as_deref() != Some("tool-calls") || self.asks > 0)
    }

    fn ended(&self, exit: Exit, stderr: &str) -> Failure {
        let how = match exit {
            Exit::Code(code) => format!("with exit code {code}"),
            Exit::Signal => "by a signal".to_owned(),
        };
        let complains = stderr.contains("rror") || !self.junk.is_empty();
        let mut failure = if exit == Exit::Code(0) && !complains {
            let printed = if self.session.is_some() { "not all" } else { "nothing" };
            let failure = Failure::new(
                Code::CliExit,
                format!("`opencode run` ended with exit code 0 and printed {printed} of the turn"),
            );
            if self.second {
                second::unprinted(failure)
            } else {
                failure.hint(
                    "1.14.34, 1.14.48 and 1.15.13 do so; `opencode export` shows the rest of the session. Do not \
                     prompt again for it; from now on use another release, or `cliProtocol: 'acp'`",
                )
            }
        } else {
            let words = last_words(stderr).or_else(|| last_words(&self.junk));
            let said = words.map_or_else(|| " and said nothing".to_owned(), |words| format!(": {words}"));
            Failure::new(Code::CliExit, format!("`opencode run` ended {how} before the turn was over{said}"))
                .hint("the end of what it wrote to standard error is in error.stderr")
        };
        if let Exit::Code(code) = exit {
            failure.exit_code = Some(code);
        }
        failure.stderr = Some(stderr.to_owned());
        failure
    }
}

/// Whether a process that printed no record ended before it did anything with the prompt: it could not open its
/// database, since another one was setting it up.
pub fn never_began(stderr: &str) -> bool {
    let sets_up = ["CREATE ", "ALTER ", "DROP ", "PRAGMA "].iter().any(|words| stderr.contains(words));
    let is_locked = ["database is locked", "SQLITE_BUSY"].iter().any(|words| stderr.contains(words));
    is_locked || (sets_up && stderr.contains("Failed query"))
}

/// A record that others wrote into: what it said is lost.
fn torn(shown: &str) -> Failure {
    Failure::new(Code::Protocol, format!("`opencode run` printed a record that cannot be read: {shown}"))
        .hint("a plugin or a tool writes to OpenCode's standard output: make it write to standard error")
        .data(serde_json::json!({ "line": shown }))
}

fn finish_reason(raw: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Step {
        reason: String,
    }
    serde_json::from_str::<Step>(raw).ok().map(|step| step.reason)
}

/// The line that says most: the last with "rror" in it, else the last.
fn last_words(output: &str) -> Option<String> {
    let lines = || output.lines().rev().map(plain).filter(|line| !line.is_empty());
    let line = lines().find(|line| line.contains("rror")).or_else(|| lines().next())?;
    Some(line.chars().take(300).collect())
}

/// Without the escapes that colour a terminal.
pub fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            letters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(letter);
        }
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests;
