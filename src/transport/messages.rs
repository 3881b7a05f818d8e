//! What a session holds. From 1.15.13 on a list is answered with 400 for good if a prompt with a JSON
//! schema is in it; the messages behind that prompt can still be read.

use std::collections::HashSet;

use reqwest::Method;

use super::api::{Api, escaped};
use crate::error::{Code, Failure};
use crate::protocol::answer::Answer;
use crate::protocol::dialect::{Stored, stored_messages};
use crate::protocol::event::{MessageInfo, Role};

/// How many of a session's last messages are looked at: only the newest matter. Releases that do not
/// know the parameter give all of them.
const RECENT: usize = 100;
/// A step, a compaction's two messages, what asks to go on, and the next step.
const NEWEST: usize = 8;

impl Api {
    /// The ids of the session's messages, the newest of them at least; also of prompts that are not listed.
    pub async fn message_ids(&self, id: &str) -> Result<HashSet<String>, Failure> {
        match self.messages(id).await {
            Ok(messages) => {
                let ids = |message: Stored| [Some(message.info.id), message.info.parent_id];
                Ok(messages.into_iter().flat_map(ids).flatten().collect())
            }
            // Its last message is one that cannot be read: our prompt is then known by its text alone.
            Err(failure) if failure.status == Some(400) => Ok(HashSet::new()),
            Err(failure) => Err(failure),
        }
    }

    /// The session's last messages, oldest first.
    ///
    /// # Errors
    /// When they cannot be had, or one that may belong to the turn cannot be read.
    pub async fn messages(&self, id: &str) -> Result<Vec<Stored>, Failure> {
        match self.last_messages(id, RECENT).await {
            Err(failure) if failure.status == Some(400) => self.readable_messages(id, failure).await,
            listed => listed,
        }
    }

    /// As many of the session's last messages as the newest step may have begun with.
    pub async fn newest_messages(&self, id: &str) -> Option<Vec<Stored>> {
        self.last_messages(id, NEWEST).await.ok()
    }

    async fn last_messages(&self, id: &str, count: usize) -> Result<Vec<Stored>, Failure> {
        let path = format!("/session/{}/message", escaped(id));
        let count = count.to_string();
        let query = [("limit", count.as_str())];
        let answer = self.server.call(Method::GET, &path, &query, None, self.server.accept).await;
        read(&answer.map_err(|error| error.failure)?)
    }

    /// The messages behind the last one that cannot be read, and that one by its id. `refused`: what
    /// asking for all of them came to.
    async fn readable_messages(&self, id: &str, refused: Failure) -> Result<Vec<Stored>, Failure> {
        let mut readable = self.last_messages(id, 1).await?;
        let (mut good, mut bad) = (1, RECENT);
        while bad - good > 1 {
            let count = usize::midpoint(good, bad);
            match self.last_messages(id, count).await {
                Ok(more) => (readable, good) = (more, count),
                Err(failure) if failure.status == Some(400) => bad = count,
                Err(failure) => return Err(failure),
            }
        }
        let Some(first) = readable.first().map(|message| &message.info) else { return Err(refused) };
        if first.role == Role::User {
            return Ok(readable);
        }
        // What hides is either its prompt, of which we need no more than the id, or a part of the answer.
        let prompt = first.parent_id.clone().ok_or_else(|| refused.clone())?;
        let path = format!("/session/{}/message/{}", escaped(id), escaped(&prompt));
        let answer = self.server.call(Method::GET, &path, &[], None, self.server.accept).await;
        if answer.map_err(|error| error.failure)?.status != 400 {
            return Err(refused);
        }
        readable.insert(0, unreadable_prompt(prompt, id));
        Ok(readable)
    }
}

fn read(answer: &Answer) -> Result<Vec<Stored>, Failure> {
    answer.json()?;
    stored_messages(&answer.body).map_err(|malformed| Failure::new(Code::Protocol, malformed.to_string()))
}

fn unreadable_prompt(id: String, session: &str) -> Stored {
    let info = MessageInfo {
        id,
        session_id: session.to_owned(),
        role: Role::User,
        parent_id: None,
        completed: false,
        finish: None,
        error: None,
        summary: false,
        structured: None,
    };
    Stored { info, parts: Vec::new() }
}
