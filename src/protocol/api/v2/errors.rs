//! What went wrong with a request, by its `_tag` and never by its English.

use serde::Deserialize;

use crate::error::{Code, Failure};
use crate::protocol::answer::Answer;

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
