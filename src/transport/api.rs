//! The routes of OpenCode that a turn calls.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::http::{CallError, Server, json};
use crate::error::Failure;
use crate::protocol::answer::Answer;
use crate::protocol::dialect::pending_asks;
use crate::protocol::event::Ask;
use crate::protocol::turn::Snapshot;

#[derive(Clone)]
pub struct Api {
    pub server: Server,
}

impl Api {
    async fn get(&self, path: &str) -> Result<Answer, CallError> {
        self.server.call(Method::GET, path, &[], None, self.server.accept).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Answer, CallError> {
        self.server.call(method, path, &[], Some(body), self.server.accept).await
    }

    /// The directory the server itself works in.
    pub async fn own_directory(&self) -> Result<Option<String>, Failure> {
        let path = json(self.get("/path").await)?;
        Ok(path.get("directory").and_then(Value::as_str).map(str::to_owned))
    }

    /// `None`: there is no such session.
    pub async fn session(&self, id: &str) -> Result<Option<Value>, Failure> {
        let answer = self.get(&format!("/session/{}", escaped(id))).await.map_err(|error| error.failure)?;
        // A malformed id is a 400 or a 500, by release; the session does not exist either way.
        if answer.status == 404 || (!id.starts_with("ses") && matches!(answer.status, 400 | 500)) {
            return Ok(None);
        }
        answer.json().map(Some)
    }

    pub async fn sessions(&self) -> Result<Vec<Value>, Failure> {
        let sessions = json(self.get("/session").await)?;
        Ok(sessions.as_array().cloned().unwrap_or_default())
    }

    /// The sessions of subagents below `id`, all the way down.
    pub async fn descendants(&self, id: &str) -> Result<Vec<String>, Failure> {
        let mut found: Vec<String> = Vec::new();
        let mut at = 0;
        let mut parent = id.to_owned();
        loop {
            let children = json(self.get(&format!("/session/{}/children", escaped(&parent))).await)?;
            for child in children.as_array().into_iter().flatten().filter_map(|child| child["id"].as_str()) {
                if child != id && !found.iter().any(|known| known == child) {
                    found.push(child.to_owned());
                }
            }
            let Some(next) = found.get(at) else { return Ok(found) };
            parent.clone_from(next);
            at += 1;
        }
    }

    pub async fn create_session(&self, title: Option<&str>) -> Result<Value, Failure> {
        let body = title.map_or_else(|| json!({}), |title| json!({ "title": title }));
        json(self.send(Method::POST, "/session", &body).await)
    }

    pub async fn fork_session(&self, id: &str) -> Result<Value, Failure> {
        json(self.send(Method::POST, &format!("/session/{}/fork", escaped(id)), &json!({})).await)
    }

    pub async fn title_session(&self, id: &str, title: &str) -> Result<(), Failure> {
        let body = json!({ "title": title });
        json(self.send(Method::PATCH, &format!("/session/{}", escaped(id)), &body).await).map(drop)
    }

    pub async fn delete_session(&self, id: &str, within: Duration) {
        let path = format!("/session/{}", escaped(id));
        let _ = self.server.call(Method::DELETE, &path, &[], None, within).await;
    }

    pub async fn providers(&self) -> Result<Value, Failure> {
        json(self.get("/config/providers").await)
    }

    pub async fn agents(&self) -> Result<Value, Failure> {
        json(self.get("/agent").await)
    }

    /// Whether the session runs (or waits to try again).
    pub async fn is_busy(&self, id: &str) -> Result<bool, Failure> {
        let status = json(self.get("/session/status").await)?;
        Ok(status.get(id).is_some_and(|status| status["type"] != "idle"))
    }

    /// The pending asks of the directory.
    pub async fn asks(&self) -> Vec<Ask> {
        let (permissions, questions) = futures::join!(self.get("/permission"), self.get("/question"));
        let list = |answer: Result<Answer, CallError>| {
            answer.ok().filter(Answer::is_success).map(|answer| pending_asks(&answer.body))
        };
        [list(permissions), list(questions)].into_iter().flatten().flatten().collect()
    }

    /// How the session is, in one look: its state first, since what is stored after it went idle is final.
    pub async fn snapshot(&self, id: &str) -> Result<Snapshot, Failure> {
        let busy = self.is_busy(id).await?;
        let (messages, asks, children) = futures::join!(self.messages(id), self.asks(), self.descendants(id));
        // Releases differ in what they say of a session without children.
        Ok(Snapshot { busy, messages: messages?, asks, children: children.unwrap_or_default() })
    }

    pub async fn prompt(&self, id: &str, body: &Value) -> Result<Answer, CallError> {
        self.send(Method::POST, &format!("/session/{}/prompt_async", escaped(id)), body).await
    }

    /// Answers an ask, by path and body.
    pub async fn reply(&self, path: &str, body: &Value) -> Result<Answer, CallError> {
        self.send(Method::POST, path, body).await
    }

    pub async fn abort(&self, id: &str, within: Duration) {
        let path = format!("/session/{}/abort", escaped(id));
        let _ = self.server.call(Method::POST, &path, &[], Some(&json!({})), within).await;
    }
}

/// An id that a user gave, as one segment of a path.
pub(super) fn escaped(id: &str) -> String {
    id.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
