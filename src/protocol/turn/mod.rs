//! One prompt's life, from the moment before it is sent until it is over. No IO: events and answers go
//! in through the `on_*` methods, requests and stream events come out of [`Turn::poll_output`].

mod asks;
mod attribution;
mod by_execution;
mod contract;
mod doubt;
mod ending;
mod execution;
mod last_retry;
mod record;
mod rejected;
mod verdict;
mod withheld;

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use serde_json::Value;

use self::last_retry::LastRetry;
use self::withheld::Withheld;
use super::event::{Ask, BusEvent, MessageInfo, PartKind, Role, SessionInfo, Status};
use super::stream_event::{SessionPlace, StreamEvent};
use super::transcript::{Contradiction, Source, Transcript};
use crate::error::{Accepted, Code, Failure};

pub use asks::{PermissionPolicy, Policies, QuestionPolicy, told};
pub use contract::{Output, Snapshot, TurnConfig, Wire};
pub use ending::{QUIET, SILENCE, TAIL};
pub use execution::{End, Execution, Look, PromptFate, Standing, Stop};

/// The most bytes a turn keeps: its result is a string in the end, and V8 has none of more than 512 MiB.
pub const KEPT: usize = 256 << 20;
/// What one more of anything costs beside its text.
const EACH: usize = 200;

pub struct Turn {
    config: TurnConfig,
    transcript: Transcript,
    outputs: VecDeque<Output>,
    /// When OpenCode said it took the prompt.
    accepted: Option<Instant>,
    /// Our own prompt, as a message of the session.
    user_message: Option<String>,
    /// It was recognised by its text.
    is_certain: bool,
    /// Prompts of other clients that came at the same time.
    foreign: HashSet<String>,
    started: bool,
    /// The prompt was seen to run: busy, an answer, an error.
    running: bool,
    /// When the bus last said anything of this session or its descendants.
    heard: Option<Instant>,
    /// The session went idle since it last showed work.
    idle: bool,
    /// It went to work or idle while the server's answer was under way, which then may be older.
    overtaken: bool,
    /// When to ask the server how things are, because the bus leaves it open.
    check_at: Option<Instant>,
    /// A [`Output::Fetch`] is under way.
    fetching: bool,
    /// How many of them failed in a row.
    failed_fetches: u32,
    /// The session's last error; a new answer shows that it was not the end.
    error: Option<Value>,
    title: Option<String>,
    /// The provider failed, and has said nothing since.
    last_retry: Option<LastRetry>,
    asks: asks::Asks,
    /// The connection broke and what it hid has not been filled in.
    gap: bool,
    /// It is broken now: there is no use in asking before it is back.
    down: bool,
    /// It is back and has said nothing of us: OpenCode greets a moment before it listens.
    unheard: bool,
    /// How often it broke.
    reconnects: u32,
    /// The turn stopped behind a tool call, and what may explain it was waited for.
    explanation_awaited: bool,
    /// Whether the reader wants no more of this turn.
    leaving: bool,
    finished: bool,
    /// What came before `start`, which is the first event.
    early: Vec<StreamEvent>,
    /// How many bytes that is.
    early_size: usize,
    /// The most bytes that may wait for something that has not come.
    most_waiting: usize,
    /// What OpenCode has stored of the turn, where the wire lacks some of it.
    record: Option<Transcript>,
    /// Of generation 2, where a prompt has an id of ours and its execution says when it is over.
    execution: Option<Execution>,
    /// How it ended, told while a gap was not filled in yet.
    known_end: Option<End>,
    /// What may be of the answer came before a look had said that our prompt runs.
    missed: bool,
    /// Since when it waits for something to run it.
    parked: Option<Instant>,
    /// Whose the answer is that came first.
    doubt: Option<Withheld>,
    /// Prompts that have our words among others.
    extended: HashSet<String>,
}

