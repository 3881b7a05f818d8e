//! What is asked for after a gap. The order matters: see `Look` of the turn.

use serde::Deserialize;
use serde_json::Value;

use super::session::of;
use super::wire::data;
use crate::error::Failure;
use crate::protocol::answer::Answer;
use crate::protocol::call::{Method, Request};

/// The most messages that OpenCode gives at once.
const PAGE: &str = "200";

/// The sessions that run, of all directories.
pub fn active() -> Request {
    Request::new(Method::Get, "/api/session/active")
}

/// The prompts of a session that do not run yet.
pub fn inbox(session: &str) -> Request {
    Request::new(Method::Get, of(session, "/inbox"))
}

/// A page of a session's messages, the newest first; `cursor`: the page behind it.
pub fn messages(session: &str, cursor: Option<&str>) -> Request {
    let request = Request::new(Method::Get, of(session, "/message"));
    match cursor {
        // The cursor holds order and place; the page keeps its own size.
        Some(cursor) => request.query("limit", PAGE).query("cursor", cursor),
        None => request.query("limit", PAGE),
    }
}

/// The ids of the sessions that run.
pub fn read_active(answer: &Answer) -> Result<Vec<String>, Failure> {
    let active: serde_json::Map<String, Value> = data(answer)?;
    Ok(active.into_iter().map(|(id, _)| id).collect())
}

/// The ids of the prompts that wait, in order.
pub fn read_inbox(answer: &Answer) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct Item {
        id: String,
    }
    let items: Vec<Item> = data(answer)?;
    Ok(items.into_iter().map(|item| item.id).collect())
}
