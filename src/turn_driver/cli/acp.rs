//! From the prompt to the end of a turn on the route `acp`.

use std::pin::Pin;
use std::time::Duration;

use futures::future::Future;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::api_client::ApiClient;
use super::super::leave::{Leaving, OnLeave, left};
use super::super::requests::answer_ask;
use super::super::{Answers, LEAVE, expire};
use super::acp_ready::AcpReady;
use super::{emit, fail, raw_records};
use crate::error::{Accepted, Code, Failure};
use crate::mailbox::Mailbox;
use crate::prompt;
use crate::protocol::acp::{Output as AcpOutput, STARTS, block};
use crate::protocol::dialect::Stored;
use crate::protocol::event::{Ask, AskKind};
use crate::protocol::reply::{AskReply, Reply};
use crate::protocol::turn::{Output, Turn, TurnConfig, Wire};
use crate::request::{Route, TurnRequest};
use crate::transport::Api;

/// How long the last chunks may come after the prompt was answered, when OpenCode has stored more.
const TAIL: Duration = Duration::from_secs(1);
/// How long the child has to confirm that it stopped.
const CANCEL: Duration = Duration::from_millis(1500);
/// How long a tool may run in silence before the child is asked whether somebody must answer something:
/// asks of subagents do not come over ACP.
const LOOK: Duration = Duration::from_secs(1);
/// How long what is stored has to change, when it did not tell whose words have come.
const AGAIN: Duration = Duration::from_millis(200);
/// How long the child has to end by itself.
const GOODBYE: Duration = Duration::from_secs(1);

enum Done {
    /// What OpenCode has stored of the session; `None` where it could not be read.
    Recorded(Option<Vec<Stored>>),
    /// What OpenCode has stored of the turn so far.
    Looked(Option<Vec<Stored>>),
    /// Asks that wait, of subagents, and the subagents.
    Pending(Vec<Ask>, Vec<String>),
    Replied(Result<(), Failure>),
    /// A rejection and its message went by HTTP, or could not.
    Explained {
        id: String,
        told: bool,
    },
}

type Jobs = FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>;

struct Pump<'a> {
    request: &'a TurnRequest,
    ready: &'a mut AcpReady,
    mailbox: &'a Mailbox,
    turn: Turn,
    jobs: Jobs,
    /// When the child last said anything.
    heard: Instant,
    /// A sign of life was asked for since.
    pinged: bool,
    /// When to look for asks that do not come over the wire.
    look_at: Instant,
    looking: bool,
    /// The prompt was answered, and what OpenCode has stored of the turn is known.
    record: Option<Vec<Stored>>,
    answered: bool,
    /// When what still lacks is filled in.
    settle_at: Option<Instant>,
    leave_by: Option<Instant>,
}

