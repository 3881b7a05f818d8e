//! The intents of a turn as requests of OpenCode 2.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;

use super::folders::same_folder;
use crate::error::{Code, Failure};
use crate::protocol::answer::Answer;
use crate::protocol::api::v2::{self, Change, NewSession, SessionRecord, WrittenPrompts};
use crate::protocol::call::Request;
use crate::protocol::dialect::v2 as dialect;
use crate::protocol::event::Ask;
use crate::protocol::history::{History, StoredMessage};
use crate::protocol::turn::{Look, Stop};
use crate::transport::{CallError, Server};

/// How many messages are asked for at once. Those of a turn are the newest.
const PAGE: usize = 50;
/// How many pages are gone back for a prompt.
const PAGES: usize = 40;
/// How many subagents of one session are looked for, over all generations.
const DESCENDANTS: usize = 10_000;
/// How many lists of children are asked for at once.
const AT_ONCE: usize = 8;

#[derive(Clone)]
pub struct ApiV2 {
    /// Without a directory: only some requests have one, and name it themselves.
    pub server: Server,
    pub directory: String,
}

/// How a session is, in one look.
#[derive(Debug)]
pub struct View {
    pub look: Look,
    pub asks: Vec<Ask>,
    /// The sessions of subagents.
    pub children: Vec<String>,
}

impl ApiV2 {
    /// `directory`: `None` for the server's own.
    pub async fn new(server: Server, directory: Option<String>) -> Result<Self, Failure> {
        let server = server.in_directory(None);
        let directory = match directory {
            Some(directory) => directory,
            None => v2::read_own_directory(&ask(&server, &v2::own_directory()).await?)?,
        };
        Ok(Self { server, directory })
    }

