//! A prompt has an id of ours: OpenCode stores it once however often it is sent, so that what became of it
//! can be looked up, and sending it again is harmless.

use serde::Deserialize;
use serde_json::{Value, json};

use super::session::of;
use super::wire::{data, read};
use crate::error::Failure;
use crate::protocol::answer::Answer;
use crate::protocol::call::{Method, Request};
use crate::protocol::segment::segment;

/// One prompt. Several texts are one, with blank lines between them.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    /// Begins with `msg_`.
    pub id: String,
    pub text: String,
    pub files: Vec<Attachment>,
    /// Goes along with what OpenCode puts in before it.
    pub steers: bool,
}

/// A file that goes with the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// `data:`; a `file:` is read by the server, which asks no permission for it.
    pub uri: String,
    pub name: Option<String>,
}

/// What OpenCode stored: for a repeated id, the first prompt that had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPrompt {
    pub id: String,
    pub text: String,
}

/// `parked`: OpenCode loads the directory and stores the prompt, and runs it when it is sent again.
pub fn send(session: &str, prompt: &Prompt, parked: bool) -> Request {
    // Behind what runs, not into it: two prompts of one answer cannot be told apart. But the reminder that some
    // agents have is put in before the prompt, and to a prompt that queues the model would answer twice (2.0.15).
    let delivery = if prompt.steers { "steer" } else { "queue" };
    let mut body = json!({ "id": prompt.id, "text": prompt.text, "delivery": delivery });
    if !prompt.files.is_empty() {
        body["files"] = prompt.files.iter().map(file).collect();
    }
    if parked {
        body["resume"] = Value::Bool(false);
    }
    Request::new(Method::Post, of(session, "/prompt")).body(body)
}

fn file(attachment: &Attachment) -> Value {
    let mut file = json!({ "uri": attachment.uri });
    if let Some(name) = &attachment.name {
        file["name"] = json!(name);
    }
    file
}

pub fn read_stored(answer: &Answer) -> Result<StoredPrompt, Failure> {
    #[derive(Deserialize)]
    struct Wire {
        id: String,
        #[serde(default)]
        payload: Payload,
    }
    #[derive(Default, Deserialize)]
    struct Payload {
        #[serde(default)]
        text: String,
    }
    let Wire { id, payload } = data(answer)?;
    Ok(StoredPrompt { id, text: payload.text })
}

/// Takes a prompt back that does not run yet. OpenCode answers 204 also when that came too late: only the
/// event `session.inbox.cancelled` says that the prompt never ran.
pub fn withdraw(session: &str, prompt: &str) -> Request {
    Request::new(Method::Delete, of(session, &format!("/inbox/{}", segment(prompt))))
}

/// Stops the turn that runs in the session, whoever's it is, with those of its subagents.
pub fn interrupt(session: &str) -> Request {
    Request::new(Method::Post, of(session, "/interrupt"))
}

/// Whether something ran that could be interrupted.
pub fn was_interrupted(answer: &Answer) -> Result<bool, Failure> {
    #[derive(Deserialize)]
    struct Wire {
        interrupted: bool,
    }
    Ok(read::<Wire>(answer)?.interrupted)
}
