//! One prompt's way through inbox and execution, told by events.

use std::collections::HashSet;

use crate::protocol::event::{ExecutionEvent, Fault, InboxEvent, InboxStep, Interruption, MessageInfo};

/// How the turn of a prompt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Succeeded,
    Failed(Fault),
    /// It failed before OpenCode took the prompt out of the inbox, where it stays and would go along with the
    /// next one.
    Refused(Fault),
    Interrupted(Interruption),
    /// The answer was complete and the next prompt's turn began, in the same execution.
    Overtaken,
    /// The prompt was withdrawn before it ran.
    Withdrawn,
    /// The server was restarted in the middle of the turn.
    Lost,
}

/// What an event means for the prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Sign {
    Nothing,
    /// OpenCode has stored the prompt.
    Accepted,
    /// The prompt's turn begins.
    Began,
    Ended(End),
    /// The session stopped and may have left the prompt behind: look.
    Unclear,
}

/// What stops the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It does not run yet: it can be withdrawn, and another prompt's turn goes on.
    Withdraw,
    Interrupt,
}

/// How it stands with a prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// OpenCode does not have it.
    NeverAccepted,
    /// This look does not find it: the next one decides.
    Unseen,
    /// It waits while the session works on another one.
    Waiting,
    /// It waits and nothing will run it: sending the same id again does.
    Parked,
    Running,
    Ended(End),
    /// It was delivered, and this look finds it neither running nor ended: the next one decides.
    Unclear,
}

impl Standing {
    /// Whether only what a look did not find says so. A look is several requests: what moves between two of them
    /// may show in neither.
    pub(super) fn is_by_absence(&self) -> bool {
        matches!(
            self,
            Self::NeverAccepted | Self::Ended(End::Lost | End::Interrupted(Interruption::Shutdown))
        )
    }

    /// As long as no second look agrees.
    pub(super) fn doubted(&self) -> Self {
        if *self == Self::NeverAccepted { Self::Unseen } else { Self::Unclear }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// OpenCode has not said that it has the prompt.
    Sent,
    /// It waits in the inbox. `woken`: an execution began while it waited.
    Waiting {
        woken: bool,
    },
    Running,
    Over,
}

/// The last step of the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// None yet, one under way, one that failed, or one whose tools' results go to the model next.
    Open,
    /// The model has said all it has to say.
    Final,
}

/// One prompt's way through inbox and execution.
#[derive(Debug)]
pub struct Execution {
    pub(super) prompt: String,
    pub(super) state: State,
    pub(super) step: Step,
    /// Other prompts that wait in the inbox.
    pub(super) others: HashSet<String>,
    /// What OpenCode itself puts in.
    notes: HashSet<String>,
    /// What the last look did not find, as long as the stream says nothing.
    pub(super) doubt: Option<Standing>,
}

impl Execution {
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            state: State::Sent,
            step: Step::Open,
            others: HashSet::new(),
            notes: HashSet::new(),
            doubt: None,
        }
    }

    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Whether what the session writes is an answer to the prompt.
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }

    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What stops the prompt now. A withdrawal may come too late: then the delivery is seen instead of the
    /// withdrawal, and the turn has to be interrupted.
    pub fn stop(&self) -> Stop {
        if self.state == State::Running { Stop::Interrupt } else { Stop::Withdraw }
    }

    /// OpenCode answered the request that brought the prompt.
    pub fn on_stored(&mut self) {
        self.heard();
        if self.state == State::Sent {
            self.state = State::Waiting { woken: false };
        }
    }

    /// The stream said something of the session: what the last look did not find may be there by now.
    pub fn heard(&mut self) {
        self.doubt = None;
    }

    pub fn on_inbox(&mut self, event: &InboxEvent) -> Sign {
        self.heard();
        if event.prompt == self.prompt { self.own(event.step) } else { self.foreign(event) }
    }

    fn own(&mut self, step: InboxStep) -> Sign {
        match (step, self.state) {
            (InboxStep::Enqueued, State::Sent) => {
                self.state = State::Waiting { woken: false };
                Sign::Accepted
            }
            (InboxStep::Delivered, State::Sent | State::Waiting { .. }) => {
                self.state = State::Running;
                Sign::Began
            }
            (InboxStep::Cancelled, State::Sent | State::Waiting { .. }) => self.end(End::Withdrawn),
            _ => Sign::Nothing,
        }
    }

    fn foreign(&mut self, event: &InboxEvent) -> Sign {
        match event.step {
            InboxStep::Enqueued => {
                self.others.insert(event.prompt.clone());
            }
            InboxStep::Noted => {
                self.notes.insert(event.prompt.clone());
            }
            InboxStep::Cancelled => {
                self.others.remove(&event.prompt);
                self.notes.remove(&event.prompt);
            }
            // The model answers it as a part of the turn.
            InboxStep::Delivered if self.notes.remove(&event.prompt) => self.step = Step::Open,
            InboxStep::Delivered => {
                self.others.remove(&event.prompt);
                // Delivered together with ours, or between two of its steps: one answer for both.
                if self.state == State::Running && self.step == Step::Final {
                    return self.end(End::Overtaken);
                }
            }
        }
        Sign::Nothing
    }

    /// A message of the prompted session, after `Sign::Began`.
    pub fn on_message(&mut self, info: &MessageInfo) {
        self.step = if is_final(info) { Step::Final } else { Step::Open };
    }

    pub fn on_execution(&mut self, event: &ExecutionEvent) -> Sign {
        self.heard();
        match (self.state, event) {
            (State::Waiting { .. }, ExecutionEvent::Started) => {
                self.state = State::Waiting { woken: true };
                Sign::Nothing
            }
            (State::Running, event) => match ended(event) {
                Some(end) => self.end(end),
                None => Sign::Nothing,
            },
            // Woken by our prompt, with no other to work on: it failed before it could take the prompt.
            (State::Waiting { woken: true }, ExecutionEvent::Failed(fault)) if self.others.is_empty() => {
                self.end(End::Refused(fault.clone()))
            }
            // The end of another prompt's turn; ours is run next, unless that was interrupted.
            (State::Waiting { .. }, event) if event.is_end() => {
                self.state = State::Waiting { woken: false };
                if matches!(event, ExecutionEvent::Interrupted(_)) { Sign::Unclear } else { Sign::Nothing }
            }
            _ => Sign::Nothing,
        }
    }

    fn end(&mut self, end: End) -> Sign {
        self.state = State::Over;
        Sign::Ended(end)
    }
}

/// The model had no more to say.
pub(super) fn is_final(info: &MessageInfo) -> bool {
    info.completed && info.error.is_none() && info.finish.as_deref() != Some("tool-calls")
}

fn ended(event: &ExecutionEvent) -> Option<End> {
    match event {
        ExecutionEvent::Started => None,
        ExecutionEvent::Succeeded => Some(End::Succeeded),
        ExecutionEvent::Failed(fault) => Some(End::Failed(fault.clone())),
        ExecutionEvent::Interrupted(why) => Some(End::Interrupted(why.clone())),
    }
}
