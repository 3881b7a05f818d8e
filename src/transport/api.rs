//! The routes of OpenCode that a turn calls.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::Method;
use serde_json::{Value, json};

use super::directory::{no_folder, require_folder};
use super::http::{CallError, Server, json};
use crate::error::{Code, Failure};
use crate::protocol::answer::Answer;
use crate::protocol::dialect::pending_asks;
use crate::protocol::event::Ask;
use crate::protocol::release::Release;
use crate::protocol::segment::segment;
use crate::protocol::turn::Snapshot;

/// From here on OpenCode tells a folder that is not there from an empty one (1.1.31 does not, 1.18.33 does).
const KNOWS_FOLDERS: [u32; 3] = [1, 14, 0];
/// How many of a session's last messages are looked at: only the newest matter. Releases that do not
/// know the parameter give all of them.
const RECENT: usize = 100;
/// How many subagents of one session are looked for, over all generations.
const DESCENDANTS: usize = 10_000;
/// How many lists of children are asked for at once.
const AT_ONCE: usize = 8;
/// How long a look at a running session waits for its subagents, which the event stream names too.
const GLANCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Api {
    pub server: Server,
    /// How many of a session's last messages fit into one answer.
    pub(super) recent: Arc<AtomicUsize>,
}

impl Api {
    pub fn new(server: Server) -> Self {
        Self { server, recent: Arc::new(AtomicUsize::new(RECENT)) }
    }

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

    /// Makes sure that the server has the directory as a folder: it would take the prompt first, and then fail. A
    /// folder that we see on this machine needs no question.
    ///
    /// # Errors
    /// When it has not.
    pub async fn require_directory(&self, version: Option<&str>) -> Result<(), Failure> {
        let Some(directory) = self.server.directory() else { return Ok(()) };
        let here = require_folder(directory);
        if self.server.is_loopback() && here.is_ok() {
            return Ok(());
        }
        let query = [("path", ".")];
        let answer = self.server.call(Method::GET, "/file", &query, None, self.server.accept).await;
        let answer = answer.map_err(|error| error.failure)?;
        let list = answer.json().ok();
        let is_empty = list.as_ref().and_then(Value::as_array).is_some_and(Vec::is_empty);
        let is_older = version.is_none() || Release::of(version).is_before(KNOWS_FOLDERS);
        match answer.status {
            500 => {}
            200 if is_empty && self.server.is_loopback() && is_older => {}
            _ => return Ok(()),
        }
        Err(here.err().unwrap_or_else(|| no_folder(directory, "cannot be read by the server")))
    }

    /// `None`: there is no such session.
    pub async fn session(&self, id: &str) -> Result<Option<Value>, Failure> {
        let answer = self.get(&format!("/session/{}", segment(id))).await.map_err(|error| error.failure)?;
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
    ///
    /// # Errors
    /// When a list cannot be had, or they are not all found within `timeouts.accept`.
    pub async fn descendants(&self, id: &str) -> Result<Vec<String>, Failure> {
        let (found, end) = self.walk(id, self.server.accept).await;
        end.map(|()| found)
    }

    /// Walks down from `id` for so long, and returns what was found even where something went wrong.
    async fn walk(&self, id: &str, within: Duration) -> (Vec<String>, Result<(), Failure>) {
        let mut found: Vec<String> = Vec::new();
        let walk = async {
            let mut known = HashSet::from([id.to_owned()]);
            let mut open = FuturesUnordered::from_iter([self.children(id.to_owned())]);
            let mut next = 0;
            while let Some(children) = open.next().await {
                for child in children? {
                    if known.insert(child.clone()) {
                        found.push(child);
                    }
                }
                if found.len() > DESCENDANTS {
                    return Err(too_many(id));
                }
                while open.len() < AT_ONCE && next < found.len() {
                    open.push(self.children(found[next].clone()));
                    next += 1;
                }
            }
            Ok(())
        };
        let end = tokio::time::timeout(within, walk).await.unwrap_or_else(|_| Err(endless(id, within)));
        (found, end)
    }

    async fn children(&self, id: String) -> Result<Vec<String>, Failure> {
        let children = json(self.get(&format!("/session/{}/children", segment(&id))).await)?;
        let ids = children.as_array().into_iter().flatten().filter_map(|child| child["id"].as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    pub async fn create_session(&self, title: Option<&str>) -> Result<Value, Failure> {
        let body = title.map_or_else(|| json!({}), |title| json!({ "title": title }));
        json(self.send(Method::POST, "/session", &body).await)
    }

    pub async fn fork_session(&self, id: &str) -> Result<Value, Failure> {
        json(self.send(Method::POST, &format!("/session/{}/fork", segment(id)), &json!({})).await)
    }

    pub async fn title_session(&self, id: &str, title: &str) -> Result<(), Failure> {
        let body = json!({ "title": title });
        json(self.send(Method::PATCH, &format!("/session/{}", segment(id)), &body).await).map(drop)
    }

    pub async fn delete_session(&self, id: &str, within: Duration) {
        let path = format!("/session/{}", segment(id));
        let _ = self.server.call(Method::DELETE, &path, &[], None, within).await;
    }

    /// As [`Self::delete_session`].
    ///
    /// # Errors
    /// When it was not deleted.
    pub async fn remove_session(&self, id: &str, within: Duration) -> Result<(), Failure> {
        let path = format!("/session/{}", segment(id));
        json(self.server.call(Method::DELETE, &path, &[], None, within).await).map(drop)
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
        let within = self.server.accept.min(GLANCE);
        let (messages, asks, walk) = futures::join!(self.messages(id), self.asks(), self.walk(id, within));
        // Releases differ in what they say of a session without children.
        Ok(Snapshot { busy, messages: messages?, asks, children: walk.0 })
    }

    pub async fn prompt(&self, id: &str, body: &Value) -> Result<Answer, CallError> {
        self.send(Method::POST, &format!("/session/{}/prompt_async", segment(id)), body).await
    }

    /// Answers an ask, by path and body.
    pub async fn reply(&self, path: &str, body: &Value) -> Result<Answer, CallError> {
        self.send(Method::POST, path, body).await
    }

    pub async fn abort(&self, id: &str, within: Duration) {
        let path = format!("/session/{}/abort", segment(id));
        let _ = self.server.call(Method::POST, &path, &[], Some(&json!({})), within).await;
    }
}

fn endless(session: &str, within: Duration) -> Failure {
    let ms = within.as_millis();
    Failure::new(
        Code::Timeout,
        format!("the subagents of session '{session}' could not be listed within {ms} ms"),
    )
    .data(json!({ "phase": "accept" }))
    .hint("use another session, or raise timeouts.accept if this one has thousands of them")
}

fn too_many(session: &str) -> Failure {
    Failure::new(Code::Limit, format!("session '{session}' has more than {DESCENDANTS} subagents"))
        .hint("use another session (`fork: true`)")
}
