//! What is asked of a session without a turn: whether it has a prompt, and that it goes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::LEAVE;
use super::api_client::ApiClient;
use super::route::server_for;
use crate::error::{Code, Failure};
use crate::request::TurnRequest;
use crate::transport::{Holdings, identify};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Delete the session.
    Delete,
    /// Look for the newest message with the words of the prompt.
    Find,
}

/// Does it on the first of the request's routes that has a server.
///
/// # Errors
/// When no server is to be had, or it does not know the session.
pub async fn run(request: TurnRequest, holdings: Arc<Holdings>, errand: Errand) -> Result<Value, Failure> {
    let outcome = act(&request, &holdings, errand).await;
    outcome.map_err(|failure| failure.redact(&request.target.secrets()))
}

async fn act(request: &TurnRequest, holdings: &Holdings, errand: Errand) -> Result<Value, Failure> {
    // Held until it is done: a server of our own ends with its last holder.
    let (server, _running) = server_for(request, holdings).await?;
    let id = request.session.id.as_deref().ok_or_else(no_id)?;
    let known = identify(&server).await?;
    let api = ApiClient::for_sessions(server, &known);
    let session = api.session(id, false).await?.ok_or_else(|| no_session(id))?;
    let api = match session.directory {
        Some(home) => api.in_directory(home),
        None => api,
    };
    match errand {
        Errand::Delete => api.remove(id, LEAVE).await.map(|()| Value::Null),
        Errand::Find => find(&api, id, request).await,
    }
}

fn no_id() -> Failure {
    Failure::new(Code::InvalidOption, "no session is named").hint("pass `sessionID`")
}

fn no_session(id: &str) -> Failure {
    Failure::new(Code::SessionNotFound, format!("the server has no session '{id}'"))
        .session(id)
        .status(404)
        .hint("it may have been deleted; `opencode session list` shows a project's sessions")
}

async fn find(api: &ApiClient, id: &str, request: &TurnRequest) -> Result<Value, Failure> {
    let texts: Vec<&str> = request.parts.iter().filter_map(|part| part["text"].as_str()).collect();
    let found = api.find_prompt(id, &texts).await?;
    Ok(found.map_or(Value::Null, |message| json!({ "sessionID": id, "messageID": message })))
}
