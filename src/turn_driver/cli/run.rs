//! From the prompt to the end of a turn on the route `run`.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::super::leave::{Leaving, OnLeave, left};
use super::super::{expire, left_before_the_prompt};
use super::run_ready::RunReady;
use super::{emit, fail, raw_records};
use crate::error::{Accepted, Code, Failure};
use crate::mailbox::Mailbox;
use crate::protocol::event::BusEvent;
use crate::protocol::run::{Exit, RunDialect, STARTS, never_began};
use crate::protocol::stream_event::StreamEvent;
use crate::protocol::turn::{Output, Turn, TurnConfig, Wire};
use crate::request::{Route, TurnRequest};
use crate::transport::{FirstStart, RunChild, TRIES, end, exit_of, pause};

/// How long text that may be OpenCode's summary of the session waits for the end of its message, which comes at once
/// unless the model goes on to call a tool.
const HELD: Duration = Duration::from_secs(1);
/// How long the last words on standard error may take once the process is gone.
const LAST_WORDS: Duration = Duration::from_secs(1);

struct Pump<'a> {
    request: &'a TurnRequest,
    ready: &'a RunReady,
    first: Option<FirstStart>,
    mailbox: &'a Mailbox,
    dialect: RunDialect,
    /// From the first line on, which names the session.
    turn: Option<Turn>,
}

/// How it ends where there is no turn yet to say so.
type Verdict = Result<Value, Failure>;

/// What one process came to.
enum Ended {
    Verdict(Box<Verdict>),
    /// It ended before it took the prompt, since another program set up the database.
    TooEarly,
}

pub async fn pump(
    request: &TurnRequest,
    mut ready: RunReady,
    mailbox: &Mailbox,
    mut leave: Leaving,
    deadline: Option<(Instant, Duration)>,
) -> Verdict {
    let mut first = ready.first.take();
    for tried in 1.. {
        let mut child = ready.program.run(ready.words.clone(), ready.prompt.clone(), ready.generation)?;
        let dialect =
            RunDialect::new(request.session.id.is_some() || request.session.newest, ready.generation);
        let mut pump = Pump { request, ready: &ready, first, mailbox, dialect, turn: None };
        let ended = pump.run(&mut child, &mut leave, deadline).await;
        end(&mut child.child).await;
        match ended {
            Ended::TooEarly if tried < TRIES => first = pump.first.take(),
            Ended::TooEarly => {
                return Err(never_said(pump.dialect.end(Exit::Code(1), &child.child.stderr())));
            }
            Ended::Verdict(verdict) => return *verdict,
        }
        tokio::select! {
            biased;
            _ = left(&mut leave, OnLeave::Abort) => return Ok(left_before_the_prompt(request, mailbox)),
            failure = expire(deadline) => return Err(failure),
            () = sleep(pause(tried)) => {}
        }
    }
    Err(lost())
}

