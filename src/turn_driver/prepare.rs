//! Everything before the prompt: the server, its event stream, the session, what would go wrong anyway.

use std::sync::Arc;
use std::time::Duration;

use super::api_client::{ApiClient, Outgoing, Session};
use super::created_session::CreatedSession;
use super::folders::same_folder;
use super::past::{Desk, Past, past};
use super::queue::{Place, Ticket, line_up};
use super::route::Chosen;
use super::session_setup::set_up;
use super::settings::SessionSettings;
use super::validate::validate;
use crate::error::{Code, Failure};
use crate::prompt::Prompt;
use crate::protocol::call::Request;
use crate::request::{Route, TurnRequest};
use crate::transport::{Connection, Known, Running, Server};

/// How long a working event stream may take to carry the first event of a session.
const PROOF: Duration = Duration::from_millis(250);

/// A turn that is ready for its prompt.
pub struct Prepared {
    pub api: ApiClient,
    pub connection: Arc<Connection>,
    pub session: String,
    pub known: Known,
    pub route: Route,
    /// The server, where it is one of our own.
    pub running: Option<Arc<Running>>,
    /// We made the session, so we may delete it.
    pub ours: bool,
    pub past: Past,
    pub prompt: Outgoing,
    /// The texts of the prompt, by which it is recognised where it has no id.
    pub texts: Vec<String>,
    /// What puts the session back behind the turn.
    pub restore: Vec<Request>,
    /// No other turn of this process has the session.
    pub place: Place,
}

pub async fn prepare(
    request: &TurnRequest,
    ticket: &mut Option<Ticket>,
    created: &CreatedSession,
    chosen: Chosen,
    desk: &mut Desk<'_>,
) -> Result<Prepared, Failure> {
    let Chosen { server, route, running, known } = chosen;
    let (api, named) = target(request, server, &known).await?;
    let settings = api.settings(request)?;
    let opened = futures::try_join!(api.listen(&known, &request.limits), validate(request, &api));
    let connection = match opened {
        Ok((connection, ())) => connection,
        // 1.18.33 answers 500 to whatever is asked in a directory that is a file.
        Err(failure) if failure.code == Code::BadRequest => {
            return Err(api.require_directory(None).await.err().unwrap_or(failure));
        }
        Err(failure) => return Err(failure),
    };
    api.require_directory(known.version().as_deref()).await?;
    let found = match named {
        None if request.session.newest => api.newest().await?,
        named => named,
    };
    // OpenCode 2 lists what is asked in a session by the name of the directory that it was made with.
    let api = match (api, found.as_ref().and_then(|session| session.directory.clone())) {
        (api @ ApiClient::V2(_), Some(home)) => api.in_directory(home),
        (api, _) => api,
    };
    let ours = found.as_ref().is_none_or(|_| request.session.fork);
    let session = make(request, &api, found, created, &settings).await?;
    if api.must_prove_its_stream() {
        prove(&api, &connection, &session, ours).await?;
    }
    let place = ticket.take().unwrap_or_else(|| line_up(&session.id)).await;
    let fresh = ours && !request.session.fork;
    let past = if fresh { Past::default() } else { past(request, &api, &session.id, desk).await? };
    let session = if fresh { session } else { as_it_is_now(&api, session).await? };
    let Addressed { prompt, texts, restore } =
        address(request, &api, &session, &settings, created, fresh, &known).await?;
    created.keep();
    Ok(Prepared {
        known,
        route,
        running,
        api,
        connection,
        session: session.id,
        ours,
        past,
        prompt,
        texts,
        restore,
        place,
    })
}

/// Another turn may have changed the session when we looked, and has put it back meanwhile.
async fn as_it_is_now(api: &ApiClient, session: Session) -> Result<Session, Failure> {
    if session.record.is_none() {
        return Ok(session);
    }
    api.session(&session.id, false).await?.ok_or_else(|| no_session(&session.id, api))
}

