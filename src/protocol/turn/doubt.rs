//! An answer came before our prompt had shown, and it answers other words: another client's prompt, or ours, that a plugin
//! rewrote. It is withheld until our words show; or until the session is idle and they do not.

use std::time::Instant;

use super::ending::SILENCE;
use super::withheld::Withheld;
use super::{EACH, Snapshot, Turn};
use crate::error::{Code, Failure};
use crate::protocol::event::{BusEvent, MessageInfo, Role, Status};

impl Turn {
    /// Whether nothing yet tells whose prompt this answers.
    fn is_doubtful(&self, answer: &MessageInfo) -> bool {
        let parent = answer.parent_id.as_ref().filter(|parent| self.foreign.contains(*parent));
        !self.is_certain
            && self.user_message.is_none()
            && parent.is_some_and(|parent| !self.extends_ours(parent))
    }

    /// Withholds what may be another turn's.
    pub(super) fn withholds(&mut self, event: &BusEvent, now: Instant) -> bool {
        if let BusEvent::Message(info) = event
            && info.role == Role::Assistant
            && !self.transcript.is_known_before(&info.id)
            && self.is_doubtful(info)
        {
            self.doubt_answer(&info.id, now);
        }
        match event {
            BusEvent::Idle { .. } | BusEvent::Status { status: Status::Idle, .. } => {
                self.doubt_hears(true, now);
            }
            BusEvent::Status { .. } => self.doubt_hears(false, now),
            _ => {}
        }
        let Some(doubt) = &mut self.doubt else { return false };
        let (is_of_it, size) = match event {
            BusEvent::Message(info) => (doubt.answers.contains(&info.id), written(event)),
            BusEvent::Part(part) => {
                (!self.transcript.is_user(&part.message_id), part.text.len() + part.raw.len())
            }
            BusEvent::Delta(delta) => (!self.transcript.is_user(&delta.message_id), delta.text.len()),
            BusEvent::Status { status: Status::Retry { message, .. }, .. } => (true, message.len()),
            BusEvent::Asked(_) | BusEvent::AskClosed { .. } | BusEvent::Error { .. } => {
                (true, written(event))
            }
            _ => (false, 0),
        };
        if is_of_it {
            doubt.push(event, size + EACH);
        }
        is_of_it
    }

    /// When it is believed that no other words will show: some time after the session went idle. One that works on is
    /// not waited for beyond `timeouts.accept`, since it may ask. Not before OpenCode has said that it has our prompt.
    pub(super) fn doubt_ends_at(&self) -> Option<Instant> {
        let (doubt, accepted) = (self.doubt.as_ref()?, self.accepted?);
        let ends = accepted + self.config.accept;
        let idle = doubt.idle.map(|idle| idle.max(accepted) + SILENCE);
        Some(idle.map_or(ends, |idle| idle.min(ends)).max(doubt.not_before))
    }

    /// The session went idle, or to work: another turn's end, and ours may begin.
    pub(super) fn doubt_hears(&mut self, idle: bool, now: Instant) {
        if let Some(doubt) = &mut self.doubt {
            doubt.idle = if idle { doubt.idle.or(Some(now)) } else { None };
        }
    }

    pub(super) fn put_doubt_off(&mut self, until: Instant) {
        if let Some(doubt) = &mut self.doubt {
            doubt.not_before = until;
        }
    }

    /// Our words showed: what was withheld is another turn's.
    pub(super) fn dismiss_doubt(&mut self) {
        for answer in self.doubt.take().into_iter().flat_map(|doubt| doubt.answers) {
            self.transcript.ignore(&answer);
        }
    }

    /// Behind a gap only the server can say what was withheld.
    pub(super) fn forget_withheld(&mut self) {
        if let Some(doubt) = &mut self.doubt {
            doubt.clear();
        }
    }

    /// Our words did not show. The one prompt that came is ours, rewritten; of several nobody knows.
    pub(super) fn end_doubt(&mut self, now: Instant) {
        let Some(doubt) = self.doubt.take() else { return };
        let extended = self.extended.len() == 1;
        let mut prompts = if extended { self.extended.iter() } else { self.foreign.iter() };
        let (Some(only), None) = (prompts.next().cloned(), prompts.next()) else {
            return self.fail(
                Failure::new(
                    Code::SessionBusy,
                    "several prompts came to the session at once, and none of them has the words of this one",
                )
                .hint(
                    "the answers cannot be told apart: read the session's messages, or use one session each",
                ),
            );
        };
        let was_idle = self.idle;
        self.found(&only);
        for event in &doubt.events {
            self.on_event(event, now);
        }
        if was_idle && !self.finished {
            self.fetch();
        }
    }

    /// What the server has stored may show our words. Returns whether it is still open whose the answer is.
    pub(super) fn doubts(&mut self, snapshot: &Snapshot, now: Instant) -> bool {
        if self.is_certain || self.user_message.is_some() {
            return false;
        }
        for message in &snapshot.messages {
            if self.config.before.contains(&message.info.id) {
                continue;
            }
            if message.info.role == Role::User {
                self.write(|transcript, out| transcript.message(&message.info, out));
                message.parts.iter().for_each(|part| self.recognise(part));
            } else if self.is_doubtful(&message.info) {
                // Behind a gap it may be the first that is known of it.
                self.doubt_answer(&message.info.id, now);
            }
        }
        self.doubt_hears(!snapshot.busy, now);
        if self.doubt_ends_at().is_some_and(|at| at <= now) {
            self.end_doubt(now);
        }
        self.doubt.is_some()
    }

    fn doubt_answer(&mut self, answer: &str, now: Instant) {
        self.doubt.get_or_insert_with(|| Withheld::since(now)).answer(answer);
    }
}

/// About how many bytes it is.
fn written(event: &BusEvent) -> usize {
    format!("{event:?}").len()
}
