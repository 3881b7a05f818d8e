//! A turn of generation 2: its prompt has an id of ours, and one event says that it is over. What it shares
//! with generation 1 (transcript, asks, leaving, results) is in the files beside this one.

use std::time::Instant;

use super::ending::{QUIET, SILENCE, TAIL};
use super::execution::{End, Execution, Look, Sign, Standing, Stop};
use super::last_retry::LastRetry;
use super::{Output, Turn};
use crate::error::{Code, Failure};
use crate::protocol::event::{Ask, BusEvent, Interruption, MessageInfo};
use crate::protocol::fault::{fault_of_start, fault_of_turn};
use crate::protocol::stream_event::StreamEvent;
use crate::protocol::transcript::Source;

impl Turn {
    /// The turn of a prompt that is sent with an id of ours.
    #[must_use]
    pub fn of_prompt(mut self, prompt: &str) -> Self {
        self.execution = Some(Execution::new(prompt));
        self
    }

    /// What stops the turn inside OpenCode, when [`Output::Abort`] asks for it.
    pub fn stop(&self) -> Option<Stop> {
        self.execution.as_ref().map(Execution::stop)
    }

    /// OpenCode answered that it has stored the prompt.
    pub fn on_stored(&mut self, now: Instant) {
        // A look that is under way may be of the time before.
        self.overtaken |= self.fetching;
        if let Some(execution) = &mut self.execution {
            execution.on_stored();
            let prompt = execution.prompt().to_owned();
            self.user_message.get_or_insert(prompt);
        }
        self.on_accepted(now);
    }

    pub(super) fn on_event_of_execution(&mut self, event: &BusEvent, root: bool) {
        if root {
            self.heard_of_session(event);
        }
        let running = self.execution.as_ref().is_some_and(Execution::is_running);
        match event {
            BusEvent::Asked(ask) => self.ask(ask.clone()),
            BusEvent::AskClosed { id, reply, .. } => self.ask_closed(id, reply.clone()),
            BusEvent::Deleted { .. } if root => self.deleted(),
            BusEvent::Inbox(inbox) if root => {
                let sign = self.execution.as_mut().map(|execution| execution.on_inbox(inbox));
                self.on_sign(sign.unwrap_or(Sign::Nothing));
            }
            BusEvent::Execution { event, .. } if root => {
                let sign = self.execution.as_mut().map(|execution| execution.on_execution(event));
                self.on_sign(sign.unwrap_or(Sign::Nothing));
            }
            // Until then it is the answer to another prompt, as far as anybody knows who has missed nothing.
            _ if !running => self.missed |= self.gap,
            BusEvent::Message(info) => self.message_of_step(info, root),
            BusEvent::Part(part) => {
                self.advance(part.kind);
                self.write(|transcript, out| transcript.part(part, Source::Live, out));
            }
            BusEvent::Delta(delta) => self.write(|transcript, out| {
                transcript.delta(delta, out);
                Ok(())
            }),
            BusEvent::Retry { attempt, message, status, next, .. } if root => {
                let place = self.place(&self.config.session_id.clone());
                let (attempt, message, next) = (*attempt, message.clone(), *next);
                self.last_retry = Some(LastRetry { attempt, message: message.clone(), status: *status });
                self.emit(StreamEvent::Retry { place, attempt, message, next, discards: Vec::new() });
            }
            _ => {}
        }
    }

    fn message_of_step(&mut self, info: &MessageInfo, root: bool) {
        if root && let Some(execution) = &mut self.execution {
            execution.on_message(info);
        }
        self.write(|transcript, out| transcript.message(info, out));
    }

    fn heard_of_session(&mut self, event: &BusEvent) {
        if let Some(execution) = &mut self.execution {
            execution.heard();
        }
        // A look that is under way may be of the time before.
        self.overtaken |= self.fetching && matches!(event, BusEvent::Inbox(_) | BusEvent::Execution { .. });
    }

    fn on_sign(&mut self, sign: Sign) {
        match sign {
            Sign::Nothing => {}
            Sign::Accepted => self.found_prompt(),
            Sign::Began => {
                self.found_prompt();
                self.show_work();
            }
            Sign::Ended(end) => {
                self.found_prompt();
                if self.gap {
                    // What it hid belongs to the answer.
                    self.known_end = Some(end);
                    self.fetch();
                } else {
                    self.conclude_execution(end);
                }
            }
            Sign::Unclear => self.fetch(),
        }
    }

    fn found_prompt(&mut self) {
        let prompt = self.execution.as_ref().map(|execution| execution.prompt().to_owned());
        if let Some(prompt) = prompt.filter(|_| !self.started || self.user_message.is_none()) {
            self.found(&prompt);
        }
    }

