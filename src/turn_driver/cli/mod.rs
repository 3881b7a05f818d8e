//! Turns of OpenCode's command line: a child of our own for each, which ends with it.

mod acp;
mod acp_ready;
mod run;
mod run_ready;

pub use acp::pump as pump_acp;
pub use acp_ready::{AcpReady, acp_ready};
pub use run::pump as pump_run;
pub use run_ready::{RunReady, run_ready};

use super::folders::{refuse_escapes, same_folder};
use super::line_up;
use super::queue::{Place, Ticket};
use super::route::{Refused, of_the_executable};
use crate::error::{Accepted, Code, Failure};
use crate::mailbox::Mailbox;
use crate::protocol::json as bounded;
use crate::protocol::noise::{Piece, pieces};
use crate::protocol::stream_event::{SessionPlace, StreamEvent};
use crate::protocol::turn::Turn;
use crate::request::{LaunchRequest, TurnRequest};
use crate::transport::{Program, require_folder};

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

/// What to start, and where the agent works.
fn program(request: &TurnRequest, launch: &LaunchRequest) -> Result<Program, Refused> {
    let limit = request.limits.record as usize;
    let within = request.target.timeouts.server_start;
    Program::find(launch, directory(request), limit, within).map_err(of_the_executable)
}

fn directory(request: &TurnRequest) -> &str {
    request.target.directory.as_deref().unwrap_or(".")
}

/// A directory that cannot be worked in is refused before anything is started.
fn usable_directory(request: &TurnRequest) -> Result<(), Refused> {
    let directory = directory(request);
    refuse_escapes(Some(directory)).map_err(Refused::Route)?;
    require_folder(directory).map_err(Refused::Turn)
}

/// The place of the session that is named, if one is: before anything looks at it. A route that was given up
/// has let go of the ticket, so that the next one lines up again.
async fn place(request: &TurnRequest, ticket: &mut Option<Ticket>) -> Option<Place> {
    let ticket = ticket.take().or_else(|| line_up(request))?;
    Some(ticket.await)
}

/// A session works in its own directory, and in no other.
fn require_home(session: &str, home: Option<&str>, directory: &str) -> Result<(), Failure> {
    match home.filter(|home| *home != directory && !same_folder(home, Some(directory))) {
        None => Ok(()),
        Some(home) => Err(Failure::new(
            Code::InvalidOption,
            format!("session '{session}' belongs to the directory {home}, and the turn to {directory}"),
        )
        .hint("pass that directory as `directory`")),
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

/// A line of the wire, for `raw`: the records in it.
fn raw_records(session: &str, line: &[u8], starts: &[&str]) -> Vec<StreamEvent> {
    let place = || SessionPlace { session_id: session.to_owned(), parent_session_id: None };
    let raw = |json: &str| Some(StreamEvent::Raw { place: place(), event: bounded::raw(json)? });
    let text = String::from_utf8_lossy(line);
    if let Some(event) = raw(&text) {
        return vec![event];
    }
    let records = pieces(&text, starts).into_iter().filter_map(|piece| match piece {
        Piece::Record(json) => raw(&json),
        Piece::Noise(_) | Piece::Torn(_) => None,
    });
    records.collect()
}
