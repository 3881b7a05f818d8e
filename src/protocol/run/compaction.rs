//! OpenCode may compact a session in the middle of a turn: it writes a summary, then a message of its own that asks
//! the model to go on. `opencode run` prints the parts of both and not whose they are. A message that may be a
//! summary is held until what follows tells.

use super::finish_reason;
use crate::protocol::event::{PartKind, PartUpdate};

/// A message that may be a summary.
#[derive(Debug)]
struct Suspect {
    message: String,
    parts: Vec<PartUpdate>,
    /// It ended as a summary ends: without a tool call.
    finished: bool,
}

#[derive(Debug, Default)]
pub struct Compaction {
    /// A summary may come: something was written or failed before.
    possible: bool,
    /// The message that is known to be of the answer.
    cleared: Option<String>,
    /// At most two, oldest first.
    suspects: Vec<Suspect>,
}

impl Compaction {
    /// `continues`: the session has messages, so the turn may begin with a summary.
    pub fn new(continues: bool) -> Self {
        Self { possible: continues, ..Self::default() }
    }

    /// One part; returns the parts that are known to be of the answer now, in order.
    pub fn part(&mut self, part: PartUpdate) -> Vec<PartUpdate> {
        if part.synthetic {
            return self.went_on();
        }
        if self.cleared.as_ref() == Some(&part.message_id) {
            self.possible |= part.kind == PartKind::StepFinish;
            return vec![part];
        }
        if !self.possible {
            self.cleared = Some(part.message_id.clone());
            return vec![part];
        }
        let is_known = self.suspects.last().is_some_and(|suspect| suspect.message == part.message_id);
        let mut known = if is_known { Vec::new() } else { self.another(&part.message_id) };
        let Some(suspect) = self.suspects.last_mut() else { return known };
        let reason = (part.kind == PartKind::StepFinish).then(|| finish_reason(&part.raw)).flatten();
        let is_answer = part.kind == PartKind::Tool
            || reason.as_deref().is_some_and(|reason| matches!(reason, "tool-calls" | "unknown"));
        suspect.finished |= reason.is_some();
        suspect.parts.push(part);
        if is_answer {
            known.extend(self.clear());
        }
        known
    }

    /// Nothing has shown so far that the message that comes now is no summary, and its end is missing.
    pub fn waits(&self) -> bool {
        self.suspects.last().is_some_and(|suspect| !suspect.finished)
    }

    /// Nothing more tells: what comes now is of the answer.
    pub fn clear(&mut self) -> Vec<PartUpdate> {
        self.possible = true;
        let Some(last) = self.suspects.pop() else { return Vec::new() };
        // What another message follows, and no tool call ended, was a summary.
        self.suspects.clear();
        self.cleared = Some(last.message);
        last.parts
    }

    /// OpenCode's own message that asks the model to go on: what stands before it is a summary.
    fn went_on(&mut self) -> Vec<PartUpdate> {
        if self.suspects.last().is_some_and(|suspect| suspect.finished) {
            self.suspects.pop();
        }
        self.clear()
    }

    fn another(&mut self, message: &str) -> Vec<PartUpdate> {
        // Something ended in the middle, or this is the third: what was before the last was a summary.
        let known = match self.suspects.last() {
            Some(last) if !last.finished => self.clear(),
            _ => Vec::new(),
        };
        if self.suspects.len() == 2 {
            self.suspects.remove(0);
        }
        self.suspects.push(Suspect { message: message.to_owned(), parts: Vec::new(), finished: false });
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dialect::stored_part;

    fn part(kind: &str, message: &str, rest: &str) -> PartUpdate {
        let json = format!(
            r#"{{"id":"prt_{kind}{message}","messageID":"{message}","sessionID":"ses_1","type":"{kind}"{rest}}}"#
        );
        stored_part(&json).unwrap()
    }

    /// A message: its text, and how it ends.
    fn message(name: &str, finish: &str) -> Vec<PartUpdate> {
        let text = part("text", name, r#","text":"x","time":{"start":1,"end":2}"#);
        let tool = (finish == "tool-calls").then(|| {
            part("tool", name, r#","callID":"c","tool":"bash","state":{"status":"completed","input":{}}"#)
        });
        let end = part("step-finish", name, &format!(r#","reason":"{finish}","cost":0"#));
        [part("step-start", name, ""), text].into_iter().chain(tool).chain([end]).collect()
    }

    fn go_on(name: &str) -> Vec<PartUpdate> {
        vec![part("text", name, r#","text":"Continue","synthetic":true,"time":{"start":1,"end":1}"#)]
    }

    fn answers(continues: bool, messages: &[Vec<PartUpdate>]) -> Vec<String> {
        let mut compaction = Compaction::new(continues);
        let parts = messages.iter().flatten().cloned();
        let mut known: Vec<PartUpdate> = parts.flat_map(|part| compaction.part(part)).collect();
        known.extend(compaction.clear());
        let mut names: Vec<String> = known.into_iter().map(|part| part.message_id).collect();
        names.dedup();
        names
    }

    #[test]
    fn a_summary_and_what_asks_to_go_on_are_left_out() {
        let compacted =
            [message("a", "tool-calls"), message("sum", "stop"), go_on("user"), message("b", "stop")];
        assert_eq!(answers(false, &compacted), ["a", "b"]);
        let behind_an_answer =
            [message("a", "stop"), message("sum", "stop"), go_on("user"), message("b", "stop")];
        assert_eq!(answers(false, &behind_an_answer), ["a", "b"]);
        assert_eq!(answers(true, &behind_an_answer), ["a", "b"]);
        let twice: Vec<_> = [compacted.to_vec(), compacted[1..].to_vec()].concat();
        assert_eq!(answers(true, &twice[..]), ["a", "b"]);
        // The prompt itself was too long: it is asked again, without a word of OpenCode's.
        assert_eq!(answers(true, &[message("sum", "stop"), message("a", "stop")]), ["a"]);
    }

    #[test]
    fn answers_are_left_in() {
        assert_eq!(answers(false, &[message("a", "stop")]), ["a"]);
        assert_eq!(answers(true, &[message("a", "length")]), ["a"]);
        assert_eq!(
            answers(true, &[message("a", "tool-calls"), message("b", "unknown"), message("c", "stop")]),
            ["a", "b", "c"]
        );
    }

    #[test]
    fn text_before_a_tool_call_waits_for_no_more_than_the_driver_allows() {
        let mut compaction = Compaction::new(true);
        assert!(!compaction.waits());
        assert_eq!(compaction.part(part("text", "a", r#","text":"x""#)), []);
        assert!(compaction.waits());
        assert_eq!(compaction.clear().len(), 1);
        assert!(!compaction.waits());
        assert_eq!(compaction.part(part("text", "a", r#","text":"y""#)).len(), 1);
    }
}
