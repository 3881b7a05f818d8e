//! What is asked of a session without a turn: whether it has a prompt, and that it goes.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use super::LEAVE;
use super::prepare::target;
use super::route::server_for;
use crate::error::{Code, Failure};
use crate::protocol::event::{PartKind, Role};
use crate::protocol::segment::segment;
use crate::request::TurnRequest;
use crate::transport::{Api, Holdings};

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
    let (api, session) = target(request, server).await?;
    let id = session.as_ref().and_then(|session| session["id"].as_str()).ok_or_else(no_id)?;
    match errand {
        Errand::Delete => delete(&api, id).await,
        Errand::Find => find(&api, id, request).await,
    }
}

fn no_id() -> Failure {
    Failure::new(Code::InvalidOption, "no session is named").hint("pass `sessionID`")
}

async fn delete(api: &Api, id: &str) -> Result<Value, Failure> {
    let path = format!("/session/{}", segment(id));
    let answer = api.server.call(Method::DELETE, &path, &[], None, LEAVE).await;
    match answer.map_err(|error| error.failure)?.refusal() {
        Some(refusal) => Err(refusal.session(id)),
        None => Ok(Value::Null),
    }
}

async fn find(api: &Api, id: &str, request: &TurnRequest) -> Result<Value, Failure> {
    let texts: Vec<&str> = request.parts.iter().filter_map(|part| part["text"].as_str()).collect();
    let messages = api.messages(id).await?;
    let found = messages.iter().rev().find(|message| {
        let mut words = message.parts.iter().filter(|part| part.kind == PartKind::Text && !part.synthetic);
        message.info.role == Role::User
            && words.any(|part| texts.contains(&part.text.decode(0, part.text.len()).as_str()))
    });
    Ok(found.map_or(Value::Null, |message| json!({ "sessionID": id, "messageID": message.info.id })))
}
