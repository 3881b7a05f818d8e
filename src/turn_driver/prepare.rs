//! Everything before the prompt: the server, its event stream, the session, what would go wrong anyway.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::JoinHandle;

use super::past::{Desk, Past, past};
use super::queue::{Place, Ticket, line_up};
use super::route::Chosen;
use super::validate::validate;
use crate::error::{Code, Failure};
use crate::request::{Route, TurnRequest};
use crate::transport::{Api, Connection, Running, Server, version};

/// How long a working event stream may take to carry the first event of a session.
const PROOF: Duration = Duration::from_millis(250);

/// A turn that is ready for its prompt.
pub struct Prepared {
    pub api: Api,
    pub connection: Arc<Connection>,
    pub session: String,
    pub version: Option<String>,
    pub route: Route,
    /// The server, where it is one of our own.
    pub running: Option<Arc<Running>>,
    /// We made the session, so we may delete it.
    pub ours: bool,
    pub past: Past,
    /// No other turn of this process has the session.
    pub place: Place,
}

/// A session that was made and not yet prompted: if the turn ends there, it goes.
#[derive(Clone, Default)]
pub struct Created {
    state: Arc<Mutex<State>>,
    /// Held while one is being made.
    making: Arc<AsyncMutex<()>>,
}

#[derive(Default)]
struct State {
    made: Option<(Api, String)>,
    /// The turn ended: what comes yet goes at once.
    abandoned: bool,
}

impl Created {
    /// Makes a session, or a copy of `parent`. Once the request is sent it is seen through, even if the turn
    /// is left meanwhile.
    async fn create(&self, api: &Api, parent: Option<String>, title: Option<&str>) -> Result<Value, Failure> {
        let making = self.making.clone().lock_owned().await;
        let (created, api, title) = (self.clone(), api.clone(), title.map(str::to_owned));
        let creation = tokio::spawn(async move {
            let session = match parent {
                Some(parent) => api.fork_session(&parent).await?,
                None => api.create_session(title.as_deref()).await?,
            };
            let id = session["id"].as_str().unwrap_or_default();
            if !id.is_empty() && !created.remember(&api, id) {
                api.delete_session(id, super::LEAVE).await;
            }
            drop(making);
            Ok(session)
        });
        creation.await.unwrap_or_else(|_| Err(Failure::new(Code::Protocol, "a session could not be made")))
    }

    /// Returns `false` if nobody wants it any more.
    fn remember(&self, api: &Api, session: &str) -> bool {
        let mut state = self.lock();
        state.made = Some((api.clone(), session.to_owned())).filter(|_| !state.abandoned);
        !state.abandoned
    }

