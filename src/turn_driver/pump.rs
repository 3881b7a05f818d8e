//! From the prompt to the end of the turn: events and answers in, requests and stream events out.

use std::sync::Arc;
use std::time::Duration;

use futures::future::Future;
use futures::stream::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::api_client::{ApiClient, View};
use super::expire;
use super::farewell::{Farewell, Remains};
use super::jobs::{Done, Jobs};
use super::leave::{Leaving, OnLeave, left_further};
use super::prepare::Prepared;
use super::requests::answer_ask;
use super::{Answers, Ended, LEAVE};
use crate::error::{Accepted, Code, Failure};
use crate::mailbox::Mailbox;
use crate::protocol::json as bounded;
use crate::protocol::reply::AskReply;
use crate::protocol::stream_event::{SessionPlace, StreamEvent};
use crate::protocol::turn::{Output, Turn, TurnConfig, Wire};
use crate::request::TurnRequest;
use crate::transport::{CallError, Delivery, Prompted, Running};

struct Pump<'a> {
    request: &'a TurnRequest,
    prepared: &'a Prepared,
    mailbox: &'a Mailbox,
    turn: Turn,
    prompted: Prompted,
    jobs: Jobs,
    /// How many jobs change the session.
    effects: usize,
    /// The prompt was sent, and nobody knows yet whether it was taken.
    posting: bool,
    /// The reader left: what is to become of the turn.
    left: Option<OnLeave>,
    /// When leaving has taken long enough.
    leave_by: Option<Instant>,
    /// It had, so the turn may yet begin.
    begins_late: bool,
    /// When a broken connection has been away for too long, and why it broke.
    lost_at: Option<(Instant, Failure)>,
}

pub async fn pump(
    request: &TurnRequest,
    prepared: Prepared,
    mailbox: &Arc<Mailbox>,
    mut leave: Leaving,
    mut answers: Answers,
    deadline: Option<(Instant, Duration)>,
) -> Ended {
    let (listener, mut deliveries) =
        prepared.connection.register(&prepared.session, request.raw, &request.limits);
    let mut pump = Pump::new(request, &prepared, mailbox);
    let mut gone_told = false;
    let verdict = loop {
        if let Some(verdict) = pump.drain() {
            break verdict;
        }
        if pump.detaches() {
            pump.turn.conclude_detached();
            continue;
        }
        let (turn_deadline, leave_by, lost_at) = pump.deadlines();
        tokio::select! {
            biased;
            Some(done) = pump.jobs.next(), if !pump.jobs.is_empty() => pump.on_done(done),
            Some(delivery) = deliveries.recv() => pump.on_delivery(delivery),
            Some((id, reply)) = answers.recv() => pump.turn.on_answer(&id, reply),
            left = left_further(&mut leave, pump.left, request.on_leave) => pump.leave(left),
            () = until(turn_deadline) => pump.turn.on_deadline(Instant::now().into_std()),
            () = until(leave_by) => pump.stop_waiting(),
            () = until(lost_at) => pump.lose(),
            failure = gone(prepared.running.as_deref()), if !gone_told => {
                gone_told = true;
                pump.lose_server(failure);
            }
            failure = expire(deadline), if pump.left.is_none() => pump.run_out(failure),
        }
    };
    let left = pump.rest(&verdict);
    let until = left.leave_by.unwrap_or_else(|| Instant::now() + LEAVE);
    drop(listener);
    let Prepared { api, place, restore, .. } = prepared;
    let Rest { sessions, asks, prompted, is_seen, is_early, remains, jobs, effects, is_doomed, .. } = left;
    let farewell = Farewell {
        api,
        sessions,
        asks,
        prompted,
        is_seen,
        is_early,
        remains,
        jobs,
        effects,
        is_doomed,
        restore,
        place,
    };
    Ended { outcome: verdict, farewell: farewell.begin(until).await }
}

/// What a turn leaves when it has its verdict.
struct Rest {
    sessions: Vec<String>,
    asks: Vec<AskReply>,
    prompted: Prompted,
    is_seen: bool,
    is_early: bool,
    remains: Remains,
    jobs: Jobs,
    effects: usize,
    is_doomed: bool,
    leave_by: Option<Instant>,
}

