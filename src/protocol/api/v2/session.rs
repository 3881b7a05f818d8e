//! Sessions. Agent, model, rules and instructions belong to the session, not to a prompt: what is changed
//! for one turn has to be put back behind it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rules::Rule;
use super::wire::{data, read};
use crate::error::Failure;
use crate::protocol::answer::Answer;
use crate::protocol::call::{Method, Request};
use crate::protocol::json::Bounded;
use crate::protocol::segment::segment;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ModelRef {
    #[serde(rename = "providerID")]
    pub provider_id: String,
    #[serde(rename = "id")]
    pub model_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A session to make. `directory` is kept by OpenCode as the string it is.
#[derive(Clone, Debug, Default)]
pub struct NewSession {
    pub directory: String,
    pub title: Option<String>,
    pub agent: Option<String>,
    pub model: Option<ModelRef>,
    pub rules: Vec<Rule>,
}

/// A session as OpenCode has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SessionRecord {
    pub id: String,
    #[serde(rename = "parentID", default)]
    pub parent_id: Option<String>,
    pub location: Location,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub agent: Option<String>,
    #[serde(default)]
    pub model: Option<ModelRef>,
    #[serde(rename = "permissions", default)]
    pub rules: Option<Vec<Rule>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Location {
    pub directory: String,
}

/// What is changed of a session; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub title: Option<String>,
    /// Replaces all rules; none clears them.
    pub rules: Option<Vec<Rule>>,
}

pub fn create(session: &NewSession) -> Request {
    let mut body = json!({ "location": { "directory": session.directory } });
    if let Some(title) = &session.title {
        body["title"] = json!(title);
    }
    if let Some(agent) = &session.agent {
        body["agent"] = json!(agent);
    }
    if let Some(model) = &session.model {
        body["model"] = json!(model);
    }
    if !session.rules.is_empty() {
        body["permissions"] = json!(session.rules);
    }
    Request::new(Method::Post, "/api/session").body(body)
}

pub fn find(id: &str) -> Request {
    Request::new(Method::Get, of(id, ""))
}

/// The session of `directory` that was used last; OpenCode compares the directory as a string.
pub fn newest(directory: &str) -> Request {
    Request::new(Method::Get, "/api/session")
        .query("directory", directory)
        .query("parentID", "null")
        .query("limit", "1")
}

/// The sessions that were used last, of all directories.
pub fn latest(limit: usize) -> Request {
    Request::new(Method::Get, "/api/session").query("parentID", "null").query("limit", limit.to_string())
}

/// The sessions of the subagents that `id` started.
pub fn children(id: &str) -> Request {
    Request::new(Method::Get, "/api/session").query("parentID", id)
}

pub fn fork(id: &str) -> Request {
    Request::new(Method::Post, of(id, "/fork")).body(json!({}))
}

pub fn update(id: &str, change: &Change) -> Request {
    let mut body = json!({});
    if let Some(title) = &change.title {
        body["title"] = json!(title);
    }
    if let Some(rules) = &change.rules {
        body["permissions"] = json!(rules);
    }
    Request::new(Method::Patch, of(id, "")).body(body)
}

pub fn delete(id: &str) -> Request {
    Request::new(Method::Delete, of(id, ""))
}

/// For all turns of the session from now on.
pub fn select_agent(id: &str, agent: &str) -> Request {
    Request::new(Method::Post, of(id, "/agent")).body(json!({ "agent": agent }))
}

/// For all turns of the session from now on.
pub fn select_model(id: &str, model: &ModelRef) -> Request {
    Request::new(Method::Post, of(id, "/model")).body(json!({ "model": model }))
}

/// Adds text to the system message, until it is deleted.
pub fn put_instruction(id: &str, key: &str, value: &str) -> Request {
    Request::new(Method::Put, instruction(id, key)).body(json!({ "value": value }))
}

pub fn delete_instruction(id: &str, key: &str) -> Request {
    Request::new(Method::Delete, instruction(id, key))
}

fn instruction(id: &str, key: &str) -> String {
    format!("/api/experimental/session/{}/instructions/entries/{}", segment(id), segment(key))
}

/// The directory that the server itself works in.
pub fn own_directory() -> Request {
    Request::new(Method::Get, "/api/location")
}

/// Reads it.
///
/// # Errors
/// When the answer has none.
pub fn read_own_directory(answer: &Answer) -> Result<String, Failure> {
    read::<Location>(answer).map(|location| location.directory)
}

/// A route of one session.
pub(super) fn of(id: &str, route: &str) -> String {
    format!("/api/session/{}{route}", segment(id))
}

pub fn read_session(answer: &Answer) -> Result<SessionRecord, Failure> {
    data(answer)
}

/// Reads a list of sessions; one that lacks what it should have is left out.
pub fn read_sessions(answer: &Answer) -> Result<Vec<SessionRecord>, Failure> {
    let Bounded(list) = read(answer)?;
    let sessions = list["data"].as_array().into_iter().flatten();
    Ok(sessions.filter_map(|session| SessionRecord::deserialize(session).ok()).collect())
}