    fn keep(&self) {
        self.lock().made = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes what was made, also if it comes late; waits for that as long as leaving may take, and returns what
    /// is then still to be done.
    pub async fn undo(&self) -> Option<JoinHandle<()>> {
        let made = {
            let mut state = self.lock();
            state.abandoned = true;
            state.made.take()
        };
        if made.is_none() && self.making.try_lock().is_ok() {
            return None;
        }
        let making = self.making.clone();
        let mut task = tokio::spawn(async move {
            if let Some((api, session)) = made {
                api.delete_session(&session, super::LEAVE).await;
            }
            drop(making.lock().await);
        });
        tokio::time::timeout(super::LEAVE, &mut task).await.is_err().then_some(task)
    }
}

pub async fn prepare(
    request: &TurnRequest,
    ticket: &mut Option<Ticket>,
    created: &Created,
    chosen: Chosen,
    desk: &mut Desk<'_>,
) -> Result<Prepared, Failure> {
    let Chosen { server, route, running } = chosen;
    let (api, known) = target(request, server).await?;
    let opened = futures::try_join!(Connection::open(&api.server, &request.limits), validate(request, &api));
    let connection = match opened {
        Ok((connection, ())) => connection,
        // 1.18.33 answers 500 to whatever is asked in a directory that is a file.
        Err(failure) if failure.code == Code::BadRequest => {
            return Err(api.require_directory(None).await.err().unwrap_or(failure));
        }
        Err(failure) => return Err(failure),
    };
    api.require_directory(connection.version().as_deref()).await?;
    let found = find(request, &api, known).await?;
    let ours = found.as_ref().is_none_or(|_| request.session.fork);
    let session = make(request, &api, found, created).await?;
    let id = session["id"].as_str().unwrap_or_default().to_owned();
    prove(&api, &connection, &session, ours).await?;
    let place = ticket.take().unwrap_or_else(|| line_up(&id)).await;
    let past =
        if ours && !request.session.fork { Past::default() } else { past(request, &api, &id, desk).await? };
    created.keep();
    Ok(Prepared {
        version: connection.version(),
        route,
        running,
        api,
        connection,
        session: id,
        ours,
        past,
        place,
    })
}

/// The server's API, speaking for the right directory; and the session that was named, if one was.
pub async fn target(request: &TurnRequest, server: Server) -> Result<(Api, Option<Value>), Failure> {
    refuse_escapes(server.directory())?;
    let mut api = Api::new(server);
    if api.server.directory().is_none() || request.session.id.is_some() {
        // What is asked next only OpenCode can answer.
        version(&api.server).await?;
    }
    if api.server.directory().is_none() {
        api.server = api.server.in_directory(api.own_directory().await?);
    }
    let Some(id) = &request.session.id else { return Ok((api, None)) };
    let mut session = api.session(id).await?;
    if session.is_none() && !request.directory_given {
        // Older releases find a session only in its own project.
        session = Api::new(api.server.in_directory(None)).session(id).await?;
    }
    let Some(session) = session else { return Err(no_session(id, &api)) };
    // A session works in its own directory; told another one, some releases run the tools there.
    let home = session["directory"].as_str().map(str::to_owned);
    if let Some(home) = home.filter(|home| api.server.directory() != Some(home)) {
        if request.directory_given && !same_folder(&home, api.server.directory()) {
            return Err(Failure::new(
                Code::InvalidOption,
                format!("session '{id}' belongs to the directory {home}, and `directory` names another"),
            )
            .hint("leave `directory` out to work where the session does"));
        }
        api.server = api.server.in_directory(Some(home));
    }
    Ok((api, Some(session)))
}

/// OpenCode decodes a directory twice: the agent would work in another one.
pub fn refuse_escapes(directory: Option<&str>) -> Result<(), Failure> {
    let escape =
        |at: &[u8]| matches!(at, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    match directory.filter(|directory| directory.as_bytes().windows(3).any(escape)) {
        None => Ok(()),
        Some(directory) => Err(Failure::new(
            Code::UnsupportedOption,
            format!("OpenCode's server takes the directory {directory} for another one: it reads % and two digits as an escape"),
        )
        .hint("rename the folder, or work through a link without such a name")),
    }
}

pub fn same_folder(one: &str, other: Option<&str>) -> bool {
    let real = |path: &str| std::fs::canonicalize(path).ok();
    other.is_some_and(|other| real(one).is_some() && real(one) == real(other))
}

fn no_session(id: &str, api: &Api) -> Failure {
    let directory = api.server.directory().unwrap_or("its directory");
    Failure::new(Code::SessionNotFound, format!("the server has no session '{id}' for {directory}"))
        .session(id)
        .status(404)
        .hint("`opencode session list` shows a project's sessions; older releases know only those of `directory`")
}

/// The session to go on with or to fork; `None` for a new one.
async fn find(request: &TurnRequest, api: &Api, named: Option<Value>) -> Result<Option<Value>, Failure> {
    if named.is_some() || !request.session.newest {
        return Ok(named);
    }
    let here = |session: &Value| {
        let home = session["directory"].as_str().unwrap_or_default();
        let ours = api.server.directory();
        session["parentID"].is_null() && (Some(home) == ours || same_folder(home, ours))
    };
    let updated = |session: &Value| session["time"]["updated"].as_f64().unwrap_or_default();
    let sessions = api.sessions().await?.into_iter().filter(here);
    Ok(sessions.max_by(|one, other| updated(one).total_cmp(&updated(other))))
}

async fn make(
    request: &TurnRequest,
    api: &Api,
    found: Option<Value>,
    created: &Created,
) -> Result<Value, Failure> {
    let title = request.session.title.as_deref();
    let parent = found.as_ref().and_then(|session| session["id"].as_str()).map(str::to_owned);
    let mut session = match (found, parent) {
        (Some(session), _) if !request.session.fork => usable(session)?,
        (_, Some(parent)) => usable(created.create(api, Some(parent), None).await?)?,
        _ => return usable(created.create(api, None, title).await?),
    };
    if let Some(title) = title {
        api.title_session(session["id"].as_str().unwrap_or_default(), title).await?;
        session["title"] = Value::from(title);
    }
    Ok(session)
}

fn usable(session: Value) -> Result<Value, Failure> {
    if session["id"].as_str().is_some_and(|id| !id.is_empty()) {
        return Ok(session);
    }
    Err(Failure::new(Code::Protocol, "OpenCode made a session and did not say which")
        .hint("this release may have changed its API: report it, with the release's version"))
}

/// Sees to it that the event stream carries this session before the prompt is sent: `server.connected`
/// alone proves nothing (1.14.48 says it on a stream that carries no session, and a moment before it
/// listens on the one that does). A session that was just made shows by itself; where it does not, it is
/// given the title it has, which is an event too.
async fn prove(api: &Api, connection: &Connection, session: &Value, ours: bool) -> Result<(), Failure> {
    let shows = async || {
        if connection.is_proven(Duration::ZERO).await {
            return Ok(true);
        }
        if let (Some(id), Some(title)) = (session["id"].as_str(), session["title"].as_str()) {
            api.title_session(id, title).await?;
        }
        Ok(connection.is_proven(PROOF).await)
    };
    let first = if ours { PROOF } else { Duration::ZERO };
    if connection.is_proven(first).await || shows().await? {
        return Ok(());
    }
    connection.move_to_global(api.server.connect).await;
    // Still nothing: the turn itself will notice if its events do not come.
    shows().await.map(drop)
}
