//! Turns of OpenCode's command line: a child of our own for each, which ends with it.

mod acp;
mod acp_ready;
mod run;
mod run_ready;

pub use acp::pump as pump_acp;
pub use acp_ready::{AcpReady, acp_ready};
pub use run::pump as pump_run;
pub use run_ready::{RunReady, run_ready};

use super::route::Refused;
use crate::error::{Accepted, Code, Failure};
use crate::mailbox::Mailbox;
use crate::protocol::stream_event::{SessionPlace, StreamEvent};
use crate::protocol::turn::Turn;

/// What the user asked for and no route has, is no reason to try another one.
fn of_the_turn(failure: Failure) -> Refused {
    use Code::{AgentNotFound, CliNotFound, InvalidOption, ModelNotFound, SessionNotFound};
    match failure.code {
        AgentNotFound | CliNotFound | InvalidOption | ModelNotFound | SessionNotFound => {
            Refused::Turn(failure)
        }
        _ => Refused::Route(failure),
    }
}

/// Gives an event to the reader. Too much that is unread ends the turn.
fn emit(turn: &mut Turn, mailbox: &Mailbox, limit: f64, event: StreamEvent) {
    if mailbox.push(event).is_err() {
        let failure = Failure::new(Code::Limit, format!("more than {limit} bytes of output waited unread"))
            .hint("read the stream as it arrives, or raise limits.buffered");
        fail(turn, failure);
    }
}

/// Ends the turn for a reason that says nothing of the prompt, which has been sent.
fn fail(turn: &mut Turn, failure: Failure) {
    turn.fail(failure.accepted(Accepted::Unknown));
}

/// A line of the wire, for `raw`.
fn raw(session: &str, line: &[u8]) -> Option<StreamEvent> {
    let line = String::from_utf8(line.to_vec()).ok()?;
    let event = serde_json::value::RawValue::from_string(line).ok()?;
    let place = SessionPlace { session_id: session.to_owned(), parent_session_id: None };
    Some(StreamEvent::Raw { place, event })
}
