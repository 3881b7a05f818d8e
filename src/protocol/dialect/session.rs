//! Events of whole sessions: their state, their errors, their place in the tree.

use serde::Deserialize;
use serde_json::Value;

use super::{Malformed, parse, parse_repaired};
use crate::protocol::event::{BusEvent, SessionInfo, Status};
use crate::protocol::json;

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "sessionID", default)]
    session_id: Option<String>,
}

pub fn status(properties: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session_id: String,
        status: Status,
    }
    let Wire { session_id, status } = parse_repaired("session.status", properties)?;
    Ok(BusEvent::Status { session_id, status })
}

pub fn idle(properties: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session_id: String,
    }
    let Wire { session_id } = parse("session.idle", properties)?;
    Ok(BusEvent::Idle { session_id })
}

pub fn error(properties: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID", default)]
        session_id: Option<String>,
        #[serde(default, deserialize_with = "json::field")]
        error: Value,
    }
    let Wire { session_id, error } = parse_repaired("session.error", properties)?;
    Ok(BusEvent::Error { session_id, error })
}

pub fn info(properties: &str) -> Result<BusEvent, Malformed> {
    #[derive(Deserialize)]
    struct Wire {
        info: SessionInfo,
    }
    let Wire { info } = parse_repaired("session.updated", properties)?;
    Ok(BusEvent::Session(info))
}

/// The session is gone, and with it whatever it ran.
pub fn deleted(properties: &str) -> BusEvent {
    #[derive(Default, Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID", default)]
        session_id: Option<String>,
        #[serde(default)]
        info: Option<Info>,
    }
    #[derive(Deserialize)]
    struct Info {
        id: String,
    }
    let Wire { session_id, info } = parse_repaired("session.deleted", properties).unwrap_or_default();
    match info.map(|info| info.id).or(session_id) {
        Some(session_id) => BusEvent::Deleted { session_id },
        None => BusEvent::Other { session_id: None },
    }
}

/// An event we have no use for beyond knowing that it came.
pub fn other(properties: &str) -> BusEvent {
    let session_id = parse::<Named>("event", properties).ok().and_then(|named| named.session_id);
    BusEvent::Other { session_id }
}
