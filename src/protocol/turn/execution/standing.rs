//! What a look at the server says of a prompt: after a gap, or where the stream has left it open.

use std::collections::HashSet;

use super::state::{End, Execution, State, Step, is_final};
use crate::protocol::event::{Fault, Interruption, MessageInfo};
use crate::protocol::history::{Outcome, Stored, StoredMessage};

/// How often a parked prompt is sent again; each time it should run.
const RESENDS: u32 = 3;

/// What the server says, asked in this order: whether the session is active first, so that what is stored
/// afterwards is no older; the inbox before the messages, since prompts go from the one to the other.
#[derive(Debug, Default)]
pub struct Look {
    pub active: bool,
    /// The ids of the prompts that wait.
    pub inbox: Vec<String>,
    /// The session's messages, oldest first.
    pub messages: Vec<StoredMessage>,
}

impl Look {
    /// Whether OpenCode has the prompt.
    pub fn has(&self, prompt: &str) -> bool {
        self.inbox.iter().any(|id| id == prompt) || behind(prompt, &self.messages).is_some()
    }
}

/// How it stands with a prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// OpenCode does not have it.
    NeverAccepted,
    /// It waits while the session works on another one.
    Waiting,
    /// It waits and nothing will run it: sending the same id again does.
    Parked,
    /// As parked, and sending it again has not helped.
    Left,
    Running,
    Ended(End),
    /// It is neither running nor ended, as far as this look shows: the next one decides.
    Unclear,
}

impl Execution {
    /// Takes what a look says; the answers of the turn in it are [`Self::own_answers`].
    pub fn on_look(&mut self, look: &Look) -> Standing {
        self.others = look.inbox.iter().filter(|id| **id != self.prompt).cloned().collect::<HashSet<_>>();
        let standing = match self.standing(look) {
            // What runs never goes back into the inbox: the look is older than the stream.
            Standing::Waiting if self.state == State::Running => Standing::Running,
            Standing::Parked | Standing::Left if self.state == State::Running => self.stopped(),
            standing => standing,
        };
        match &standing {
            Standing::Running => self.state = State::Running,
            Standing::Ended(_) => self.state = State::Over,
            Standing::Waiting | Standing::Parked | Standing::Left => {
                self.state = State::Waiting { woken: false }
            }
            Standing::NeverAccepted | Standing::Unclear => {}
        }
        // A list may be older than the stream, which may know of a later end.
        if own_answers(&self.prompt, &look.messages).last().is_some_and(|last| is_final(&last.info)) {
            self.step = Step::Final;
        }
        self.doubted = standing == Standing::Unclear;
        self.resent += u32::from(standing == Standing::Parked);
        standing
    }

    fn standing(&self, look: &Look) -> Standing {
        let Some(behind) = behind(&self.prompt, &look.messages) else {
            return match (look.inbox.contains(&self.prompt), look.active) {
                (true, true) => Standing::Waiting,
                (true, false) if self.resent < RESENDS => Standing::Parked,
                (true, false) => Standing::Left,
                (false, _) => Standing::NeverAccepted,
            };
        };
        let mut last: Option<&MessageInfo> = None;
        for message in behind {
            match message {
                StoredMessage::Answer(answer) => last = Some(&answer.info),
                StoredMessage::Idle(outcome) => return Standing::Ended(remembered(*outcome, last)),
                StoredMessage::Prompt(_) if last.is_some_and(is_final) => {
                    return Standing::Ended(End::Overtaken);
                }
                StoredMessage::Prompt(_) | StoredMessage::Other => {}
            }
        }
        if look.active {
            return Standing::Running;
        }
        // An execution that a rejected ask ended leaves no mark but its last message.
        if last.and_then(fault_of).is_some_and(|fault| fault.is_abort()) {
            return Standing::Ended(End::Interrupted(Interruption::Shutdown));
        }
        self.stopped()
    }

    /// Nothing runs, and nothing says how it ended.
    fn stopped(&self) -> Standing {
        if self.doubted { Standing::Ended(End::Lost) } else { Standing::Unclear }
    }

    /// The answers of a history that belong to the prompt, in order.
    pub fn own_answers<'a>(&self, messages: &'a [StoredMessage]) -> impl Iterator<Item = &'a Stored> {
        own_answers(&self.prompt, messages)
    }
}

/// What came behind the prompt; `None` where it is not among the messages.
fn behind<'a>(prompt: &str, messages: &'a [StoredMessage]) -> Option<&'a [StoredMessage]> {
    let at =
        messages.iter().position(|message| matches!(message, StoredMessage::Prompt(id) if id == prompt))?;
    Some(&messages[at + 1..])
}

fn own_answers<'a>(prompt: &str, messages: &'a [StoredMessage]) -> impl Iterator<Item = &'a Stored> {
    let behind = behind(prompt, messages).unwrap_or_default();
    let mut over = false;
    let mut complete = false;
    behind.iter().filter_map(move |message| {
        match message {
            StoredMessage::Idle(_) => over = true,
            StoredMessage::Prompt(_) => over |= complete,
            StoredMessage::Answer(answer) if !over => {
                complete = is_final(&answer.info);
                return Some(&**answer);
            }
            StoredMessage::Answer(_) | StoredMessage::Other => {}
        }
        None
    })
}

fn fault_of(info: &MessageInfo) -> Option<Fault> {
    serde_json::from_value(info.error.clone()?).ok()
}

fn remembered(outcome: Outcome, last: Option<&MessageInfo>) -> End {
    match outcome {
        Outcome::Succeeded => End::Succeeded,
        Outcome::Interrupted => End::Interrupted(Interruption::User),
        Outcome::Failed => End::Failed(last.and_then(fault_of).unwrap_or_else(|| Fault {
            kind: "unknown".to_owned(),
            message: "OpenCode remembers that the turn failed, and not why".to_owned(),
            status: None,
        })),
    }
}
