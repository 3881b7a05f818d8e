//! From the prompt to the end of a turn on the route `run`.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::{expire, left_before_the_prompt};
use super::run_ready::RunReady;
use super::{emit, fail, raw};
use crate::error::{Accepted, Code, Failure};
use crate::mailbox::Mailbox;
use crate::protocol::event::BusEvent;
use crate::protocol::run::{Exit, RunDialect};
use crate::protocol::stream_event::StreamEvent;
use crate::protocol::turn::{Output, Turn, TurnConfig, Wire};
use crate::request::{Route, TurnRequest};
use crate::transport::{RunChild, end, exit_of};

struct Pump<'a> {
    request: &'a TurnRequest,
    ready: &'a RunReady,
    mailbox: &'a Mailbox,
    dialect: RunDialect,
    /// From the first line on, which names the session.
    turn: Option<Turn>,
    /// How many lines of standard error have been read.
    complaints: usize,
}

/// How it ends where there is no turn yet to say so.
type Verdict = Result<Value, Failure>;

pub async fn pump(
    request: &TurnRequest,
    ready: RunReady,
    mailbox: &Mailbox,
    mut leave: watch::Receiver<bool>,
    deadline: Option<(Instant, Duration)>,
) -> Verdict {
    let mut child = ready.program.run(ready.words.clone(), ready.prompt.clone())?;
    let dialect = RunDialect::default();
    let mut pump = Pump { request, ready: &ready, mailbox, dialect, turn: None, complaints: 0 };
    let verdict = loop {
        if let Some(verdict) = pump.drain() {
            break verdict;
        }
        tokio::select! {
            biased;
            () = has_left(&mut leave) => break pump.left(),
            failure = expire(deadline) => break pump.failed(failure),
            line = child.lines.next() => {
                let ended = match line {
                    Ok(Some(line)) => pump.on_line(&line, &child),
                    Ok(None) => pump.on_exit(&child).await,
                    Err(failure) => Some(pump.failed(failure)),
                };
                if let Some(verdict) = ended {
                    break verdict;
                }
            }
        }
    };
    end(&mut child.child).await;
    verdict
}

async fn has_left(leave: &mut watch::Receiver<bool>) {
    let _ = leave.wait_for(|left| *left).await;
}

impl Pump<'_> {
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

    fn on_line(&mut self, line: &[u8], child: &RunChild) -> Option<Verdict> {
        match self.dialect.line(line) {
            Ok(events) => {
                let told = self.dialect.session().and_then(|session| raw(session, line));
                if let Some(event) = told.filter(|_| self.request.raw && self.turn().is_some()) {
                    self.emit(event);
                }
                // First what was complained of: a rejected ask comes before the part that tells of it.
                self.read_stderr(child);
                self.on_events(events);
                None
            }
            Err(failure) => Some(self.failed(failure)),
        }
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
                policies: self.request.policies(),
                accept: self.request.target.timeouts.accept,
                texts: Vec::new(),
                before: self.ready.before.clone(),
            });
            turn.on_accepted(Instant::now().into_std());
            self.turn = Some(turn);
        }
        self.turn.as_mut()
    }

    fn read_stderr(&mut self, child: &RunChild) {
        let stderr = child.child.stderr();
        let lines: Vec<&str> = stderr.lines().collect();
        let new = lines.get(self.complaints..).unwrap_or_default();
        let asks: Vec<BusEvent> = new.iter().filter_map(|line| self.dialect.stderr_line(line)).collect();
        self.complaints = lines.len();
        self.on_events(asks);
    }

    async fn on_exit(&mut self, child: &RunChild) -> Option<Verdict> {
        let exit = exit_of(child.child.exited().await);
        self.read_stderr(child);
        let ended = self.dialect.end(exit, &child.child.stderr());
        match &mut self.turn {
            Some(turn) => {
                turn.on_ended(ended);
                // A turn that is told of its end has a verdict.
                None
            }
            None => Some(Err(never_said(ended, exit))),
        }
    }

    /// The reader wants no more: the process goes, and what it has written is the result.
    fn left(&mut self) -> Verdict {
        let Some(turn) = &mut self.turn else {
            return Ok(left_before_the_prompt(self.request, self.mailbox));
        };
        turn.conclude_left();
        self.drain().unwrap_or_else(|| Err(lost()))
    }

    fn failed(&mut self, failure: Failure) -> Verdict {
        let Some(turn) = &mut self.turn else {
            let known = failure.accepted == Accepted::Yes;
            return Err(if known { failure } else { failure.accepted(Accepted::Unknown) });
        };
        fail(turn, failure);
        self.drain().unwrap_or_else(|| Err(lost()))
    }
}

/// It ended without naming a session: nobody knows what became of the prompt.
fn never_said(ended: Result<(), Failure>, exit: Exit) -> Failure {
    let failure = ended
        .err()
        .unwrap_or_else(|| Failure::new(Code::CliExit, format!("`opencode run` said nothing ({exit:?})")));
    failure.accepted(Accepted::Unknown)
}

fn lost() -> Failure {
    Failure::new(Code::Protocol, "the turn has no end").accepted(Accepted::Unknown)
}
