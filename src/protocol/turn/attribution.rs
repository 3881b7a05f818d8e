//! Whose prompt, whose answer: two clients may prompt one session at the same moment.

use super::Turn;
use crate::error::{Code, Failure};
use crate::protocol::event::{MessageInfo, PartKind, PartUpdate};

/// From how many bytes on a text is told by being contained in another.
const TELLING: usize = 20;

impl Turn {
    /// Which message holds our prompt: its text tells, should another client prompt at the same moment.
    pub(super) fn recognise(&mut self, part: &PartUpdate) {
        let is_prompt = part.kind == PartKind::Text && !part.synthetic;
        let known = self.is_certain && self.user_message.as_ref() == Some(&part.message_id);
        if !is_prompt || known || self.config.texts.is_empty() || !self.transcript.is_user(&part.message_id) {
            return;
        }
        let text = part.text.decode(0, part.text.len());
        if self.is_certain || !self.config.texts.contains(&text) {
            self.foreign.insert(part.message_id.clone());
            if self.config.texts.iter().any(|ours| ours.len() >= TELLING && text.contains(ours.as_str())) {
                self.extended.insert(part.message_id.clone());
            }
            return;
        }
        if self.user_message.as_ref().is_some_and(|taken| *taken != part.message_id) {
            self.is_certain = true;
            return self.fail(
                Failure::new(Code::SessionBusy, "another client prompted the session at the same moment")
                    .hint("the answers cannot be told apart: read the session's messages, or use one session each"),
            );
        }
        self.is_certain = true;
        self.foreign.remove(&part.message_id);
        self.found(&part.message_id);
        self.dismiss_doubt();
    }

    /// A plugin put words before ours, or behind them.
    pub(super) fn extends_ours(&self, prompt: &str) -> bool {
        self.extended.contains(prompt)
    }

    /// OpenCode answered our prompt and a newer one of another client in one, before ours had a message.
    pub(super) fn taken_over(&self) -> Option<Failure> {
        (self.is_certain && !self.foreign.is_empty()).then(|| {
            Failure::new(Code::SessionBusy, "a prompt of another client took this turn over")
                .hint("OpenCode answered both under that prompt: read the session's messages, or use one session each")
        })
    }

    pub(super) fn found(&mut self, message: &str) {
        self.user_message = Some(message.to_owned());
        self.start();
    }

    /// Answers to other clients are not ours. A prompt that a plugin rewrote looks like another's, so the
    /// first answer is taken for ours as long as nothing else is recognised. Where tools of ours ran when the
    /// other prompt came (`calls`), OpenCode answers both in one, under the newer of the two.
    pub(super) fn is_ours(&mut self, answer: &MessageInfo, calls: bool) -> bool {
        let Some(parent) = answer.parent_id.as_ref().filter(|parent| self.foreign.contains(*parent)) else {
            return true;
        };
        if self.is_certain {
            let goes_on = calls && !self.asks.rejected && self.error.is_none();
            return goes_on || self.transcript.is_answer(&answer.id);
        }
        if self.user_message.is_none() {
            // Nothing of it goes out, and nothing ends with it, before our prompt is known to be taken.
            self.user_message = Some(parent.clone());
            if self.accepted.is_some() {
                self.start();
            }
            return true;
        }
        self.user_message.as_ref() == Some(parent)
    }
}