/// Resolves when a server of our own is gone.
async fn gone(running: Option<&Running>) -> Failure {
    match running {
        Some(running) => running.exited().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl<'a> Pump<'a> {
    fn new(request: &'a TurnRequest, prepared: &'a Prepared, mailbox: &'a Mailbox) -> Self {
        let fresh = prepared.ours && !request.session.fork;
        let (before, texts) = (prepared.past.before.clone(), prepared.texts.clone());
        let id = prepared.prompt.id();
        let prompted = Prompted { before: before.clone(), texts: texts.clone(), fresh, id: id.clone() };
        let mut turn = Turn::new(TurnConfig {
            route: prepared.route.name(),
            granularity: "token",
            wire: Wire::Bus,
            session_id: prepared.session.clone(),
            version: prepared.known.version(),
            generation: prepared.known.generation(),
            policies: request.policies(),
            accept: request.target.timeouts.accept,
            texts,
            before,
        });
        if let Some(id) = &id {
            turn = turn.of_prompt(id);
        }
        turn.let_wait(request.limits.buffered as usize);
        for child in &prepared.past.children {
            turn.adopt(child);
            prepared.connection.adopt(&prepared.session, child);
        }
        for ask in &prepared.past.asks {
            turn.on_answered(ask);
        }
        let jobs = Jobs::new();
        let (api, session, prompt) =
            (prepared.api.clone(), prepared.session.clone(), prepared.prompt.clone());
        jobs.push(Box::pin(async move { Done::Posted(api.send(&session, &prompt).await) }));
        Self {
            request,
            prepared,
            mailbox,
            turn,
            prompted,
            jobs,
            effects: 0,
            posting: true,
            left: None,
            leave_by: None,
            begins_late: false,
            lost_at: None,
        }
    }

    /// Does what the turn wants done; its verdict once it has one.
    fn drain(&mut self) -> Option<Result<Value, Failure>> {
        while let Some(output) = self.turn.poll_output() {
            match output {
                Output::Emit(event) => self.emit(event),
                Output::Finish(verdict) => return Some(*verdict),
                Output::Reply(reply) => {
                    self.effects += 1;
                    self.job(|api, _| async move {
                        let answered = answer_ask(&api, &reply).await;
                        Done::Replied(reply.ask.id, answered)
                    });
                }
                Output::Ask(ask) => self.mailbox.ask(&ask),
                Output::AskClosed(id) => self.mailbox.close_ask(&id),
                Output::Fetch => {
                    let prompted = self.prompted.clone();
                    self.job(
                        |api, session| async move { Done::Fetched(api.view(&session, &prompted).await) },
                    );
                }
                Output::Abort => self.abort(),
                // Who leaves wants it no more: it is withdrawn.
                Output::Resend if self.left == Some(OnLeave::Abort) => self.abort(),
                Output::Resend => {
                    let prompt = self.prepared.prompt.clone();
                    self.job(|api, session| async move {
                        // The next look tells whether it helped.
                        let _ = api.send(&session, &prompt).await;
                        Done::Tried
                    });
                }
                Output::Silent => {
                    let connection = self.prepared.connection.clone();
                    self.job(|api, _| async move {
                        connection.move_to_global(api.server().connect).await;
                        Done::Tried
                    });
                }
            }
        }
        None
    }

    fn abort(&mut self) {
        let (sessions, asks, stop) = (self.turn.sessions(), self.turn.give_up_asks(), self.turn.stop());
        let (prompted, early) = (self.prompted.clone(), !self.turn.shows_answer());
        self.effects += 1;
        self.job(|api, _| async move {
            if early {
                api.finish_loading().await;
            }
            api.stop(&sessions, &asks, &prompted, stop).await;
            Done::Aborted
        });
    }

    fn job<F: Future<Output = Done> + Send + 'static>(&mut self, job: impl FnOnce(ApiClient, String) -> F) {
        self.jobs.push(Box::pin(job(self.prepared.api.clone(), self.prepared.session.clone())));
    }

    fn emit(&mut self, event: StreamEvent) {
        if self.mailbox.push(event).is_err() {
            let limit = self.request.limits.buffered;
            self.fail(
                Failure::new(Code::Limit, format!("more than {limit} bytes of output waited unread"))
                    .hint("read the stream as it arrives, or raise limits.buffered"),
            );
        }
    }

    fn on_done(&mut self, done: Done) {
        let now = Instant::now().into_std();
        self.effects -= usize::from(done.is_effect());
        match done {
            Done::Posted(Ok(answer)) => {
                self.posting = false;
                match self.prepared.api.refusal(&answer) {
                    None => self.accepted(now),
                    // Its status says that the prompt was taken; there is nothing to read in it.
                    Some(_) if answer.is_success() && answer.is_packed() => self.accepted(now),
                    Some(refusal) => self.refused(refusal, answer.status),
                }
            }
            Done::Posted(Err(error)) => {
                self.posting = false;
                self.settle(error);
            }
            Done::Settled(settled) => {
                self.posting = false;
                match settled {
                    Ok(()) => self.accepted(now),
                    Err(failure) => self.turn.fail(self.prepared.api.explain(failure)),
                }
            }
            Done::Replied(_, Err(failure)) => self.fail(failure),
            Done::Fetched(Ok(view)) => {
                for child in view.children() {
                    self.prepared.connection.adopt(&self.prepared.session, child);
                }
                match view {
                    View::V1(snapshot) => self.turn.on_snapshot(snapshot, now),
                    View::V2(view) => self.turn.on_look(&view.look, view.asks, &view.children, now),
                }
            }
            Done::Fetched(Err(failure)) => self.turn.on_fetch_failed(&failure, now),
            Done::Aborted => self.turn.on_aborted(now),
            Done::Replied(ask, Ok(())) => self.turn.on_replied(&ask),
            Done::Tried => {}
        }
    }

    /// OpenCode has the prompt.
    fn accepted(&mut self, now: std::time::Instant) {
        match &self.prompted.id {
            Some(_) => self.turn.on_stored(now),
            None => self.turn.on_accepted(now),
        }
    }

    /// Ends the turn for a reason that says nothing of the prompt: one that was sent and not yet answered
    /// may have been taken.
    fn fail(&mut self, failure: Failure) {
        let accepted = if self.posting { Accepted::Unknown } else { Accepted::Yes };
        self.turn.fail(failure.accepted(accepted));
    }

    /// The time is up; where the connection was lost meanwhile, that is why.
    fn run_out(&mut self, mut failure: Failure) {
        if let Some((_, lost)) = &self.lost_at {
            failure.message.push_str(", and the connection to OpenCode was lost meanwhile");
            failure = failure
                .cause(why(lost))
                .hint("is the server still running? Look into the session there before prompting again");
        }
        self.fail(failure);
    }

    fn refused(&mut self, refusal: Failure, status: u16) {
        match status {
            _ if refusal.code == Code::SessionNotFound => self.turn.fail(refusal),
            404 if refusal.message.contains("ession") => {
                self.turn.fail(Failure { code: Code::SessionNotFound, ..refusal });
            }
            404 => self.turn.fail(
                Failure { code: Code::UnsupportedVersion, ..refusal }
                    .hint("releases before 1.0.142 cannot take a prompt and stream: update OpenCode"),
            ),
            // The server failed with the prompt in its hands.
            500.. => self.settle(CallError { failure: refusal, may_have_arrived: true }),
            _ => self.turn.fail(refusal),
        }
    }

    fn settle(&mut self, error: CallError) {
        if self.turn.is_accepted() {
            return self.accepted(Instant::now().into_std());
        }
        self.posting = true;
        let (prompted, prompt) = (self.prompted.clone(), self.prepared.prompt.clone());
        self.job(|api, session| async move {
            Done::Settled(api.prompt_fate(&session, &prompt, &prompted, error).await)
        });
    }

    fn on_delivery(&mut self, delivery: Delivery) {
        let now = Instant::now();
        match delivery {
            Delivery::Event(event, raw) => {
                if let Some(raw) = raw {
                    self.emit_raw(event.session_id().unwrap_or_default(), &raw);
                }
                self.turn.on_event(&event, now.into_std());
            }
            Delivery::Gap(failure) => {
                self.lost_at = Some((now + self.request.target.timeouts.reconnect, failure));
                self.turn.on_gap();
            }
            Delivery::StillBroken(failure) => {
                if let Some((_, why)) = &mut self.lost_at {
                    *why = failure;
                }
            }
            Delivery::Restored(attempt) => {
                self.lost_at = None;
                self.turn.on_restored(attempt, now.into_std());
            }
            Delivery::Lost(failure) => self.fail(failure),
        }
    }

    fn emit_raw(&mut self, session: &str, raw: &str) {
        let Some(event) = bounded::raw(raw) else { return };
        let root = session == self.prepared.session;
        let place = SessionPlace {
            session_id: session.to_owned(),
            parent_session_id: (!root).then(|| self.prepared.session.clone()),
        };
        self.emit(StreamEvent::Raw { place, event });
    }

    fn leave(&mut self, left: OnLeave) {
        self.left = Some(left);
        self.leave_by = Some(Instant::now() + LEAVE);
        if left == OnLeave::Abort {
            self.turn.leave();
        }
    }

    /// Whether the turn can be let run on now: OpenCode has its prompt.
    fn detaches(&self) -> bool {
        self.left == Some(OnLeave::Detach) && !self.posting && self.turn.is_accepted()
    }

    fn stop_waiting(&mut self) {
        if self.left == Some(OnLeave::Detach) {
            return self.turn.conclude_detached();
        }
        self.begins_late = true;
        self.turn.conclude_left();
    }

    fn lose(&mut self) {
        if let Some((_, failure)) = self.lost_at.take() {
            let waited = self.request.target.timeouts.reconnect.as_millis();
            let lost =
                format!("the connection to OpenCode was lost and could not be made again for {waited} ms");
            self.fail(
                Failure::new(Code::StreamLost, lost).cause(why(&failure)).hint(
                    "the text so far is in error.data.text; look into the session before prompting again",
                ),
            );
        }
    }

    /// A server of our own that is gone does not come back: there is nothing to wait for.
    fn lose_server(&mut self, gone: Failure) {
        self.fail(Failure { code: Code::StreamLost, ..gone });
    }

    fn deadlines(&self) -> (Option<Instant>, Option<Instant>, Option<Instant>) {
        let lost_at = self.lost_at.as_ref().map(|(at, _)| *at);
        (self.turn.deadline().map(Instant::from_std), self.leave_by, lost_at)
    }

    /// Whether the turn is to go on inside OpenCode without us.
    fn runs_on(&self, verdict: &Result<Value, Failure>) -> bool {
        match verdict {
            Ok(_) => self.left == Some(OnLeave::Detach),
            Err(failure) => {
                let accepted = failure.accepted != Accepted::No;
                self.request.on_leave == OnLeave::Detach && accepted && is_about_following(failure)
            }
        }
    }

    /// Whatever ended the turn, nothing goes on running for it, unless it was to be let run on. A session of ours that
    /// was to go goes, and so does one that was made for a prompt that was not taken.
    fn rest(mut self, verdict: &Result<Value, Failure>) -> Rest {
        let contested = self.turn.is_contested() || self.begins_late;
        let stop = self.turn.stop();
        let remains = match verdict {
            _ if self.runs_on(verdict) => Remains::Running,
            _ if self.posting => Remains::Prompt,
            Err(failure) if failure.accepted != Accepted::No && !is_the_end(failure) => {
                Remains::Turn { contested, stop }
            }
            Ok(_) if self.begins_late => Remains::Turn { contested, stop },
            _ => Remains::Nothing,
        };
        let was_refused = verdict.as_ref().is_err_and(|failure| failure.accepted == Accepted::No);
        let is_doomed = self.prepared.ours && (self.request.session.ephemeral || was_refused);
        Rest {
            sessions: self.turn.sessions(),
            // What a turn that runs on asks stays for whoever follows it.
            asks: if matches!(remains, Remains::Running) { Vec::new() } else { self.turn.give_up_asks() },
            prompted: self.prompted,
            is_seen: self.turn.shows_prompt(),
            is_early: !self.turn.shows_answer(),
            remains,
            jobs: self.jobs,
            effects: self.effects,
            is_doomed,
            leave_by: self.leave_by,
        }
    }
}

/// A lower failure in one line.
fn why(failure: &Failure) -> String {
    let words = [Some(&failure.message), failure.cause.as_ref()];
    words.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ")
}

/// Whether this says only that the turn cannot be followed any more: it says nothing against the turn itself.
fn is_about_following(failure: &Failure) -> bool {
    matches!(failure.code, Code::StreamLost | Code::Unreachable | Code::Protocol | Code::Limit)
}

/// Whether OpenCode itself ended the turn with this: then there is nothing to stop.
fn is_the_end(failure: &Failure) -> bool {
    matches!(
        failure.code,
        Code::Provider
            | Code::AbortedElsewhere
            | Code::ModelNotFound
            | Code::AgentNotFound
            | Code::Empty
            | Code::Rejected
    )
}
