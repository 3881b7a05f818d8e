//! What a turn over HTTP asks of a server, one method an intent. The only place of the driver that knows that
//! there are two APIs.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::api_v2::{ApiV2, View as ViewV2};
use super::folders::{refuse_escapes, same_folder};
use super::leave::LEAVE;
use super::settings::SessionSettings;
use crate::error::{Accepted, Code, Failure};
use crate::protocol::answer::Answer;
use crate::protocol::api::v2::{self, SessionRecord};
use crate::protocol::call::Request;
use crate::protocol::event::{Ask, PartKind, Role};
use crate::protocol::release::Generation;
use crate::protocol::reply::AskReply;
use crate::protocol::turn::{PromptFate, Snapshot, Stop};
use crate::request::{Limits, TurnRequest};
use crate::transport::{
    Api, CallError, Connection, Known, Prompted, Server, ambiguous_send, no_folder, require_folder,
};

/// How often a prompt that may not have arrived is sent again, and how far apart.
const RESENDS: u32 = 3;
/// How long a turn that has not begun to answer waits for OpenCode before it is stopped.
const LOADING: Duration = Duration::from_secs(3);
const RESEND: Duration = Duration::from_millis(300);

#[derive(Clone)]
pub enum ApiClient {
    V1(Api),
    V2(ApiV2),
}

/// A session as the server has it.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub directory: Option<String>,
    pub title: Option<String>,
    /// As generation 2 has it.
    pub record: Option<SessionRecord>,
}

/// The prompt as the server takes it.
#[derive(Clone, Debug)]
pub enum Outgoing {
    V1(Value),
    V2(v2::Prompt),
}

impl Outgoing {
    /// The id it is sent with, where it has one.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::V1(_) => None,
            Self::V2(prompt) => Some(prompt.id.clone()),
        }
    }
}

/// How a session is, in one look.
#[derive(Debug)]
pub enum View {
    V1(Snapshot),
    V2(ViewV2),
}

impl View {
    /// The sessions of subagents.
    pub fn children(&self) -> &[String] {
        match self {
            Self::V1(snapshot) => &snapshot.children,
            Self::V2(view) => &view.children,
        }
    }
}

impl From<SessionRecord> for Session {
    fn from(record: SessionRecord) -> Self {
        Self {
            id: record.id.clone(),
            directory: Some(record.location.directory.clone()),
            title: record.title.clone(),
            record: Some(record),
        }
    }
}

/// Generation 1's session.
fn first(session: &Value) -> Result<Session, Failure> {
    let text = |name: &str| session[name].as_str().map(str::to_owned);
    match text("id").filter(|id| !id.is_empty()) {
        Some(id) => Ok(Session { id, directory: text("directory"), title: text("title"), record: None }),
        None => Err(Failure::new(Code::Protocol, "OpenCode made a session and did not say which")
            .hint("this release may have changed its API: report it, with the release's version")),
    }
}

impl ApiClient {
    /// The API of a server whose generation is known, speaking for the right directory.
    pub async fn of(server: Server, known: &Known) -> Result<Self, Failure> {
        match known.generation() {
            Generation::V1 => {
                refuse_escapes(server.directory())?;
                let mut api = Api::new(server);
                if api.server.directory().is_none() {
                    api.server = api.server.in_directory(api.own_directory().await?);
                }
                Ok(Self::V1(api))
            }
            Generation::V2 => {
                let directory = server.directory().map(str::to_owned);
                if let Some(directory) = directory.as_deref().filter(|_| server.is_loopback()) {
                    // OpenCode would make the session first, and then fail without a word.
                    require_folder(directory)?;
                }
                Ok(Self::V2(ApiV2::new(server, directory).await?))
            }
        }
    }