impl Turn {
    pub fn new(config: TurnConfig) -> Self {
        let transcript = Transcript::new(&config.session_id, config.before.clone());
        let asks = asks::Asks::new(config.policies);
        Self {
            config,
            transcript,
            outputs: VecDeque::new(),
            accepted: None,
            user_message: None,
            started: false,
            running: false,
            heard: None,
            idle: false,
            overtaken: false,
            early: Vec::new(),
            early_size: 0,
            most_waiting: KEPT,
            record: None,
            execution: None,
            known_end: None,
            missed: false,
            parked: None,
            doubt: None,
            extended: HashSet::new(),
            check_at: None,
            fetching: false,
            failed_fetches: 0,
            error: None,
            title: None,
            last_retry: None,
            asks,
            gap: false,
            down: false,
            unheard: false,
            foreign: HashSet::new(),
            is_certain: false,
            reconnects: 0,
            explanation_awaited: false,
            leaving: false,
            finished: false,
        }
    }

    /// Bounds what waits for a start, a message or a kind that may never come, in bytes.
    pub fn let_wait(&mut self, most: usize) {
        self.most_waiting = most;
    }

    /// The session of the turn, and those of its subagents.
    pub fn sessions(&self) -> Vec<String> {
        let root = std::iter::once(self.config.session_id.clone());
        root.chain(self.transcript.descendants().cloned()).collect()
    }

    /// A session of a subagent that was there before the prompt.
    pub fn adopt(&mut self, child: &str) {
        self.transcript.session(child, Some(&self.config.session_id));
    }

    /// Whether OpenCode is known to have taken the prompt: it said so, or our own words came back.
    pub fn is_accepted(&self) -> bool {
        self.accepted.is_some() || self.shows_prompt()
    }

    /// Whether our prompt was seen as a message of the session.
    pub fn shows_prompt(&self) -> bool {
        self.is_certain || (self.user_message.is_some() && self.config.texts.is_empty())
    }

    /// Whether OpenCode has begun to answer.
    pub fn shows_answer(&self) -> bool {
        self.transcript.answers().next_back().is_some()
    }