    pub async fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        ask(&self.server, request).await
    }

    /// Sends a request whose answer is no more than that it was understood.
    pub async fn tell(&self, request: &Request) -> Result<(), Failure> {
        v2::refusal(&self.ask(request).await?).map_or(Ok(()), Err)
    }

    /// Sends them in order, whatever comes of each.
    pub async fn tell_all(&self, requests: &[Request], within: Duration) {
        for request in requests {
            let _ = self.server.ask(request, within).await;
        }
    }

    /// `None`: there is no such session.
    pub async fn session(&self, id: &str) -> Result<Option<SessionRecord>, Failure> {
        match v2::read_session(&self.ask(&v2::find(id)).await?) {
            // What cannot be an id is a bad request.
            Err(failure) if matches!(failure.code, Code::SessionNotFound | Code::BadRequest) => Ok(None),
            session => session.map(Some),
        }
    }

    /// The session of the directory that was used last. OpenCode compares names: one that was made by another name of
    /// the directory is looked for among those that were used last.
    pub async fn newest(&self) -> Result<Option<SessionRecord>, Failure> {
        let latest = v2::read_sessions(&self.ask(&v2::latest(PAGE)).await?)?;
        let here = |session: &SessionRecord| {
            let home = &session.location.directory;
            *home == self.directory || same_folder(home, Some(&self.directory))
        };
        if let Some(session) = latest.into_iter().find(here) {
            return Ok(Some(session));
        }
        let sessions = v2::read_sessions(&self.ask(&v2::newest(&self.directory)).await?)?;
        Ok(sessions.into_iter().next())
    }

    pub async fn create(&self, session: &NewSession) -> Result<SessionRecord, Failure> {
        v2::read_session(&self.ask(&v2::create(session)).await?)
    }

    pub async fn fork(&self, id: &str) -> Result<SessionRecord, Failure> {
        v2::read_session(&self.ask(&v2::fork(id)).await?)
    }

    pub async fn title(&self, id: &str, title: &str) -> Result<(), Failure> {
        self.tell(&v2::update(id, &Change { title: Some(title.to_owned()), rules: None })).await
    }

    pub async fn delete(&self, id: &str, within: Duration) {
        let _ = self.server.ask(&v2::delete(id), within).await;
    }

    /// # Errors
    /// When it was not deleted.
    pub async fn remove(&self, id: &str) -> Result<(), Failure> {
        self.tell(&v2::delete(id)).await
    }

    /// The newest prompt with the texts, by its id. One that waits is in the inbox, and goes from there to the messages:
    /// so they are read in this order.
    pub async fn find_prompt(&self, session: &str, texts: &[&str]) -> Result<Option<String>, Failure> {
        let waiting = v2::read_waiting(&self.ask(&v2::inbox(session)).await?)?;
        if let Some(prompt) = v2::with_words(&waiting.prompts, texts) {
            return Ok(Some(prompt.id.clone()));
        }
        self.look_back(session, |answer| {
            let WrittenPrompts { prompts, older } = v2::read_written(answer)?;
            Ok((v2::with_words(&prompts, texts).map(|prompt| prompt.id.clone()), older))
        })
        .await
    }

    pub async fn is_busy(&self, id: &str) -> Result<bool, Failure> {
        let active = v2::read_active(&self.ask(&v2::active()).await?)?;
        Ok(active.iter().any(|active| active == id))
    }

    /// The pending asks of the directory.
    pub async fn asks(&self) -> Vec<Ask> {
        let (permissions, forms) =
            (v2::pending_permissions(&self.directory), v2::pending_forms(&self.directory));
        let (permissions, forms) = futures::join!(self.ask(&permissions), self.ask(&forms));
        let permissions = permissions.ok().filter(Answer::is_success);
        let forms = forms.ok().filter(Answer::is_success);
        let permissions = permissions.and_then(|answer| dialect::pending_permissions(&answer.body).ok());
        let forms = forms.and_then(|answer| dialect::pending_forms(&answer.body).ok());
        [permissions, forms].into_iter().flatten().flatten().collect()
    }

    /// The sessions of subagents below `id`, all the way down.
    ///
    /// # Errors
    /// When a list cannot be had, or there are too many.
    pub async fn descendants(&self, id: &str) -> Result<Vec<String>, Failure> {
        let mut known = HashSet::from([id.to_owned()]);
        let mut found: Vec<String> = Vec::new();
        let mut open = vec![id.to_owned()];
        while !open.is_empty() {
            let batch: Vec<String> = open.drain(..open.len().min(AT_ONCE)).collect();
            for children in join_all(batch.iter().map(|id| self.children(id))).await {
                for child in children? {
                    if known.insert(child.clone()) {
                        found.push(child.clone());
                        open.push(child);
                    }
                }
            }
            if found.len() > DESCENDANTS {
                return Err(Failure::new(
                    Code::Limit,
                    format!("session '{id}' has more than {DESCENDANTS} subagents"),
                )
                .hint("use another session (`fork: true`)"));
            }
        }
        Ok(found)
    }

    async fn children(&self, id: &str) -> Result<Vec<String>, Failure> {
        let children = v2::read_sessions(&self.ask(&v2::children(id)).await?)?;
        Ok(children.into_iter().map(|child| child.id).collect())
    }

    /// How it stands with a prompt of ours. The order is that of [`Look`].
    pub async fn view(&self, session: &str, prompt: &str) -> Result<View, Failure> {
        let look = self.look(session, prompt).await?;
        let (asks, children) = futures::join!(self.asks(), self.descendants(session));
        // The stream names them too.
        Ok(View { look, asks, children: children.unwrap_or_default() })
    }

    pub async fn look(&self, session: &str, prompt: &str) -> Result<Look, Failure> {
        let active = self.is_busy(session).await?;
        let inbox = v2::read_inbox(&self.ask(&v2::inbox(session)).await?)?;
        Ok(Look { active, inbox, messages: self.messages_since(session, prompt).await? })
    }

    /// The messages from a prompt on, oldest first; all that are looked at, where it is not among them.
    async fn messages_since(&self, session: &str, prompt: &str) -> Result<Vec<StoredMessage>, Failure> {
        let is_there = |message: &StoredMessage| matches!(message, StoredMessage::Prompt(id) if id == prompt);
        let mut newest_first = Vec::new();
        self.look_back(session, |answer| {
            let History { messages, older } = read_history(session, answer)?;
            let found = messages.iter().any(is_there).then_some(());
            newest_first.extend(messages.into_iter().rev());
            Ok((found, older))
        })
        .await?;
        newest_first.reverse();
        Ok(newest_first)
    }

    /// Reads the messages page by page, the newest first, until one has what is looked for. `read`: that, and where the
    /// page before is.
    async fn look_back<T>(
        &self,
        session: &str,
        mut read: impl FnMut(&Answer) -> Result<(Option<T>, Option<String>), Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut count = PAGE;
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let answer = match self.ask(&v2::messages(session, count, cursor.as_deref())).await {
                // Attachments weigh megabytes, and come with each list.
                Err(failure) if failure.code == Code::Limit && count > 1 && cursor.is_none() => {
                    count = (count / 4).max(1);
                    continue;
                }
                answer => answer?,
            };
            let (found, older) = read(&answer)?;
            cursor = older;
            if found.is_some() || cursor.is_none() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The agent that answered last in the session.
    pub async fn last_agent(&self, session: &str) -> Result<Option<String>, Failure> {
        let answer = self.ask(&v2::messages(session, PAGE, None)).await?;
        Ok(v2::read_last_agent(&answer))
    }

    pub async fn send(&self, session: &str, prompt: &v2::Prompt, parked: bool) -> Result<Answer, CallError> {
        self.server.ask(&v2::send(session, prompt, parked), self.server.accept).await
    }

    /// Stops the turn of a prompt. Subagents and what is asked go with it.
    pub async fn stop(&self, session: &str, prompt: &str, stop: Stop, within: Duration) {
        let request = match stop {
            Stop::Withdraw => v2::withdraw(session, prompt),
            Stop::Interrupt => v2::interrupt(session),
        };
        let _ = self.server.ask(&request, within).await;
    }
}

fn read_history(session: &str, answer: &Answer) -> Result<History, Failure> {
    if let Some(refusal) = v2::refusal(answer) {
        return Err(refusal);
    }
    dialect::stored_messages(session, &answer.body)
        .map_err(|malformed| Failure::new(Code::Protocol, malformed.to_string()))
}

async fn ask(server: &Server, request: &Request) -> Result<Answer, Failure> {
    server.ask(request, server.accept).await.map_err(|error: CallError| error.failure)
}
