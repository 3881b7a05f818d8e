//! How a server is.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::Server;
use super::implicit::implicit_now;
use super::probe::{Identity, ask, refuses_strangers};
use crate::error::{Code, Failure};
use crate::request::TargetRequest;

/// The answer of `health()`.
///
/// # Errors
/// As a turn would fail, before it sends anything.
pub async fn health(target: &TargetRequest) -> Result<Value, Failure> {
    const RECORD: usize = 1 << 20;
    let named = target.url.as_ref().map(|url| Server::new(url, target, RECORD)).transpose()?;
    let total = target.timeouts.total.unwrap_or(Duration::MAX);
    let in_total = || {
        let ms = total.as_millis();
        let what = named.as_ref().map_or("the implicit server", Server::url);
        Failure::new(Code::Timeout, format!("health check of {what} timed out after {ms} ms"))
            .data(json!({ "phase": "total" }))
            .hint("raise timeouts.total, or leave it out")
    };
    let asked = async {
        let (server, Identity { generation, version }) = match &named {
            Some(server) => (server.clone(), ask(server).await?),
            None => implicit_now(target, RECORD).await?,
        };
        let authenticated = server.has_credentials() && refuses_strangers(server.url(), generation).await?;
        Ok(json!({
            "healthy": true,
            "version": version,
            "generation": generation.number(),
            "url": server.url(),
            "authenticated": authenticated,
        }))
    };
    tokio::time::timeout(total, asked).await.unwrap_or_else(|_| Err(in_total()))
}