    /// Whether another client prompted the session meanwhile: what runs in it may not be ours.
    pub fn is_contested(&self) -> bool {
        !self.foreign.is_empty()
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// OpenCode took the prompt.
    pub fn on_accepted(&mut self, now: Instant) {
        if self.accepted.is_none() {
            self.accepted = Some(now);
            self.start();
            if self.idle {
                // It may have ended before it was known to be ours.
                self.check_at.get_or_insert(now);
            }
            if self.leaving {
                self.outputs.push_back(Output::Abort);
            }
        }
    }

    /// Asks that were pending before we listened.
    pub fn on_pending(&mut self, asks: Vec<Ask>) {
        for ask in asks {
            self.ask(ask);
        }
    }

    /// One event of the bus.
    pub fn on_event(&mut self, event: &BusEvent, now: Instant) {
        if self.finished {
            return;
        }
        if let BusEvent::Session(info) = event {
            return self.session(info);
        }
        let Some(session) = event.session_id() else { return };
        let root = session == self.config.session_id;
        if !root && self.transcript.parent_of(session).is_none() {
            return;
        }
        self.heard = Some(now);
        if self.execution.is_some() {
            self.on_event_of_execution(event, root);
            return self.weigh();
        }
        self.hear();
        if root && self.withholds(event, now) {
            return self.weigh();
        }
        match event {
            BusEvent::Asked(ask) => {
                self.asks.stir(now);
                self.ask(ask.clone());
            }
            BusEvent::Deleted { .. } if root => self.deleted(),
            BusEvent::AskClosed { id, reply, .. } => self.ask_closed(id, reply.clone()),
            BusEvent::Message(info) => self.message(info, root, now),
            BusEvent::Part(part) => {
                if root {
                    self.recognise(part);
                    self.advance(part.kind);
                }
                if part.kind == PartKind::Tool {
                    self.asks.stir(now);
                }
                self.write(|transcript, out| transcript.part(part, Source::Live, out));
            }
            BusEvent::Delta(delta) => self.write(|transcript, out| {
                transcript.delta(delta, out);
                Ok(())
            }),
            BusEvent::Status { status, .. } if root => self.status(status),
            BusEvent::Idle { .. } if root => self.idle(now),
            BusEvent::Error { error, .. } if root && self.is_accepted() => self.session_error(error, now),
            _ => {}
        }
        self.weigh();
    }

    /// What a server says without end is an end.
    fn weigh(&mut self) {
        let (waiting, kept) = (
            self.early_size + self.transcript.waiting() + self.withheld(),
            self.transcript.kept() + self.asks.size(),
        );
        let too_much = if waiting > self.most_waiting {
            let words = format!(
                "more than {} bytes of the turn's events belong to nothing that was announced",
                self.most_waiting
            );
            Failure::new(Code::Limit, words).hint("raise limits.buffered, if the server is to be trusted")
        } else if kept > KEPT {
            let words = format!("the parts of the turn came to more than {KEPT} bytes");
            Failure::new(Code::Limit, words).hint("ask for less at once: the session can be gone on with")
        } else {
            return;
        };
        self.fail(too_much.accepted(Accepted::Unknown));
    }

    fn withheld(&self) -> usize {
        self.doubt.as_ref().map_or(0, |doubt| doubt.size)
    }

    fn session(&mut self, info: &SessionInfo) {
        let joined = self.transcript.session(&info.id, info.parent_id.as_deref());
        let retitled = info.id == self.config.session_id && self.title != info.title;
        if retitled {
            self.title.clone_from(&info.title);
        }
        if joined || (retitled && self.started) {
            let place = self.place(&info.id);
            self.emit(StreamEvent::Session { place, title: info.title.clone() });
            self.weigh();
        }
    }

    fn message(&mut self, info: &MessageInfo, root: bool, now: Instant) {
        if self.transcript.is_known_before(&info.id) {
            return;
        }
        if root && info.role == Role::User && self.user_message.is_none() && self.config.texts.is_empty() {
            self.found(&info.id);
        }
        let calls = self.transcript.answers().next_back().is_some_and(MessageInfo::calls_tools);
        if root && info.role == Role::Assistant && !self.is_ours(info, calls) {
            return self.transcript.ignore(&info.id);
        }
        let is_answer = root && info.role == Role::Assistant && !info.summary;
        let is_new = is_answer && !self.transcript.is_answer(&info.id);
        self.write(|transcript, out| transcript.message(info, out));
        if is_new {
            self.explanation_awaited = false;
            self.error = None;
            self.show_work();
        } else if root && info.completed && self.idle {
            self.consider_end(now);
        }
    }

    fn status(&mut self, status: &Status) {
        match status {
            Status::Idle => {}
            Status::Busy | Status::Unknown => self.show_work(),
            Status::Retry { attempt, message, next } => {
                self.show_work();
                let discards = self.transcript.retry();
                let place = self.place(&self.config.session_id.clone());
                let (attempt, message, next) = (*attempt, message.clone(), *next);
                self.last_retry = Some(LastRetry { attempt, message: message.clone(), status: None });
                self.emit(StreamEvent::Retry { place, attempt, message, next, discards });
            }
        }
    }

    /// The model says something: its provider works again.
    fn advance(&mut self, kind: PartKind) {
        if !matches!(kind, PartKind::StepStart) {
            self.last_retry = None;
        }
    }

    fn show_work(&mut self) {
        self.overtaken |= self.fetching;
        self.idle = false;
        if !self.gap {
            self.check_at = None;
        }
        // An abort that came before the prompt ran stopped nothing.
        if !std::mem::replace(&mut self.running, true) && self.leaving && self.is_accepted() {
            self.outputs.push_back(Output::Abort);
        }
    }

    fn start(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            let TurnConfig { route, granularity, session_id, version, generation, .. } = self.config.clone();
            let generation = generation.number();
            let user_message_id = self.user_message.clone();
            self.emit(StreamEvent::Start {
                route,
                granularity,
                session_id,
                version,
                generation,
                user_message_id,
            });
            self.early_size = 0;
            for event in std::mem::take(&mut self.early) {
                self.emit(event);
            }
        }
    }

    /// The connection broke: events were missed.
    pub fn on_gap(&mut self) {
        if !self.finished && !std::mem::replace(&mut self.down, true) {
            self.gap = true;
            self.check_at = None;
            self.transcript.gap();
            self.forget_withheld();
            let place = self.place(&self.config.session_id.clone());
            self.emit(StreamEvent::Reconnect { place, attempt: 1, recovered: false });
        }
    }

