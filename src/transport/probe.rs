//! Is it OpenCode that answers, and which?

use std::time::Duration;

use serde_json::{Value, json};

use super::http::{CallError, Server};
use super::socket_owner::require_ours;
use crate::error::{Code, Failure};
use crate::protocol::answer::{health_version, is_path_info, newer_generation, older_generation};
use crate::request::TargetRequest;

const IMPLICIT_PORT: u16 = 4096;

/// The implicit server, if it is ours to use. Whether it is still ours is looked at again at each connection.
///
/// # Errors
/// When nobody listens there, or not we.
pub fn implicit(target: &TargetRequest, record_limit: usize) -> Result<Server, Failure> {
    require_ours(IMPLICIT_PORT)?;
    Server::implicit(&format!("http://127.0.0.1:{IMPLICIT_PORT}"), target, record_limit, IMPLICIT_PORT)
}

/// The release that answers; `None` for those that do not say (to 1.0.192). All of it within
/// `timeouts.connect`.
///
/// # Errors
/// When nothing answers, it is not OpenCode, or not for us.
pub async fn version(server: &Server) -> Result<Option<String>, Failure> {
    let asked = tokio::time::timeout(server.connect, ask_version(server));
    asked.await.unwrap_or_else(|_| Err(does_not_answer(server)))
}

/// The failure of a server that says nothing before `timeouts.connect` is over.
pub fn does_not_answer(server: &Server) -> Failure {
    let ms = server.connect.as_millis();
    Failure::new(
        Code::Timeout,
        format!("the server at {} did not answer /global/health within {ms} ms", server.url()),
    )
    .data(json!({ "phase": "connect" }))
    .hint("is the server overloaded or still starting? raise timeouts.connect if it is only slow")
}

async fn ask_version(server: &Server) -> Result<Option<String>, Failure> {
    // No directory: asking for the health of a server must not start a project in it.
    let server = server.in_directory(None);
    let get = async |path| server.call(reqwest::Method::GET, path, &[], None, server.connect).await;
    let health = get("/global/health").await.map_err(in_connect)?;
    if let Some(version) = health_version(&health) {
        return Ok(version);
    }
    if let Some(packed) = health.packed_refusal() {
        return Err(packed);
    }
    let refused = health.refusal().filter(|failure| failure.code == Code::Unauthorized);
    // To 1.0.192 there is no such route, and OpenCode passes on what the internet says to it: a 403 may be
    // that of a proxy. Its own refusal is a 401.
    if let Some(failure) = refused.clone().filter(|failure| failure.status == Some(401)) {
        return Err(failure);
    }
    if let Some(failure) = newer_generation(&get("/api/info").await.map_err(in_connect)?) {
        return Err(failure);
    }
    let path = get("/path").await.map_err(in_connect)?;
    if !is_path_info(&path) {
        return Err(refused.unwrap_or_else(|| no_api(&health)));
    }
    let description = get("/doc").await.map_err(in_connect)?;
    older_generation(&description).map_or(Ok(None), Err)
}

fn no_api(health: &crate::protocol::answer::Answer) -> Failure {
    let what = if health.content_type.is_empty() { "no content type" } else { &health.content_type };
    let message = format!("something answers, but not with OpenCode's API: {} with {what}", health.status);
    Failure::new(Code::NotAServer, message)
        .status(health.status)
        .hint("check the URL; `opencode serve` prints the one it listens on")
}

fn in_connect(error: CallError) -> Failure {
    match error.failure.code {
        Code::Timeout => error.failure.data(json!({ "phase": "connect" })),
        _ => error.failure,
    }
}

/// Whether a server of ours lets nobody in without the password.
///
/// # Errors
/// When it does not answer.
pub async fn refuses_strangers(url: &str) -> Result<bool, Failure> {
    let target = TargetRequest::stranger();
    let server = Server::new(url, &target, 1 << 20)?;
    let answer = server.call(reqwest::Method::GET, "/global/health", &[], None, server.connect).await;
    answer.map(|answer| answer.status == 401).map_err(in_connect)
}

/// The answer of `health()`.
///
/// # Errors
/// As a turn would fail, before it sends anything.
pub async fn health(target: &TargetRequest) -> Result<Value, Failure> {
    let server = match &target.url {
        Some(url) => Server::new(url, target, 1 << 20)?,
        None => implicit(target, 1 << 20)?,
    };
    let total = target.timeouts.total.unwrap_or(Duration::MAX);
    let in_total = || {
        let ms = total.as_millis();
        Failure::new(Code::Timeout, format!("health check of {} timed out after {ms} ms", server.url()))
            .data(json!({ "phase": "total" }))
            .hint("raise timeouts.total, or leave it out")
    };
    let asked = async {
        let version = version(&server).await?;
        let authenticated = server.has_credentials() && refuses_strangers(server.url()).await?;
        Ok(json!({
            "healthy": true,
            "version": version,
            "url": server.url(),
            "authenticated": authenticated,
        }))
    };
    tokio::time::timeout(total, asked).await.unwrap_or_else(|_| Err(in_total()))
}
