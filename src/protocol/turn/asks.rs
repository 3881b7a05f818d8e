//! Asks: whatever would wait for a person is answered, by policy or by the caller's own code, so that
//! nothing waits for ever.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Output, Turn, Wire};
use crate::protocol::event::{Ask, AskKind};
use crate::protocol::reply::{AskReply, Reply};
use crate::protocol::stream_event::StreamEvent;

/// How long after the last ask, or the last movement of a tool, a rejection goes: calls that a model makes at
/// once ask one after the other.
const HOLD: Duration = Duration::from_millis(250);
/// How long a rejection waits for what only might come.
const LONGEST_HOLD: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PermissionPolicy {
    /// The caller chose nothing: an ask is rejected, and the turn fails.
    #[default]
    Unset,
    Reject,
    /// `once`, each time.
    Allow,
    /// Another client answers.
    Leave,
    /// The caller's code answers: a function, or whoever reads the events.
    Call,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuestionPolicy {
    /// As [`PermissionPolicy::Unset`].
    #[default]
    Unset,
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
                PermissionPolicy::Unset | PermissionPolicy::Reject => Some(reject),
                PermissionPolicy::Allow => Some(Reply::Once),
                PermissionPolicy::Leave => Some(Reply::Leave),
                PermissionPolicy::Call => None,
            },
            AskKind::Question { .. } => match self.question {
                QuestionPolicy::Unset | QuestionPolicy::Reject => Some(reject),
                QuestionPolicy::Leave => Some(Reply::Leave),
                QuestionPolicy::Call => None,
            },
        }
    }

    /// Whether the caller said how to answer asks of this kind.
    fn is_chosen(self, ask: &Ask) -> bool {
        match ask.kind {
            AskKind::Permission { .. } => self.permission != PermissionPolicy::Unset,
            AskKind::Question { .. } => self.question != QuestionPolicy::Unset,
        }
    }
}

#[derive(Debug)]
pub(super) struct Asks {
    policies: Policies,
    /// An ask can come twice: on the bus and in the list of pending ones.
    seen: HashSet<String>,
    /// The caller's code has not said yet.
    open: HashMap<String, Ask>,
    /// How many of them are permissions.
    open_permissions: usize,
    /// Rejections that wait: OpenCode takes all that a session still asks with them.
    held: HashMap<String, AskReply>,
    held_since: Option<Instant>,
    /// Approvals that are on their way.
    under_way: HashSet<String>,
    /// When something was last asked, or a tool moved.
    stirred: Option<Instant>,
    /// For `result.asks`.
    pub told: Vec<Value>,
    /// Each of them by its id.
    places: HashMap<String, usize>,
    /// How many bytes all this is.
    size: usize,
    /// One was rejected: the turn may end there.
    pub rejected: bool,
    /// The ids of those that were rejected because the caller chose nothing.
    unchosen: Vec<String>,
}

impl Asks {
    pub fn new(policies: Policies) -> Self {
        Self {
            policies,
            seen: HashSet::new(),
            open: HashMap::new(),
            open_permissions: 0,
            held: HashMap::new(),
            held_since: None,
            under_way: HashSet::new(),
            stirred: None,
            told: Vec::new(),
            places: HashMap::new(),
            size: 0,
            rejected: false,
            unchosen: Vec::new(),
        }
    }

    /// The first ask that was rejected because the caller chose nothing, as an event shows it.
    pub fn unchosen(&self) -> Option<&Value> {
        self.told.get(*self.places.get(self.unchosen.first()?)?)
    }

    pub fn size(&self) -> usize {
        self.size
    }

    /// Something was asked, or a tool moved: more asks may be on their way.
    pub fn stir(&mut self, now: Instant) {
        self.stirred = Some(now);
    }

    fn open(&mut self, ask: Ask) {
        self.open_permissions += usize::from(is_permission(&ask));
        self.open.insert(ask.id.clone(), ask);
    }