    /// The first event on a new connection shows that it carries all that follows; what came before it may
    /// have come before OpenCode listened, and be in no answer that was asked for before.
    fn hear(&mut self) {
        if std::mem::take(&mut self.unheard) {
            self.gap = true;
            self.transcript.gap();
            self.overtaken |= self.fetching;
            self.fetch();
        }
    }

    /// The connection is back; `attempt` tries were needed.
    pub fn on_restored(&mut self, attempt: u32, now: Instant) {
        if self.finished || !std::mem::replace(&mut self.down, false) {
            return;
        }
        self.reconnects += 1;
        self.unheard = true;
        let place = self.place(&self.config.session_id.clone());
        self.emit(StreamEvent::Reconnect { place, attempt, recovered: true });
        self.heard = Some(now);
        // An answer that is under way is of the time before.
        self.overtaken |= self.fetching;
        self.fetch();
    }

    /// The reader wants no more. Before acceptance the driver first waits for the prompt's answer.
    pub fn leave(&mut self) {
        if !std::mem::replace(&mut self.leaving, true) && self.is_accepted() {
            self.outputs.push_back(Output::Abort);
        }
    }

    fn write(
        &mut self,
        change: impl FnOnce(&mut Transcript, &mut Vec<StreamEvent>) -> Result<(), Contradiction>,
    ) {
        let mut out = Vec::new();
        let result = change(&mut self.transcript, &mut out);
        for event in out {
            self.emit(event);
        }
        if let Err(contradiction) = result {
            self.fail(
                Failure::new(Code::Protocol, contradiction.to_string()).hint(
                    "part of the answer was lost with the connection; read the session's messages for it",
                ),
            );
        }
    }

    /// Ends the turn with an error: what is known of the prompt and the text so far go with it.
    pub fn fail(&mut self, failure: Failure) {
        if self.finished {
            return;
        }
        let mut out = Vec::new();
        self.transcript.close(&mut out);
        for event in out {
            self.emit(event);
        }
        let accepted = if self.is_accepted() { Accepted::Yes } else { failure.accepted };
        let failure = match &self.last_retry {
            Some(retry) => retry.explain(failure),
            None => failure,
        };
        let failure = match self.waiting_ask() {
            Some(ask) if failure.code == Code::Timeout => rejected::unanswered(&ask, failure),
            _ => failure,
        };
        let mut failure = failure.accepted(accepted).session(&self.config.session_id);
        if accepted == Accepted::Yes {
            let totals = self.whole().totals();
            failure.spent = Some(Box::new(serde_json::json!({ "usage": totals.usage, "cost": totals.cost })));
        }
        if failure.accepted != Accepted::No {
            // Words that came while nobody knew of our prompt may be the answer to another one.
            let text = if self.is_accepted() { self.transcript.text() } else { String::new() };
            let mut data = match failure.data.take() {
                Some(Value::Object(data)) => data,
                Some(Value::Null) | None => serde_json::Map::default(),
                Some(other) => serde_json::Map::from_iter([("error".to_owned(), other)]),
            };
            data.insert("text".to_owned(), Value::from(text));
            failure.data = Some(Value::Object(data));
        }
        self.finish(Err(failure));
    }

    fn finish(&mut self, verdict: Result<Value, Failure>) {
        self.finished = true;
        self.outputs.push_back(Output::Finish(Box::new(verdict)));
    }

    fn fetch(&mut self) {
        self.check_at = None;
        if !std::mem::replace(&mut self.fetching, true) {
            self.outputs.push_back(Output::Fetch);
        }
    }

    fn emit(&mut self, event: StreamEvent) {
        if self.started {
            self.outputs.push_back(Output::Emit(event));
        } else {
            self.early_size += serde_json::to_vec(&event).map_or(0, |json| json.len()) + EACH;
            self.early.push(event);
        }
    }

    fn place(&self, session: &str) -> SessionPlace {
        SessionPlace { session_id: session.to_owned(), parent_session_id: self.transcript.parent_of(session) }
    }
}

#[cfg(test)]
mod asks_tests;
#[cfg(test)]
mod by_execution_tests;
#[cfg(test)]
mod tests;
