//! Asks: whatever would wait for a person is answered by policy, so that nothing waits for ever.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Output, Turn};
use crate::protocol::event::{Ask, AskKind};
use crate::protocol::stream_event::StreamEvent;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PermissionPolicy {
    #[default]
    Reject,
    /// `once`, each time.
    Allow,
    /// Another client answers.
    Leave,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuestionPolicy {
    #[default]
    Reject,
    Leave,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    pub permission: PermissionPolicy,
    pub question: QuestionPolicy,
}

impl Policies {
    fn reply_to(self, ask: &Ask) -> &'static str {
        match ask.kind {
            AskKind::Permission { .. } => match self.permission {
                PermissionPolicy::Reject => "reject",
                PermissionPolicy::Allow => "once",
                PermissionPolicy::Leave => "leave",
            },
            AskKind::Question { .. } => match self.question {
                QuestionPolicy::Reject => "reject",
                QuestionPolicy::Leave => "leave",
            },
        }
    }

    /// The request that answers `ask`; `None` where another client is to answer it.
    pub fn answer(self, ask: &Ask) -> Option<AskReply> {
        request(ask, self.reply_to(ask))
    }
}

/// The request that answers an ask.
#[derive(Clone, Debug, PartialEq)]
pub struct AskReply {
    pub ask_id: String,
    /// `POST` to this path,
    pub path: String,
    /// with this body.
    pub body: Value,
}

#[derive(Debug)]
pub(super) struct Asks {
    policies: Policies,
    /// An ask can come twice: on the bus and in the list of pending ones.
    seen: HashSet<String>,
    /// For `result.asks`.
    pub told: Vec<Value>,
    /// One was rejected: the turn may end there.
    pub rejected: bool,
}

impl Asks {
    pub fn new(policies: Policies) -> Self {
        Self { policies, seen: HashSet::new(), told: Vec::new(), rejected: false }
    }
}

impl Turn {
    /// Answers an ask of the session or of one of its descendants; others are not ours to answer.
    pub(super) fn ask(&mut self, ask: Ask) {
        let ours =
            ask.session_id == self.config.session_id || self.transcript.parent_of(&ask.session_id).is_some();
        if !ours || self.finished || self.asks.seen.contains(&ask.id) {
            return;
        }
        self.asks.rejected |= self.asks.policies.reply_to(&ask) == "reject";
        if let Some(request) = self.asks.policies.answer(&ask) {
            self.outputs.push_back(Output::Reply(request));
        }
        self.tell_ask(ask);
    }

    /// An ask that was answered before the prompt was sent.
    pub fn on_answered(&mut self, ask: Ask) {
        self.tell_ask(ask);
    }

    fn tell_ask(&mut self, ask: Ask) {
        self.asks.seen.insert(ask.id.clone());
        let reply = self.asks.policies.reply_to(&ask);
        let event = self.told(ask, reply);
        self.asks.told.push(serde_json::to_value(&event).unwrap_or_default());
        self.emit(event);
    }

    fn told(&self, ask: Ask, reply: &'static str) -> StreamEvent {
        let place = self.place(&ask.session_id);
        match ask.kind {
            AskKind::Permission { permission, patterns, metadata, .. } => StreamEvent::Permission {
                place,
                id: ask.id,
                permission,
                patterns,
                metadata,
                tool: ask.tool,
                reply,
            },
            AskKind::Question { questions } => StreamEvent::Question { place, id: ask.id, questions, reply },
        }
    }
}

/// The route differs by what asks and, for permissions, by age.
fn request(ask: &Ask, reply: &'static str) -> Option<AskReply> {
    if reply == "leave" {
        return None;
    }
    let (path, body) = match &ask.kind {
        AskKind::Permission { old_route: true, .. } => {
            (format!("/session/{}/permissions/{}", ask.session_id, ask.id), json!({ "response": reply }))
        }
        AskKind::Permission { .. } => (format!("/permission/{}/reply", ask.id), json!({ "reply": reply })),
        AskKind::Question { .. } => (format!("/question/{}/reject", ask.id), json!({})),
    };
    Some(AskReply { ask_id: ask.id.clone(), path, body })
}
