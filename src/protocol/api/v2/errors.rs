//! What went wrong, by its code and never by its English: an HTTP answer has a `_tag`, a turn a `type`.

use serde::Deserialize;

use crate::error::{Code, Failure};
use crate::protocol::answer::Answer;
use crate::protocol::event::Fault;

/// `{ "_tag", "message", … }`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Tagged {
    #[serde(rename = "_tag")]
    tag: Option<String>,
    message: String,
    /// What of the request is wrong.
    field: Option<String>,
}

/// Why an answer is no success; `None` if it is.
pub fn refusal(answer: &Answer) -> Option<Failure> {
    if answer.is_success() && (answer.body.is_empty() || answer.content_type.starts_with("application/json"))
    {
        return None;
    }
    // Without credentials, a page, a redirect: as of any server.
    let general = answer.refusal()?;
    if general.code != Code::BadRequest {
        return Some(general);
    }
    let tagged: Tagged = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = tagged.message.lines().next().unwrap_or_default();
    let failure = match tagged.tag.as_deref() {
        Some("SessionNotFoundError") => Failure::new(Code::SessionNotFound, "OpenCode has no such session")
            .hint("list the sessions of the directory with `opencode session list`"),
        // A malformed session id is a bad request of that field.
        Some("InvalidRequestError") if tagged.field.as_deref() == Some("sessionID") => {
            Failure::new(Code::SessionNotFound, "OpenCode has no such session: its id is malformed")
                .hint("session ids begin with `ses_`")
        }
        Some("SessionBusyError") => Failure::new(Code::SessionBusy, "the session runs another turn"),
        None if answer.status == 500 && answer.body.is_empty() => {
            Failure::new(Code::BadRequest, "OpenCode answered 500 without a word")
                .hint("does `directory` exist on the machine of the server, and is it a folder?")
        }
        _ => Failure::new(Code::BadRequest, format!("OpenCode answered {}: {said}", answer.status))
            .hint("the words are OpenCode's own; its log has more"),
    };
    Some(failure.status(answer.status))
}

/// The failure of a turn that OpenCode ended with `fault`.
pub fn fault_of_turn(fault: &Fault) -> Failure {
    let said = fault.message.lines().next().filter(|line| !line.is_empty()).unwrap_or("no message");
    let failure = match fault.kind.as_str() {
        "provider.no-route" => Failure::new(Code::ModelNotFound, said)
            .hint("list the models of this server with `opencode models`, and pass one as 'provider/model'"),
        "aborted" => Failure::new(Code::AbortedElsewhere, said).hint("the text so far is in error.data.text"),
        kind => Failure::new(Code::Provider, format!("the turn failed with {kind}: {said}"))
            .hint(hint_of(kind, fault.status)),
    };
    let failure = failure.data(serde_json::json!({ "error": fault }));
    match fault.status {
        // A connection that broke in mid-answer carries the 200 it began with.
        Some(status) if status >= 400 => failure.status(status),
        _ => failure,
    }
}

/// The failure of a turn that could not begin. All that OpenCode looks for before it takes a prompt is the
/// session's agent; the code that it gives is `unknown`.
pub fn fault_of_start(fault: &Fault) -> Failure {
    if fault.kind != "unknown" {
        return fault_of_turn(fault);
    }
    let said = fault.message.lines().next().unwrap_or_default();
    Failure::new(Code::AgentNotFound, format!("OpenCode could not begin the turn: {said}"))
        .hint("list the agents of this project with `opencode agent list`")
        .data(serde_json::json!({ "error": fault }))
}

fn hint_of(kind: &str, status: Option<u16>) -> &'static str {
    match (kind, status) {
        ("compaction.failed", _) => "the conversation is too long for the model, and could not be summarised",
        ("provider.auth", _) | (_, Some(401 | 403)) => "check the provider's key with `opencode auth list`",
        ("provider.rate-limit", _) | (_, Some(429)) => {
            "the provider limits the rate of requests: try again later"
        }
        ("provider.internal" | "provider.transport", _) | (_, Some(500..)) => {
            "OpenCode had retried already: the provider is down or overloaded"
        }
        _ => "the error is the provider's own; error.data has all OpenCode knows of it",
    }
}
