//! Why a turn of generation 2 failed: told by the `type` that OpenCode gives, never by its English.

use crate::error::{Code, Failure};

/// A failure in OpenCode's own words: `{ type, message, status? }`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Fault {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub message: String,
    /// The HTTP status of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl Fault {
    /// The text stands: the provider's filter stopped the model.
    pub fn is_content_filter(&self) -> bool {
        self.kind == "provider.content-filter"
    }

    /// OpenCode stopped the work, and nothing failed by itself.
    pub fn is_abort(&self) -> bool {
        self.kind == "aborted"
    }
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
