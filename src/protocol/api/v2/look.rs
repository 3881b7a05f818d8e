//! What is asked for after a gap. The order matters: see `Look` of the turn.

use serde::Deserialize;

use super::session::of;
use super::wire::data;
use crate::error::Failure;
use crate::protocol::answer::Answer;
use crate::protocol::call::{Method, Request};
use crate::protocol::json::Bounded;

/// The sessions that run, of all directories.
pub fn active() -> Request {
    Request::new(Method::Get, "/api/session/active")
}

/// The prompts of a session that do not run yet.
pub fn inbox(session: &str) -> Request {
    Request::new(Method::Get, of(session, "/inbox"))
}

/// A page of at most `count` of a session's messages (200 at most), the newest first; `cursor`: the page behind it.
pub fn messages(session: &str, count: usize, cursor: Option<&str>) -> Request {
    let request = Request::new(Method::Get, of(session, "/message")).query("limit", count.to_string());
    match cursor {
        // The cursor holds order and place; the page keeps its own size.
        Some(cursor) => request.query("cursor", cursor),
        None => request,
    }
}

/// The agent of the last answer in a page of messages, the newest first.
pub fn read_last_agent(answer: &Answer) -> Option<String> {
    let messages: Vec<Bounded> = data(answer).ok()?;
    messages.iter().find_map(|Bounded(message)| message["agent"].as_str()).map(str::to_owned)
}

/// The ids of the sessions that run.
pub fn read_active(answer: &Answer) -> Result<Vec<String>, Failure> {
    let active: std::collections::BTreeMap<String, Bounded> = data(answer)?;
    Ok(active.into_keys().collect())
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