    /// The API of a server, for what is no turn: in no directory yet.
    pub fn for_sessions(server: Server, known: &Known) -> Self {
        match known.generation() {
            Generation::V1 => Self::V1(Api::new(server)),
            Generation::V2 => Self::V2(ApiV2 { server: server.in_directory(None), directory: String::new() }),
        }
    }

    /// The newest prompt of a session with one of the texts, by its id.
    pub async fn find_prompt(&self, session: &str, texts: &[&str]) -> Result<Option<String>, Failure> {
        let api = match self {
            Self::V1(api) => api,
            Self::V2(api) => return api.find_prompt(session, texts).await,
        };
        let messages = api.messages(session).await?;
        let found = messages.into_iter().rev().find(|message| {
            let mut words =
                message.parts.iter().filter(|part| part.kind == PartKind::Text && !part.synthetic);
            message.info.role == Role::User
                && words.any(|part| texts.contains(&part.text.decode(0, part.text.len()).as_str()))
        });
        Ok(found.map(|message| message.info.id))
    }

    /// As [`Self::delete`].
    ///
    /// # Errors
    /// When it was not deleted.
    pub async fn remove(&self, session: &str, within: Duration) -> Result<(), Failure> {
        match self {
            Self::V1(api) => api.remove_session(session, within).await,
            Self::V2(api) => api.remove(session).await,
        }
    }

    pub fn server(&self) -> &Server {
        match self {
            Self::V1(api) => &api.server,
            Self::V2(api) => &api.server,
        }
    }

    pub fn directory(&self) -> Option<&str> {
        match self {
            Self::V1(api) => api.server.directory(),
            Self::V2(api) => Some(&api.directory),
        }
    }

    #[must_use]
    pub fn in_directory(&self, directory: String) -> Self {
        match self {
            Self::V1(api) => {
                let mut api = api.clone();
                api.server = api.server.in_directory(Some(directory));
                Self::V1(api)
            }
            Self::V2(api) => Self::V2(ApiV2 { directory, ..api.clone() }),
        }
    }

    /// Joins the event stream that carries the sessions of the directory.
    pub async fn listen(&self, known: &Known, limits: &Limits) -> Result<Arc<Connection>, Failure> {
        Connection::open(self.server(), known, limits).await
    }

    /// Makes sure that the server has the directory as a folder.
    pub async fn require_directory(&self, version: Option<&str>) -> Result<(), Failure> {
        match self {
            Self::V1(api) => api.require_directory(version).await,
            Self::V2(_) => Ok(()),
        }
    }

    /// Sees to it that a stream that has just been opened carries this session.
    pub fn must_prove_its_stream(&self) -> bool {
        matches!(self, Self::V1(_))
    }

    /// `anywhere`: also one that belongs to another directory.
    pub async fn session(&self, id: &str, anywhere: bool) -> Result<Option<Session>, Failure> {
        match self {
            Self::V1(api) => {
                let mut session = api.session(id).await?;
                if session.is_none() && anywhere {
                    // Older releases find a session only in its own project.
                    session = Api::new(api.server.in_directory(None)).session(id).await?;
                }
                session.as_ref().map(first).transpose()
            }
            Self::V2(api) => Ok(api.session(id).await?.map(Session::from)),
        }
    }

    /// The session of the directory that was used last.
    pub async fn newest(&self) -> Result<Option<Session>, Failure> {
        let api = match self {
            Self::V1(api) => api,
            Self::V2(api) => return Ok(api.newest().await?.map(Session::from)),
        };
        let ours = api.server.directory();
        let here = |session: &Value| {
            let home = session["directory"].as_str().unwrap_or_default();
            session["parentID"].is_null() && (Some(home) == ours || same_folder(home, ours))
        };
        let updated = |session: &Value| session["time"]["updated"].as_f64().unwrap_or_default();
        let sessions = api.sessions().await?.into_iter().filter(here);
        let newest = sessions.max_by(|one, other| updated(one).total_cmp(&updated(other)));
        newest.as_ref().map(first).transpose()
    }