pub async fn pump(
    request: &TurnRequest,
    mut ready: AcpReady,
    mailbox: &Mailbox,
    mut leave: Leaving,
    mut answers: Answers,
    deadline: Option<(Instant, Duration)>,
) -> Result<Value, Failure> {
    let mut pump = Pump::new(request, &mut ready, mailbox);
    let verdict = loop {
        if let Some(verdict) = pump.drain() {
            break verdict;
        }
        let (idle_at, look_at, settle_at, leave_by) = pump.deadlines();
        tokio::select! {
            // A child that never stops writing must not keep anybody from leaving.
            biased;
            _ = left(&mut leave, OnLeave::Abort), if pump.leave_by.is_none() => pump.leave(),
            () = until(leave_by) => pump.turn.conclude_left(),
            failure = expire(deadline), if pump.leave_by.is_none() => fail(&mut pump.turn, failure),
            Some(done) = pump.jobs.next(), if !pump.jobs.is_empty() => pump.on_done(done),
            Some((id, reply)) = answers.recv() => pump.turn.on_answer(&id, reply),
            line = pump.ready.child.lines.next() => pump.on_line(line),
            () = until(settle_at) => pump.settle(),
            () = until(look_at) => pump.look(),
            () = sleep_until(idle_at) => pump.on_silence(),
        }
    };
    // A turn that ended otherwise than by its answer may still run in the child.
    let within = if pump.answered { GOODBYE } else { Duration::ZERO };
    ready.child.end(within).await;
    verdict
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl<'a> Pump<'a> {
    fn new(request: &'a TurnRequest, ready: &'a mut AcpReady, mailbox: &'a Mailbox) -> Self {
        let turn = Turn::new(TurnConfig {
            route: Route::Acp.name(),
            granularity: "token",
            wire: Wire::Child,
            session_id: ready.session.clone(),
            version: ready.version.clone(),
            generation: crate::protocol::release::Generation::V1,
            policies: request.policies(),
            accept: request.target.timeouts.accept,
            texts: Vec::new(),
            before: ready.before.clone(),
        });
        let parts = prompt::parts(request, ready.version.as_deref());
        let blocks: Vec<Value> = parts.iter().filter_map(block).collect();
        ready.conversation.prompt(&blocks, ready.api.is_some());
        let now = Instant::now();
        Self {
            request,
            ready,
            mailbox,
            turn,
            jobs: Jobs::new(),
            heard: now,
            pinged: false,
            look_at: now + LOOK,
            looking: false,
            record: None,
            answered: false,
            settle_at: None,
            leave_by: None,
        }
    }

    /// Does what conversation and turn want done; the turn's verdict once it has one.
    fn drain(&mut self) -> Option<Result<Value, Failure>> {
        loop {
            if let Some(output) = self.ready.conversation.poll_output() {
                self.on_conversation(output);
            } else if let Some(output) = self.turn.poll_output() {
                match output {
                    Output::Emit(event) => {
                        emit(&mut self.turn, self.mailbox, self.request.limits.buffered, event);
                    }
                    Output::Reply(answered) => self.reply(answered),
                    Output::Ask(ask) => self.mailbox.ask(&ask),
                    Output::AskClosed(id) => self.mailbox.close_ask(&id),
                    Output::Finish(verdict) => return Some(*verdict),
                    // Leaving has told the child already to stop.
                    Output::Abort => self.give_up_asks(),
                    // The wire says all there is to say.
                    Output::Fetch | Output::Silent | Output::Resend => {}
                }
            } else {
                return None;
            }
        }
    }

    fn on_conversation(&mut self, output: AcpOutput) {
        let now = Instant::now().into_std();
        match output {
            AcpOutput::Send(line) => self.ready.child.send(line),
            AcpOutput::Event(event) => {
                self.turn.on_accepted(now);
                self.turn.on_event(&event, now);
            }
            AcpOutput::Answered => {
                self.turn.on_accepted(now);
                self.answered = true;
                self.ask_for_the_record();
            }
            AcpOutput::Look { again } => {
                self.job(move |api, session| async move {
                    if again {
                        sleep(AGAIN).await;
                    }
                    let newest = tokio::time::timeout(LEAVE, api.newest_messages(&session)).await;
                    Done::Looked(newest.ok().flatten())
                });
            }
            AcpOutput::Lost(failure) => fail(&mut self.turn, failure),
            // The prompt was refused for what was known before it.
            AcpOutput::Failed(failure) => self.turn.fail(failure.accepted(Accepted::No)),
            AcpOutput::Open { .. } => {}
        }
    }

    fn reply(&mut self, answered: AskReply) {
        let explained = matches!(answered.reply, Reply::Reject { message: Some(_) });
        if !self.ready.conversation.has_asked(&answered.ask.id) {
            self.job(|api, _| async move {
                Done::Replied(answer_ask(&ApiClient::V1(api.clone()), &answered).await)
            });
        } else if !(explained && self.explain(&answered)) {
            self.ready.conversation.answer(&answered.ask.id, answered.reply.name());
        }
    }

    /// A rejection over ACP carries no message to the model; the child's HTTP side takes one. Says whether
    /// there is one.
    fn explain(&mut self, answered: &AskReply) -> bool {
        let answered = answered.clone();
        self.job(|api, session| async move {
            let call = |ask: &Ask| ask.tool.as_ref().map(|tool| tool.call_id.clone());
            let pending = api.asks().await.into_iter().find(|ask| {
                ask.session_id == session && call(ask).is_some() && call(ask) == call(&answered.ask)
            });
            let id = answered.ask.id.clone();
            let told = match pending {
                Some(ask) => {
                    answer_ask(&ApiClient::V1(api.clone()), &AskReply { ask, ..answered }).await.is_ok()
                }
                None => false,
            };
            Done::Explained { id, told }
        })
    }

    fn give_up_asks(&mut self) {
        for AskReply { ask, reply } in self.turn.give_up_asks() {
            self.ready.conversation.answer(&ask.id, reply.name());
        }
    }

    fn job<F: Future<Output = Done> + Send + 'static>(&mut self, job: impl FnOnce(Api, String) -> F) -> bool {
        let Some(api) = self.ready.api.clone() else { return false };
        self.jobs.push(Box::pin(job(api, self.ready.session.clone())));
        true
    }

    fn ask_for_the_record(&mut self) {
        let asked = self.job(|api, session| async move {
            let messages = tokio::time::timeout(LEAVE, api.messages(&session)).await;
            Done::Recorded(messages.ok().and_then(Result::ok))
        });
        if !asked {
            self.settle();
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Looked(messages) => {
                let ours = self.of_the_turn(messages);
                self.ready.conversation.looked(ours.as_deref());
                self.settle_if_whole();
            }
            Done::Recorded(messages) => {
                self.record = self.of_the_turn(messages);
                self.settle_at = Some(Instant::now() + TAIL);
                self.settle_if_whole();
            }
            Done::Pending(asks, children) => {
                self.looking = false;
                self.look_at = Instant::now() + LOOK;
                for child in children {
                    self.turn.adopt(&child);
                }
                self.turn.on_pending(asks);
            }
            Done::Replied(Ok(())) | Done::Explained { told: true, .. } => {}
            Done::Explained { id, told: false } => {
                self.ready.conversation.answer(&id, "reject");
            }
            Done::Replied(Err(failure)) => fail(&mut self.turn, failure),
        }
    }

    fn of_the_turn(&self, messages: Option<Vec<Stored>>) -> Option<Vec<Stored>> {
        let is_ours = |message: &Stored| !self.ready.before.contains(&message.info.id);
        messages.map(|messages| messages.into_iter().filter(is_ours).collect())
    }

    /// All that OpenCode has stored has come: nothing more is waited for.
    fn settle_if_whole(&mut self) {
        let lacks = |record: &Vec<Stored>| self.ready.conversation.lacks(record);
        if self.settle_at.is_some() && !self.record.as_ref().is_some_and(lacks) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.settle_at = None;
        let record = self.record.take().unwrap_or_default();
        let abandoned = self.ready.conversation.end(&record);
        while let Some(output) = self.ready.conversation.poll_output() {
            self.on_conversation(output);
        }
        for (part, range) in abandoned {
            self.turn.abandon(&part, range);
        }
        self.turn.on_record(&record);
        if self.ready.conversation.was_cancelled() {
            self.turn.on_cancelled();
        } else {
            self.turn.on_ended(Ok(()));
        }
    }

    fn on_line(&mut self, line: Result<Option<Vec<u8>>, Failure>) {
        self.heard = Instant::now();
        self.look_at = self.heard + LOOK;
        self.pinged = false;
        match line {
            Ok(Some(line)) => {
                self.ready.conversation.line(&line);
                if self.request.raw {
                    for event in raw_records(&self.ready.session, &line, STARTS) {
                        emit(&mut self.turn, self.mailbox, self.request.limits.buffered, event);
                    }
                }
                self.settle_if_whole();
            }
            Ok(None) if self.answered => self.settle(),
            Ok(None) => {
                let mut failure =
                    Failure::new(Code::CliExit, "`opencode acp` ended before the turn was over")
                        .hint("the end of what it wrote to standard error is in error.stderr");
                failure.stderr = Some(self.ready.child.child.stderr());
                // Who leaves expects the child to go.
                self.turn.on_ended(Err(failure.accepted(Accepted::Unknown)));
            }
            Err(failure) => fail(&mut self.turn, failure),
        }
    }

    /// Half of the patience is for a sign of life to be asked for, half for it to come.
    fn on_silence(&mut self) {
        if !std::mem::replace(&mut self.pinged, true) {
            return self.ready.conversation.ping();
        }
        let ms = self.request.target.timeouts.idle.as_millis();
        let failure = Failure::new(Code::StreamLost, format!("`opencode acp` said nothing for {ms} ms"))
            .hint(
                "it hangs: the text so far is in error.data.text; raise timeouts.idle if the machine is slow",
            );
        fail(&mut self.turn, failure);
    }

    /// Asks that OpenCode does not tell over ACP, and that would wait for ever: those of subagents, and
    /// questions.
    fn look(&mut self) {
        self.looking = self.job(|api, session| async move {
            let (asks, children) = futures::join!(api.asks(), api.descendants(&session));
            let children = children.unwrap_or_default();
            let asks = asks.into_iter().filter(|ask| {
                let question = matches!(ask.kind, AskKind::Question { .. });
                children.contains(&ask.session_id) || (ask.session_id == session && question)
            });
            Done::Pending(asks.collect(), children)
        });
    }

    fn leave(&mut self) {
        self.leave_by = Some(Instant::now() + CANCEL);
        self.ready.conversation.cancel();
        self.turn.leave();
    }

    fn deadlines(&self) -> (Instant, Option<Instant>, Option<Instant>, Option<Instant>) {
        let idle = self.request.target.timeouts.idle;
        let idle_at = self.heard + if self.pinged { idle } else { idle / 2 };
        let looks = self.ready.api.is_some() && !self.looking && self.ready.conversation.is_in_a_tool();
        (idle_at, looks.then_some(self.look_at), self.settle_at, self.leave_by)
    }
}
