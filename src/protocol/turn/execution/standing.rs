//! What a look at the server says of a prompt: after a gap, or where the stream has left it open.

use std::collections::HashSet;

use super::state::{End, Execution, Standing, State, Step, is_final};
use crate::protocol::event::{Fault, Interruption, MessageInfo};
use crate::protocol::history::{Outcome, Stored, StoredMessage};

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

impl Execution {
    /// Takes what a look says; the answers of the turn in it are [`Self::own_answers`].
    pub fn on_look(&mut self, look: &Look) -> Standing {
        self.others = look.inbox.iter().filter(|id| **id != self.prompt).cloned().collect::<HashSet<_>>();
        let standing = match self.standing(look) {
            // What runs never goes back into the inbox: the look is older than the stream.
            Standing::Waiting if self.state == State::Running => Standing::Running,
            Standing::Parked if self.state == State::Running => Standing::Ended(End::Lost),
            standing => standing,
        };
        let standing = self.believed(standing);
        match &standing {
            // In either case what comes next is of the answer.
            Standing::Running | Standing::Unclear => self.state = State::Running,
            Standing::Ended(_) => self.state = State::Over,
            Standing::Waiting | Standing::Parked => self.state = State::Waiting { woken: false },
            Standing::NeverAccepted | Standing::Unseen => {}
        }
        // A list may be older than the stream, which may know of a later end.
        if own_answers(&self.prompt, &look.messages).last().is_some_and(|last| is_final(&last.info)) {
            self.step = Step::Final;
        }
        standing
    }

    /// What is not found is believed only if the look before this one did not find it either, and the stream has
    /// said nothing of the session since.
    fn believed(&mut self, standing: Standing) -> Standing {
        let agreed = self.doubt.take().is_some_and(|before| before == standing);
        if agreed || !standing.is_by_absence() {
            return standing;
        }
        let doubted = standing.doubted();
        self.doubt = Some(standing);
        doubted
    }

    fn standing(&self, look: &Look) -> Standing {
        let Some(behind) = behind(&self.prompt, &look.messages) else {
            return match (look.inbox.contains(&self.prompt), look.active) {
                (true, true) => Standing::Waiting,
                (true, false) => Standing::Parked,
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
                StoredMessage::Prompt(_) if last.is_some_and(is_aborted) => return cut_off(last),
                StoredMessage::Prompt(_) | StoredMessage::Other => {}
            }
        }
        if look.active {
            return Standing::Running;
        }
        cut_off(last)
    }

    /// The answers of a history that belong to the prompt, in order.
    pub fn own_answers<'a>(&self, messages: &'a [StoredMessage]) -> impl Iterator<Item = &'a Stored> {
        own_answers(&self.prompt, messages)
    }
}

/// Nothing says how it ended. An execution that a rejected ask ended leaves no mark but its last message.
fn cut_off(last: Option<&MessageInfo>) -> Standing {
    let is_aborted = last.is_some_and(is_aborted);
    Standing::Ended(if is_aborted { End::Interrupted(Interruption::Shutdown) } else { End::Lost })
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
                complete = is_final(&answer.info) || is_aborted(&answer.info);
                return Some(&**answer);
            }
            StoredMessage::Answer(_) | StoredMessage::Other => {}
        }
        None
    })
}

fn is_aborted(info: &MessageInfo) -> bool {
    fault_of(info).is_some_and(|fault| fault.is_abort())
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
