//! Events of whole sessions: their place in the tree, their inbox, the work on them.

use serde::Deserialize;

use crate::protocol::event::{
    BusEvent, ExecutionEvent, Fault, InboxEvent, InboxStep, Interruption, SessionInfo,
};
use crate::protocol::reading::{Malformed, parse, parse_repaired};

/// `session.created` and `session.renamed`.
pub fn info(kind: &str, data: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        id: String,
        #[serde(rename = "parentID", default)]
        parent_id: Option<String>,
        #[serde(default)]
        title: Option<String>,
    }
    let Wire { id, parent_id, title } = parse_repaired(kind, data)?;
    Ok(BusEvent::Session(SessionInfo { id, parent_id, title }))
}

pub fn inbox(kind: &str, data: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session_id: String,
        #[serde(rename = "inboxID")]
        prompt: String,
        #[serde(default)]
        item: Item,
    }
    #[derive(Default, Deserialize)]
    struct Item {
        #[serde(rename = "type", default)]
        kind: Option<String>,
    }
    let Wire { session_id, prompt, item } = parse_repaired(kind, data)?;
    let step = match kind {
        "session.inbox.enqueued" if item.kind.as_deref() == Some("synthetic") => InboxStep::Noted,
        "session.inbox.enqueued" => InboxStep::Enqueued,
        "session.inbox.delivered" => InboxStep::Delivered,
        _ => InboxStep::Cancelled,
    };
    Ok(BusEvent::Inbox(InboxEvent { session_id, prompt, step }))
}

pub fn execution(kind: &str, data: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session_id: String,
        #[serde(default)]
        error: Option<Fault>,
        #[serde(default)]
        reason: Option<String>,
    }
    let Wire { session_id, error, reason } = parse_repaired(kind, data)?;
    let event = match kind {
        "session.execution.started" => ExecutionEvent::Started,
        "session.execution.succeeded" => ExecutionEvent::Succeeded,
        "session.execution.failed" => ExecutionEvent::Failed(error.unwrap_or_else(unnamed)),
        _ => ExecutionEvent::Interrupted(interruption(reason)),
    };
    Ok(BusEvent::Execution { session_id, event })
}

fn unnamed() -> Fault {
    Fault { kind: "unknown".to_owned(), message: String::new(), status: None }
}

fn interruption(reason: Option<String>) -> Interruption {
    match reason.as_deref() {
        Some("user") => Interruption::User,
        Some("shutdown") => Interruption::Shutdown,
        _ => Interruption::Other(reason.unwrap_or_default()),
    }
}

pub fn retry(data: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session_id: String,
        attempt: u32,
        #[serde(default)]
        at: f64,
        #[serde(default)]
        error: Option<Fault>,
    }
    let wire: Wire = parse_repaired("session.retry.scheduled", data)?;
    let (message, status) = wire.error.map(|fault| (fault.message, fault.status)).unwrap_or_default();
    Ok(BusEvent::Retry {
        session_id: wire.session_id,
        // OpenCode counts the failed one as the first.
        attempt: wire.attempt.saturating_sub(1),
        message,
        status,
        next: wire.at,
    })
}

pub fn deleted(data: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session_id: String,
    }
    let Wire { session_id } = parse_repaired("session.deleted", data)?;
    Ok(BusEvent::Deleted { session_id })
}

/// An event we have no use for beyond knowing that it came.
pub fn other(data: &str) -> BusEvent {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID", default)]
        session_id: Option<String>,
    }
    let session_id = parse::<Wire>("event", data).ok().and_then(|wire| wire.session_id);
    BusEvent::Other { session_id }
}