    fn close(&mut self, id: &str) -> Option<Ask> {
        let ask = self.open.remove(id)?;
        self.open_permissions -= usize::from(is_permission(&ask));
        Some(ask)
    }

    /// Another client was faster than a rejection that waits.
    fn let_go(&mut self, id: &str) -> Option<Ask> {
        self.held.remove(id).map(|held| held.ask)
    }

    /// When the rejections that wait may go: nothing is open, what was approved has arrived, and no other ask
    /// has come for a moment.
    pub fn release_at(&self) -> Option<Instant> {
        let since = self.held_since.filter(|_| !self.held.is_empty())?;
        if !self.under_way.is_empty() || self.open_permissions > 0 {
            return None;
        }
        Some((self.stirred.unwrap_or(since) + HOLD).min(since + LONGEST_HOLD))
    }
}

fn is_permission(ask: &Ask) -> bool {
    matches!(ask.kind, AskKind::Permission { .. })
}

impl Turn {
    /// Answers an ask of the session or of one of its descendants; others are not ours to answer.
    pub(super) fn ask(&mut self, ask: Ask) {
        let ours =
            ask.session_id == self.config.session_id || self.transcript.parent_of(&ask.session_id).is_some();
        if !ours || self.finished || !self.asks.seen.insert(ask.id.clone()) {
            return;
        }
        let question = told(&ask, self.place(&ask.session_id), None);
        // Who leaves has nothing to say any more, and would leave an ask that holds the session.
        let leaving = self.leaving.then_some(Reply::Reject { message: None });
        let reply = self.asks.policies.reply_to(&ask).or(leaving).filter(|reply| *reply != Reply::Leave);
        if let Some(reply) = reply {
            self.emit(question);
            if !self.asks.policies.is_chosen(&ask) && !self.leaving {
                self.asks.unchosen.push(ask.id.clone());
            }
            return self.answer(ask, reply);
        }
        self.asks.size += weight(&question);
        self.asks.open(ask);
        // First: who reads the event may reply at once.
        self.outputs.push_back(Output::Ask(question.clone()));
        self.emit(question);
    }

    /// An ask that waits for its reply, as its event shows it.
    pub(super) fn waiting_ask(&self) -> Option<Value> {
        let ask = self.asks.open.values().min_by_key(|ask| &ask.id)?;
        serde_json::to_value(told(ask, self.place(&ask.session_id), None)).ok()
    }

    /// The caller's code has said; too late if another client was faster.
    pub fn on_answer(&mut self, id: &str, reply: Reply) {
        let Some(ask) = self.asks.close(id).filter(|_| !self.finished) else { return };
        if is_permission(&ask) && matches!(reply, Reply::Reject { .. }) && !self.leaving {
            let answered = AskReply { reply: reply.fit_for(&ask), ask };
            self.asks.held.insert(id.to_owned(), answered);
            // No clock here: what was last heard is close enough, and only the longest wait depends on it.
            self.asks.held_since = self.asks.held_since.or(self.heard).or(self.accepted);
            if self.config.wire == Wire::Child || self.asks.held_since.is_none() {
                self.release_when_alone();
            }
            return;
        }
        self.answer(ask, reply);
        if self.config.wire == Wire::Child {
            self.release_when_alone();
        }
    }

    /// OpenCode has what an ask was answered.
    pub fn on_replied(&mut self, id: &str) {
        self.asks.under_way.remove(id);
    }

    /// A child reads its lines in order: there is no more to wait for than what is open.
    fn release_when_alone(&mut self) {
        if self.asks.open_permissions == 0 {
            self.release_rejections();
        }
    }

    pub(super) fn release_rejections(&mut self) {
        self.asks.held_since = None;
        for answered in std::mem::take(&mut self.asks.held).into_values() {
            self.outputs.push_back(Output::Reply(answered.clone()));
            self.tell_ask(&answered);
        }
    }

    /// The turn is over: what waited was never sent.
    pub(super) fn tell_held(&mut self) {
        for answered in std::mem::take(&mut self.asks.held).into_values() {
            self.tell_ask(&answered);
        }
    }