    /// The server's answer to [`Output::Fetch`]. `asks`: those that are pending; `children`: the sessions of
    /// subagents.
    pub fn on_look(&mut self, look: &Look, asks: Vec<Ask>, children: &[String], now: Instant) {
        self.fetching = false;
        self.failed_fetches = 0;
        if self.finished || self.down {
            return;
        }
        if std::mem::take(&mut self.overtaken) {
            return self.fetch();
        }
        for child in children {
            self.adopt(child);
        }
        self.on_pending(asks);
        if let Some(end) = self.known_end.take() {
            self.catch_up(look, Source::Settled);
            return self.conclude_execution(end);
        }
        let Some(execution) = &mut self.execution else { return };
        let standing = execution.on_look(look);
        match standing {
            Standing::NeverAccepted if self.accepted.is_none() => self.check_at = Some(now + SILENCE),
            Standing::NeverAccepted => self.fail(gone()),
            Standing::Unseen => self.check_at = Some(now + TAIL / 4),
            Standing::Waiting => {
                self.parked = None;
                self.found_prompt();
                self.catch_up(look, Source::Fetched);
                self.heard = Some(now);
                // The stream says when its turn comes.
                self.check_at = Some(now + QUIET);
            }
            Standing::Parked => self.send_again(look, now),
            Standing::Running => {
                self.on_sign(Sign::Began);
                self.catch_up(look, Source::Fetched);
                self.heard = Some(now);
                self.look_for_missed();
            }
            Standing::Unclear => {
                self.on_sign(Sign::Began);
                self.catch_up(look, Source::Fetched);
                self.check_at = Some(now + TAIL / 4);
                self.look_for_missed();
            }
            Standing::Ended(end) => {
                self.found_prompt();
                self.catch_up(look, Source::Settled);
                self.conclude_execution(end);
            }
        }
    }

    /// Nothing will run the prompt but sending it again, and a busy server may need a while for that.
    fn send_again(&mut self, look: &Look, now: Instant) {
        self.found_prompt();
        self.catch_up(look, Source::Fetched);
        if now >= *self.parked.get_or_insert(now) + self.config.accept {
            return self.fail(self.never_ran());
        }
        self.check_at = Some(now + SILENCE);
        self.outputs.push_back(Output::Resend);
    }

    /// What came while the look was under way may be in neither.
    fn look_for_missed(&mut self) {
        if std::mem::take(&mut self.missed) {
            self.gap = true;
            self.transcript.gap();
            self.fetch();
        }
    }

    /// Fills what a gap hid.
    fn catch_up(&mut self, look: &Look, source: Source) {
        if source == Source::Fetched && !std::mem::take(&mut self.gap) {
            return;
        }
        self.gap = false;
        let Some(execution) = &self.execution else { return };
        let own: Vec<_> = execution.own_answers(&look.messages).cloned().collect();
        self.write(|transcript, out| transcript.reconcile(&own, source, out));
        self.weigh();
    }

    fn conclude_execution(&mut self, end: End) {
        if self.finished {
            return;
        }
        if matches!(end, End::Refused(_)) {
            self.outputs.push_back(Output::Abort);
        }
        match self.failure_of_end(end).or_else(|| self.unchosen()) {
            Some(failure) if !self.leaving => self.fail(failure),
            _ => self.succeed(),
        }
    }

    /// `None` where the text so far is a result.
    fn failure_of_end(&self, end: End) -> Option<Failure> {
        match end {
            End::Succeeded | End::Overtaken => None,
            End::Failed(fault) if fault.is_content_filter() => None,
            End::Failed(fault) => Some(fault_of_turn(&fault)),
            End::Refused(fault) => Some(fault_of_start(&fault)),
            End::Interrupted(Interruption::Shutdown) if self.asks.rejected => None,
            End::Interrupted(Interruption::User) => Some(interrupted("another client interrupted this turn")),
            End::Interrupted(Interruption::Shutdown) => Some(interrupted(
                "OpenCode stopped this turn: an ask was rejected elsewhere, or the server closes",
            )),
            End::Interrupted(Interruption::Other(why)) => {
                Some(interrupted(&format!("OpenCode interrupted this turn: {why}")))
            }
            End::Withdrawn => Some(
                Failure::new(Code::AbortedElsewhere, "another client withdrew the prompt before it ran")
                    .hint("send the prompt again"),
            ),
            End::Lost => Some(
                Failure::new(Code::StreamLost, "the server was restarted in the middle of the turn")
                    .hint("read the session's messages for what the agent did; prompt again to go on"),
            ),
        }
    }
}

fn interrupted(message: &str) -> Failure {
    Failure::new(Code::AbortedElsewhere, message).hint("the text so far is in error.data.text")
}

fn gone() -> Failure {
    Failure::new(Code::StreamLost, "OpenCode took the prompt and no longer has it")
        .hint("another client deleted or reverted the session, or withdrew the prompt; see the server's log")
}