    pub async fn create(&self, title: Option<&str>, settings: &SessionSettings) -> Result<Session, Failure> {
        match self {
            Self::V1(api) => first(&api.create_session(title).await?),
            Self::V2(api) => Ok(api.create(&settings.new_session(&api.directory, title)).await?.into()),
        }
    }

    pub async fn fork(&self, parent: &str) -> Result<Session, Failure> {
        match self {
            Self::V1(api) => first(&api.fork_session(parent).await?),
            Self::V2(api) => Ok(api.fork(parent).await?.into()),
        }
    }

    pub async fn title(&self, session: &str, title: &str) -> Result<(), Failure> {
        match self {
            Self::V1(api) => api.title_session(session, title).await,
            Self::V2(api) => api.title(session, title).await,
        }
    }

    pub async fn delete(&self, session: &str, within: Duration) {
        match self {
            Self::V1(api) => api.delete_session(session, within).await,
            Self::V2(api) => api.delete(session, within).await,
        }
    }

    /// Sends what puts a session back, in order, whatever comes of each.
    pub async fn restore(&self, requests: &[Request], within: Duration) {
        if let Self::V2(api) = self {
            api.tell_all(requests, within).await;
        }
    }

    pub async fn descendants(&self, session: &str) -> Result<Vec<String>, Failure> {
        match self {
            Self::V1(api) => api.descendants(session).await,
            Self::V2(api) => {
                let within = api.server.accept;
                let late = |_| Err(endless(session, within));
                timeout(within, api.descendants(session)).await.unwrap_or_else(late)
            }
        }
    }

    pub async fn is_busy(&self, session: &str) -> Result<bool, Failure> {
        match self {
            Self::V1(api) => api.is_busy(session).await,
            Self::V2(api) => api.is_busy(session).await,
        }
    }

    pub async fn asks(&self) -> Vec<Ask> {
        match self {
            Self::V1(api) => api.asks().await,
            Self::V2(api) => api.asks().await,
        }
    }

    /// The ids of the session's messages, where they tell ours from those before.
    pub async fn message_ids(&self, session: &str) -> Result<HashSet<String>, Failure> {
        match self {
            Self::V1(api) => api.message_ids(session).await,
            // Our prompt has an id of ours.
            Self::V2(_) => Ok(HashSet::new()),
        }
    }

    pub async fn view(&self, session: &str, prompted: &Prompted) -> Result<View, Failure> {
        match self {
            Self::V1(api) => api.snapshot(session).await.map(View::V1),
            Self::V2(api) => api.view(session, prompted.id()).await.map(View::V2),
        }
    }

    pub async fn send(&self, session: &str, prompt: &Outgoing) -> Result<Answer, CallError> {
        match (self, prompt) {
            (Self::V1(api), Outgoing::V1(body)) => api.prompt(session, body).await,
            (Self::V2(api), Outgoing::V2(prompt)) => api.send(session, prompt, false).await,
            _ => Err(CallError {
                failure: Failure::new(Code::Protocol, "a prompt of the other generation")
                    .accepted(Accepted::No),
                may_have_arrived: false,
            }),
        }
    }

    /// Why the answer to a prompt is no success.
    pub fn refusal(&self, answer: &Answer) -> Option<Failure> {
        match self {
            Self::V1(_) => answer.refusal(),
            Self::V2(_) => v2::refusal(answer),
        }
    }