impl Pump<'_> {
    async fn run(
        &mut self,
        child: &mut RunChild,
        leave: &mut Leaving,
        deadline: Option<(Instant, Duration)>,
    ) -> Ended {
        loop {
            if let Some(verdict) = self.drain() {
                return Ended::Verdict(Box::new(verdict));
            }
            let waits = self.dialect.waits();
            tokio::select! {
                biased;
                _ = left(leave, OnLeave::Abort) => return Ended::Verdict(Box::new(self.left())),
                failure = expire(deadline) => return Ended::Verdict(Box::new(self.failed(failure))),
                line = child.lines.next() => {
                    let ended = match line {
                        Ok(Some(line)) => self.on_line(&line, child).map(|verdict| Ended::Verdict(Box::new(verdict))),
                        Ok(None) => self.on_exit(child).await,
                        Err(failure) => Some(Ended::Verdict(Box::new(self.failed(failure)))),
                    };
                    if let Some(ended) = ended {
                        return ended;
                    }
                }
                () = sleep(HELD), if waits => self.release(),
            }
        }
    }

    /// Does what the turn wants done; its verdict once it has one.
    fn drain(&mut self) -> Option<Verdict> {
        let turn = self.turn.as_mut()?;
        while let Some(output) = turn.poll_output() {
            match output {
                Output::Emit(event) => emit(turn, self.mailbox, self.request.limits.buffered, event),
                Output::Finish(verdict) => return Some(*verdict),
                // The process has answered its asks itself, and is ended where a turn is to stop.
                Output::Reply(_)
                | Output::Ask(_)
                | Output::AskClosed(_)
                | Output::Abort
                | Output::Fetch
                | Output::Silent
                | Output::Resend => {}
            }
        }
        None
    }

    fn on_line(&mut self, line: &[u8], child: &mut RunChild) -> Option<Verdict> {
        match self.dialect.line(line) {
            Ok(events) => {
                if self.turn().is_some() && self.request.raw {
                    let session = self.dialect.session().unwrap_or_default().to_owned();
                    for event in raw_records(&session, line, STARTS) {
                        self.emit(event);
                    }
                }
                // First what was complained of: a rejected ask comes before the part that tells of it.
                self.read_complaints(child);
                self.on_events(events);
                None
            }
            Err(failure) => Some(self.failed(failure)),
        }
    }

    fn release(&mut self) {
        let events = self.dialect.release();
        self.on_events(events);
    }

    fn on_events(&mut self, events: Vec<BusEvent>) {
        let now = Instant::now().into_std();
        if let Some(turn) = self.turn() {
            for event in events {
                turn.on_event(&event, now);
            }
        }
    }

    fn emit(&mut self, event: StreamEvent) {
        if let Some(turn) = &mut self.turn {
            emit(turn, self.mailbox, self.request.limits.buffered, event);
        }
    }

    /// Begins with the first line, which shows that the prompt was taken.
    fn turn(&mut self) -> Option<&mut Turn> {
        if self.turn.is_none() {
            let mut turn = Turn::new(TurnConfig {
                route: Route::Run.name(),
                granularity: "part",
                wire: Wire::Child,
                session_id: self.dialect.session()?.to_owned(),
                version: None,
                generation: self.ready.generation,
                policies: self.request.policies(),
                accept: self.request.target.timeouts.accept,
                texts: Vec::new(),
                before: self.ready.before.clone(),
            });
            turn.on_accepted(Instant::now().into_std());
            self.turn = Some(turn);
            if let Some(first) = self.first.take() {
                first.succeeded();
            }
        }
        self.turn.as_mut()
    }

    fn read_complaints(&mut self, child: &mut RunChild) {
        let heard = std::iter::from_fn(|| child.complaints.try_recv().ok());
        let asks: Vec<BusEvent> = heard.filter_map(|asked| self.dialect.rejected(&asked)).collect();
        self.on_events(asks);
    }

    async fn on_exit(&mut self, child: &mut RunChild) -> Option<Ended> {
        let exit = exit_of(child.child.exited().await);
        let _ = timeout(LAST_WORDS, child.child.stderr_ended()).await;
        self.read_complaints(child);
        self.release();
        let closing = self.dialect.close(exit);
        self.on_events(closing);
        let stderr = child.child.stderr();
        let ended = self.dialect.end(exit, &stderr);
        match &mut self.turn {
            Some(turn) => {
                turn.on_ended(ended);
                // A turn that is told of its end has a verdict.
                None
            }
            // The database is opened before anything is done with the prompt.
            None if matches!(exit, Exit::Code(1..)) && never_began(&stderr) => Some(Ended::TooEarly),
            None => Some(Ended::Verdict(Box::new(Err(never_said(ended))))),
        }
    }

    /// The reader wants no more: the process goes, and what it has written is the result.
    fn left(&mut self) -> Verdict {
        self.release();
        let Some(turn) = &mut self.turn else {
            return Ok(left_before_the_prompt(self.request, self.mailbox));
        };
        turn.conclude_left();
        self.drain().unwrap_or_else(|| Err(lost()))
    }

    fn failed(&mut self, failure: Failure) -> Verdict {
        self.release();
        let Some(turn) = &mut self.turn else {
            let known = failure.accepted == Accepted::Yes;
            return Err(if known { failure } else { failure.accepted(Accepted::Unknown) });
        };
        fail(turn, failure);
        self.drain().unwrap_or_else(|| Err(lost()))
    }
}

/// It ended without naming a session: nobody knows what became of the prompt.
fn never_said(ended: Result<(), Failure>) -> Failure {
    let failure = ended.err().unwrap_or_else(|| Failure::new(Code::CliExit, "`opencode run` said nothing"));
    match failure.code {
        _ if failure.accepted == Accepted::Yes => failure,
        // It looked for them before anything else.
        Code::SessionNotFound | Code::AgentNotFound | Code::ModelNotFound => failure.accepted(Accepted::No),
        _ => failure.accepted(Accepted::Unknown),
    }
}

fn lost() -> Failure {
    Failure::new(Code::Protocol, "the turn has no end").accepted(Accepted::Unknown)
}