/// A prompt that its session is set up for.
struct Addressed {
    prompt: Outgoing,
    texts: Vec<String>,
    restore: Vec<Request>,
}

async fn address(
    request: &TurnRequest,
    api: &ApiClient,
    session: &Session,
    settings: &SessionSettings,
    created: &CreatedSession,
    fresh: bool,
    known: &Known,
) -> Result<Addressed, Failure> {
    if let (ApiClient::V2(second), Some(record)) = (api, &session.record) {
        let applied = set_up(settings, second, record, created).await;
        let restore = applied.map_err(|failure| api.explain(failure))?;
        let prompt = settings.prompt_for(record);
        return Ok(Addressed { texts: vec![prompt.text.clone()], prompt: Outgoing::V2(prompt), restore });
    }
    let prompt = Prompt::of(request, known.version().as_deref(), fresh);
    let texts = prompt.texts();
    Ok(Addressed { prompt: Outgoing::V1(prompt.body), texts, restore: Vec::new() })
}

/// The server's API, speaking for the right directory; and the session that was named, if one was.
async fn target(
    request: &TurnRequest,
    server: Server,
    known: &Known,
) -> Result<(ApiClient, Option<Session>), Failure> {
    let mut api = ApiClient::of(server, known).await?;
    let Some(id) = &request.session.id else { return Ok((api, None)) };
    let session = api.session(id, !request.directory_given).await?;
    let Some(session) = session else { return Err(no_session(id, &api)) };
    // A session works in its own directory; told another one, some releases run the tools there.
    if let Some(home) = session.directory.clone().filter(|home| api.directory() != Some(home)) {
        if request.directory_given && !same_folder(&home, api.directory()) {
            return Err(Failure::new(
                Code::InvalidOption,
                format!("session '{id}' belongs to the directory {home}, and `directory` names another"),
            )
            .hint("leave `directory` out to work where the session does"));
        }
        api = api.in_directory(home);
    }
    Ok((api, Some(session)))
}

fn no_session(id: &str, api: &ApiClient) -> Failure {
    let directory = api.directory().unwrap_or("its directory");
    Failure::new(Code::SessionNotFound, format!("the server has no session '{id}' for {directory}"))
        .session(id)
        .status(404)
        .hint("`opencode session list` shows a project's sessions; older releases know only those of `directory`")
}

async fn make(
    request: &TurnRequest,
    api: &ApiClient,
    found: Option<Session>,
    created: &CreatedSession,
    settings: &SessionSettings,
) -> Result<Session, Failure> {
    let title = request.session.title.as_deref();
    let mut session = match found {
        Some(session) if !request.session.fork => session,
        Some(parent) => created.create(api, Some(parent.id), None, settings).await?,
        None => return created.create(api, None, title, settings).await,
    };
    if let Some(title) = title {
        api.title(&session.id, title).await?;
        session.title = Some(title.to_owned());
    }
    Ok(session)
}

/// Sees to it that the event stream carries this session before the prompt is sent: `server.connected`
/// alone proves nothing (1.14.48 says it on a stream that carries no session, and a moment before it
/// listens on the one that does). A session that was just made shows by itself; where it does not, it is
/// given the title it has, which is an event too.
async fn prove(
    api: &ApiClient,
    connection: &Connection,
    session: &Session,
    ours: bool,
) -> Result<(), Failure> {
    let shows = async || {
        if connection.is_proven(Duration::ZERO).await {
            return Ok(true);
        }
        if let Some(title) = &session.title {
            api.title(&session.id, title).await?;
        }
        Ok(connection.is_proven(PROOF).await)
    };
    let first = if ours { PROOF } else { Duration::ZERO };
    if connection.is_proven(first).await || shows().await? {
        return Ok(());
    }
    connection.move_to_global(api.server().connect).await;
    // Still nothing: the turn itself will notice if its events do not come.
    shows().await.map(drop)
}