    /// A prompt was sent and its answer did not come: was it taken? Generation 2 stores an id once, so there it is
    /// sent again; generation 1 is only looked at.
    ///
    /// # Errors
    /// When it was not, or nobody knows.
    pub async fn prompt_fate(
        &self,
        session: &str,
        prompt: &Outgoing,
        prompted: &Prompted,
        error: CallError,
    ) -> Result<(), Failure> {
        let api = match self {
            Self::V1(api) => return ambiguous_send(api, session, prompted, error).await,
            Self::V2(api) => api,
        };
        if !error.may_have_arrived {
            return Err(error.failure.accepted(Accepted::No));
        }
        let mut fate = PromptFate::new(error.failure.status);
        for resend in 1..=RESENDS {
            sleep(RESEND * resend).await;
            let answer = self.send(session, prompt).await;
            let refusal = answer.as_ref().ok().and_then(v2::refusal);
            match fate.on_resent(answer.as_ref().ok().map(|answer| (answer.status, refusal.is_some()))) {
                Some(Accepted::Yes) => return Ok(()),
                Some(accepted) => return Err(refusal.unwrap_or(error.failure).accepted(accepted)),
                None => {}
            }
        }
        let look = api.look(session, prompted.id()).await.ok();
        match fate.on_look(look.map(|look| look.has(prompted.id()))) {
            Accepted::Yes => Ok(()),
            Accepted::No => Err(error.failure.accepted(Accepted::No)),
            Accepted::Unknown => Err(error.failure.accepted(Accepted::Unknown).hint(
                "call `opencode.findPrompt()` with the session before prompting again: running a prompt twice can do \
                 damage",
            )),
        }
    }

    /// `None`: there is nothing to send.
    pub async fn reply(&self, answered: &AskReply) -> Option<Result<Answer, CallError>> {
        match self {
            Self::V1(api) => {
                let (path, body) = answered.request()?;
                Some(api.reply(&path, &body).await)
            }
            Self::V2(api) => {
                let request = v2::reply(&answered.ask, &answered.reply)?;
                Some(api.server.ask(&request, api.server.accept).await)
            }
        }
    }

    /// Waits until OpenCode has loaded its providers. A prompt that is stopped while it loads them for the first time breaks
    /// the directory until the server is started again (1.18.33: "All fibers interrupted without error").
    pub async fn finish_loading(&self) {
        if let Self::V1(api) = self {
            let _ = timeout(LOADING, api.providers()).await;
        }
    }

    /// Stops a turn inside OpenCode, and takes back what it still asks. `stop`: what stops one of generation 2.
    pub async fn stop(
        &self,
        sessions: &[String],
        asks: &[AskReply],
        prompted: &Prompted,
        stop: Option<Stop>,
    ) {
        let replies = asks.iter().map(|asked| timeout(LEAVE, self.reply(asked)));
        match self {
            Self::V1(api) => {
                join_all(replies).await;
                join_all(sessions.iter().map(|session| api.abort(session, LEAVE))).await;
            }
            Self::V2(api) => {
                if let (Some(session), Some(stop)) = (sessions.first(), stop) {
                    api.stop(session, prompted.id(), stop, LEAVE).await;
                }
                // Those of another prompt's turn are not ours to reject, and ours went with the turn.
            }
        }
    }

    /// What a directory is that the server cannot work in, where only its silence tells.
    pub fn explain(&self, failure: Failure) -> Failure {
        match self {
            Self::V2(api) if failure.code == Code::BadRequest && failure.status == Some(500) => {
                no_folder(&api.directory, "cannot be used by the server")
            }
            _ => failure,
        }
    }

    /// What the request wants of its session and of its prompt, for a server of this generation.
    ///
    /// # Errors
    /// For an option that the server would ignore in silence.
    pub fn settings(&self, request: &TurnRequest) -> Result<SessionSettings, Failure> {
        match self {
            Self::V1(_) => Ok(SessionSettings::default()),
            Self::V2(_) => SessionSettings::of(request),
        }
    }
}

fn endless(session: &str, within: Duration) -> Failure {
    let ms = within.as_millis();
    Failure::new(
        Code::Timeout,
        format!("the subagents of session '{session}' could not be listed within {ms} ms"),
    )
    .data(serde_json::json!({ "phase": "accept" }))
    .hint("use another session, or raise timeouts.accept if this one has thousands of them")
}