    fn answer(&mut self, ask: Ask, reply: Reply) {
        let answered = AskReply { reply: reply.fit_for(&ask), ask };
        if is_permission(&answered.ask) && matches!(answered.reply, Reply::Once | Reply::Always) {
            self.asks.under_way.insert(answered.ask.id.clone());
        }
        self.outputs.push_back(Output::Reply(answered.clone()));
        self.tell_ask(&answered);
    }

    /// Somebody answered: we, or another client.
    pub(super) fn ask_closed(&mut self, id: &str, reply: Reply) {
        if !self.asks.seen.contains(id) {
            return;
        }
        self.asks.under_way.remove(id);
        if let Some(ask) = self.asks.close(id) {
            self.outputs.push_back(Output::AskClosed(id.to_owned()));
            return self.tell_ask(&AskReply { ask, reply });
        }
        if let Some(ask) = self.asks.let_go(id) {
            return self.tell_ask(&AskReply { ask, reply });
        }
        self.asks.rejected |= reply.ends_the_turn() && !self.asks.goes_on(id);
        if !reply.ends_the_turn() {
            self.asks.unchosen.retain(|rejected| rejected != id);
        }
        self.asks.correct(id, &reply);
    }

    /// An ask that was answered before the prompt was sent.
    pub fn on_answered(&mut self, answered: &AskReply) {
        if self.asks.seen.insert(answered.ask.id.clone()) {
            let rejected = self.asks.rejected;
            if self.asks.policies.reply_to(&answered.ask).is_some() {
                self.emit(told(&answered.ask, self.place(&answered.ask.session_id), None));
            }
            self.tell_ask(answered);
            // It ended the turn before this one.
            self.asks.rejected = rejected;
        }
    }

    /// Rejects what nobody will answer any more: an abort alone leaves the request pending, to 1.2.27 at least.
    pub fn give_up_asks(&mut self) -> Vec<AskReply> {
        let reply = Reply::Reject { message: None };
        self.asks.open_permissions = 0;
        let open = std::mem::take(&mut self.asks.open).into_values();
        let held = std::mem::take(&mut self.asks.held).into_values().map(|held| held.ask);
        let given_up: Vec<_> = open.chain(held).map(|ask| AskReply { ask, reply: reply.clone() }).collect();
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
        self.asks.size += weight(&event);
        self.asks.places.entry(answered.ask.id.clone()).or_insert(self.asks.told.len());
        self.asks.told.push(serde_json::to_value(&event).unwrap_or_default());
        self.emit(event);
    }
}

impl Asks {
    /// Another client was faster than the answer we told of. Where nothing was told, somebody else was to answer.
    fn correct(&mut self, id: &str, taken: &Reply) {
        let taken = serde_json::to_value(taken).unwrap_or_default();
        let ours = self.told_of(id).filter(|told| told["reply"] != "leave");
        if let Some(told) = ours.filter(|told| told["reply"] != taken) {
            told["reply"] = taken;
            if let Some(told) = told.as_object_mut() {
                told.remove("message");
            }
        }
    }

    /// The model was told why, so its turn goes on; OpenCode's event does not say so.
    fn goes_on(&mut self, id: &str) -> bool {
        self.told_of(id).is_some_and(|told| told["message"].is_string())
    }

    fn told_of(&mut self, id: &str) -> Option<&mut Value> {
        self.told.get_mut(*self.places.get(id)?)
    }
}

fn weight(event: &StreamEvent) -> usize {
    super::EACH + serde_json::to_vec(event).map_or(0, |json| json.len())
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
    let status = if reply.is_some() { "replied" } else { "asked" };
    match kind {
        AskKind::Permission { permission, patterns, metadata, .. } => StreamEvent::Permission {
            place,
            status,
            id,
            permission,
            patterns,
            metadata,
            tool,
            reply,
            message,
        },
        AskKind::Question { questions, .. } => StreamEvent::Question { place, status, id, questions, reply },
    }
}
