//! Asks: whatever would wait for a person is answered, by policy or by the caller's own code, so that
//! nothing waits for ever.

use std::collections::HashSet;

use serde_json::Value;

use super::{Output, Turn};
use crate::protocol::event::{Ask, AskKind};
use crate::protocol::reply::{AskReply, Reply};
use crate::protocol::stream_event::StreamEvent;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PermissionPolicy {
    #[default]
    Reject,
    /// `once`, each time.
    Allow,
    /// Another client answers.
    Leave,
    /// The caller's code is asked.
    Call,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuestionPolicy {
    #[default]
    Reject,
    Leave,
    Call,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    pub permission: PermissionPolicy,
    pub question: QuestionPolicy,
}

impl Policies {
    /// `None`: the caller's code is to say.
    pub fn reply_to(self, ask: &Ask) -> Option<Reply> {
        let reject = Reply::Reject { message: None };
        match ask.kind {
            AskKind::Permission { .. } => match self.permission {
                PermissionPolicy::Reject => Some(reject),
                PermissionPolicy::Allow => Some(Reply::Once),
                PermissionPolicy::Leave => Some(Reply::Leave),
                PermissionPolicy::Call => None,
            },
            AskKind::Question { .. } => match self.question {
                QuestionPolicy::Reject => Some(reject),
                QuestionPolicy::Leave => Some(Reply::Leave),
                QuestionPolicy::Call => None,
            },
        }
    }
}

#[derive(Debug)]
pub(super) struct Asks {
    policies: Policies,
    /// An ask can come twice: on the bus and in the list of pending ones.
    seen: HashSet<String>,
    /// The caller's code has not said yet.
    open: Vec<Ask>,
    /// For `result.asks`.
    pub told: Vec<Value>,
    /// One was rejected: the turn may end there.
    pub rejected: bool,
}

impl Asks {
    pub fn new(policies: Policies) -> Self {
        Self { policies, seen: HashSet::new(), open: Vec::new(), told: Vec::new(), rejected: false }
    }

    fn close(&mut self, id: &str) -> Option<Ask> {
        let at = self.open.iter().position(|ask| ask.id == id)?;
        Some(self.open.remove(at))
    }
}

impl Turn {
    /// Answers an ask of the session or of one of its descendants; others are not ours to answer.
    pub(super) fn ask(&mut self, ask: Ask) {
        let ours =
            ask.session_id == self.config.session_id || self.transcript.parent_of(&ask.session_id).is_some();
        if !ours || self.finished || !self.asks.seen.insert(ask.id.clone()) {
            return;
        }
        // Who leaves has nothing to say any more, and would leave an ask that holds the session.
        let leaving = self.leaving.then_some(Reply::Reject { message: None });
        if let Some(reply) = self.asks.policies.reply_to(&ask).or(leaving) {
            return self.answer(ask, reply);
        }
        let question = told(&ask, self.place(&ask.session_id), None);
        self.asks.open.push(ask);
        self.outputs.push_back(Output::Ask(question));
    }

    /// The caller's code has said; too late if another client was faster.
    pub fn on_answer(&mut self, id: &str, reply: Reply) {
        if let Some(ask) = self.asks.close(id).filter(|_| !self.finished) {
            self.answer(ask, reply);
        }
    }

    fn answer(&mut self, ask: Ask, reply: Reply) {
        let answered = AskReply { reply: reply.fit_for(&ask), ask };
        self.outputs.push_back(Output::Reply(answered.clone()));
        self.tell_ask(&answered);
    }

    /// Somebody answered: we, or another client.
    pub(super) fn ask_closed(&mut self, id: &str, reply: Reply) {
        if !self.asks.seen.contains(id) {
            return;
        }
        if let Some(ask) = self.asks.close(id) {
            self.outputs.push_back(Output::AskClosed(id.to_owned()));
            return self.tell_ask(&AskReply { ask, reply });
        }
        self.asks.rejected |= reply.ends_the_turn() && !self.asks.goes_on(id);
        self.asks.correct(id, &reply);
    }

    /// An ask that was answered before the prompt was sent.
    pub fn on_answered(&mut self, answered: &AskReply) {
        if self.asks.seen.insert(answered.ask.id.clone()) {
            let rejected = self.asks.rejected;
            self.tell_ask(answered);
            // It ended the turn before this one.
            self.asks.rejected = rejected;
        }
    }

    /// Rejects what nobody will answer any more: an abort alone leaves the request pending, to 1.2.27 at least.
    pub fn give_up_asks(&mut self) -> Vec<AskReply> {
        let reply = Reply::Reject { message: None };
        let open = std::mem::take(&mut self.asks.open);
        let given_up: Vec<_> = open.into_iter().map(|ask| AskReply { ask, reply: reply.clone() }).collect();
        if !self.finished {
            for answered in &given_up {
                self.tell_ask(answered);
            }
        }
        given_up
    }

    fn tell_ask(&mut self, answered: &AskReply) {
        self.asks.rejected |= answered.reply.ends_the_turn();
        let event = told(&answered.ask, self.place(&answered.ask.session_id), Some(answered.reply.clone()));
        self.asks.told.push(serde_json::to_value(&event).unwrap_or_default());
        self.emit(event);
    }
}

impl Asks {
    /// Another client was faster than the answer we told of. Where nothing was told, somebody else was to answer.
    fn correct(&mut self, id: &str, taken: &Reply) {
        let taken = serde_json::to_value(taken).unwrap_or_default();
        let ours = self.told.iter_mut().find(|told| told["id"] == id && told["reply"] != "leave");
        if let Some(told) = ours.filter(|told| told["reply"] != taken) {
            told["reply"] = taken;
            if let Some(told) = told.as_object_mut() {
                told.remove("message");
            }
        }
    }

    /// The model was told why, so its turn goes on; OpenCode's event does not say so.
    fn goes_on(&self, id: &str) -> bool {
        self.told.iter().any(|told| told["id"] == id && told["message"].is_string())
    }
}

/// The event of an ask; without its reply, what the caller's code is asked.
pub fn told(
    ask: &Ask,
    place: crate::protocol::stream_event::SessionPlace,
    reply: Option<Reply>,
) -> StreamEvent {
    let Ask { id, kind, tool, .. } = ask.clone();
    let message = match &reply {
        Some(Reply::Reject { message }) => message.clone(),
        _ => None,
    };
    match kind {
        AskKind::Permission { permission, patterns, metadata, .. } => {
            StreamEvent::Permission { place, id, permission, patterns, metadata, tool, reply, message }
        }
        AskKind::Question { questions, .. } => StreamEvent::Question { place, id, questions, reply },
    }
}
