//! Everything before the prompt on the route `acp`: the child, the session, its settings.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::time::{sleep, timeout};

use super::super::queue::{Place, Ticket, line_up};
use super::super::route::Refused;
use super::{directory, of_the_turn, place, program, require_home, usable_directory};
use crate::error::{Accepted, Code, Failure};
use crate::protocol::acp::{AcpConfig, Conversation, Output, SessionChoice, Wanted, is_command};
use crate::protocol::release::{Generation, Release};
use crate::request::{LaunchRequest, TurnRequest};
use crate::transport::{
    AcpChild, Api, FirstStart, Identity, Program, TRIES, end, identify, is_database_busy, is_port_taken,
    pause,
};

/// From this release on, ACP works behind a password (measured: 1.15.13 and 1.18.33 do, 1.1.31 does not).
const SECURED: [u32; 3] = [1, 14, 0];

pub struct AcpReady {
    pub child: AcpChild,
    pub conversation: Conversation,
    pub session: String,
    pub version: Option<String>,
    /// The HTTP side of the child, where it has one that we know.
    pub api: Option<Api>,
    /// The messages the session had.
    pub before: HashSet<String>,
    /// No other turn of this process has the session.
    pub _place: Place,
}

pub async fn acp_ready(
    request: &TurnRequest,
    launch: &LaunchRequest,
    ticket: &mut Option<Ticket>,
) -> Result<AcpReady, Refused> {
    usable_directory(request)?;
    refuse_commands(request).map_err(Refused::Route)?;
    let program = program(request, launch)?;
    if program.generation() == Generation::V2 {
        return Err(Refused::Route(cloud_model()));
    }
    let place = place(request, ticket).await;
    let mut opened = match open_as_can(request, &program).await {
        // It does not know the words that generation 1 is started with.
        Err(failure) if failure.code == Code::CliExit && is_second(&program).await => {
            return Err(Refused::Route(cloud_model()));
        }
        opened => opened.map_err(of_the_turn)?,
    };
    let place = match place {
        Some(place) => place,
        None => line_up(&opened.session).await,
    };
    let api = Api::new(opened.child.server.clone());
    // A release whose HTTP side is another one is used without it.
    if identify(&api.server).await.is_ok_and(|known| known.generation() == Generation::V1) {
        opened.before = past(request, &api, &opened.session).await.map_err(of_the_turn)?;
        opened.api = Some(api);
    }
    let Opened { child, conversation, session, version, api, before } = opened;
    Ok(AcpReady { child, conversation, session, version, api, before, _place: place })
}

/// The model would never see them.
fn refuse_commands(request: &TurnRequest) -> Result<(), Failure> {
    if !is_command(&request.parts) {
        return Ok(());
    }
    Err(Failure::new(
        Code::UnsupportedOption,
        "over ACP OpenCode takes a prompt that begins with / for one of its commands",
    )
    .hint("put a word before it, or use another route, which passes the prompt on as it is"))
}

/// What another start may mend is started again: a port that was taken meanwhile, a database that another program set
/// up at the same moment. Nothing was sent yet.
async fn open_as_can(request: &TurnRequest, program: &Program) -> Result<Opened, Failure> {
    let mut first = program.first_start().await;
    let mut tried = 1;
    loop {
        let opened = open_behind_password(request, program, &mut first).await;
        let stderr = opened.as_ref().err().filter(|failure| failure.code == Code::CliExit);
        let stderr = stderr.and_then(|failure| failure.stderr.as_deref()).unwrap_or_default();
        if tried == TRIES || !(is_port_taken(stderr) || is_database_busy(stderr)) {
            return opened;
        }
        sleep(pause(tried)).await;
        tried += 1;
    }
}

/// Behind a password, unless the release cannot work with one; which ones cannot is remembered.
async fn open_behind_password(
    request: &TurnRequest,
    program: &Program,
    first: &mut Option<FirstStart>,
) -> Result<Opened, Failure> {
    static UNSECURED: OnceLock<Mutex<HashSet<Identity>>> = OnceLock::new();
    let unsecured = || UNSECURED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    // Another release may take the place of this one while we run.
    let executable = program.identity();
    let secured = !unsecured().contains(&executable);
    match open(request, program, secured, first).await {
        Err((_, version)) if secured && Release::of(version.as_deref()).is_before(SECURED) => {
            unsecured().insert(executable);
            open(request, program, false, first).await
        }
        opened => opened,
    }
    .map_err(|(failure, _)| failure)
}

struct Opened {
    child: AcpChild,
    conversation: Conversation,
    session: String,
    version: Option<String>,
    api: Option<Api>,
    before: HashSet<String>,
}

/// Why it did not open, and the release, if it said.
type NotOpened = (Failure, Option<String>);

async fn open(
    request: &TurnRequest,
    program: &Program,
    secured: bool,
    first: &mut Option<FirstStart>,
) -> Result<Opened, NotOpened> {
    let mut child = program.acp(secured, &request.target).map_err(|failure| (failure, None))?;
    let mut conversation = Conversation::new(config(request));
    let opened = open_in_time(request, &mut child, &mut conversation, first).await;
    let version = conversation.version();
    match opened {
        Ok(session) => {
            Ok(Opened { child, conversation, session, version, api: None, before: HashSet::new() })
        }
        Err(mut failure) => {
            end(&mut child.child).await;
            failure.stderr.get_or_insert_with(|| child.child.stderr());
            Err((failure, version))
        }
    }
}

/// A deadline for the program's start, and one for the session: OpenCode waits up to 30 s for each MCP server of a
/// project before it opens one (1.18.33).
async fn open_in_time(
    request: &TurnRequest,
    child: &mut AcpChild,
    conversation: &mut Conversation,
    first: &mut Option<FirstStart>,
) -> Result<String, Failure> {
    let within = request.target.timeouts.server_start;
    let late = |_| Err(not_in_time(within.as_millis()));
    let started = timeout(within, converse(child, conversation, Conversation::is_initialized)).await;
    let opened = started.unwrap_or_else(late)?;
    if let Some(first) = first.take() {
        first.succeeded();
    }
    if let Some(session) = opened {
        return Ok(session);
    }
    let within = within + within / 2;
    let opened = timeout(within, converse(child, conversation, |_| false)).await;
    let opened = opened.unwrap_or_else(|_| Err(no_session_in_time(within.as_millis())))?;
    opened.ok_or_else(|| Failure::new(Code::Protocol, "OpenCode opened no session"))
}

/// Until the session is open; its id. Or until it is `enough`.
async fn converse(
    child: &mut AcpChild,
    conversation: &mut Conversation,
    enough: fn(&Conversation) -> bool,
) -> Result<Option<String>, Failure> {
    loop {
        while let Some(output) = conversation.poll_output() {
            match output {
                Output::Send(line) => child.send(line),
                Output::Open { session_id } => return Ok(Some(session_id)),
                Output::Failed(failure) | Output::Lost(failure) => return Err(failure),
                Output::Event(_) | Output::Answered | Output::Look { .. } => {}
            }
        }
        if enough(conversation) {
            return Ok(None);
        }
        match child.lines.next().await? {
            Some(line) => conversation.line(&line),
            None => return Err(ended(child).await),
        }
    }
}

async fn is_second(program: &Program) -> bool {
    program.flags().await.is_ok_and(|flags| flags.generation() == Generation::V2)
}

/// Over ACP, 2.0.15 takes a model of its maker's cloud for the session, whatever is configured, and sends the prompt
/// there: in 19 of 22 first sessions of a directory.
fn cloud_model() -> Failure {
    Failure::new(
        Code::UnsupportedVersion,
        "over ACP, OpenCode 2 may send a prompt to a model in its cloud that nobody chose",
    )
    .accepted(Accepted::No)
    .hint("leave `cliProtocol` out or pass 'run': the other routes use the model that is configured")
}

async fn ended(child: &AcpChild) -> Failure {
    let status = timeout(std::time::Duration::from_secs(1), child.child.exited()).await.ok().flatten();
    let code = status.and_then(|status| status.code());
    let how = code.map_or_else(String::new, |code| format!(" (exit code {code})"));
    let mut failure =
        Failure::new(Code::CliExit, format!("`opencode acp` ended before it was ready for a prompt{how}"))
            .hint("the end of what it wrote to standard error is in error.stderr");
    failure.exit_code = code;
    failure.stderr = Some(child.child.stderr());
    failure
}

fn not_in_time(ms: u128) -> Failure {
    Failure::new(Code::Timeout, format!("`opencode acp` was not ready for a prompt within {ms} ms"))
        .data(serde_json::json!({ "phase": "serverStart" }))
        .hint("a first start prepares a database and may take long: raise timeouts.serverStart")
}

fn no_session_in_time(ms: u128) -> Failure {
    Failure::new(Code::Timeout, format!("`opencode acp` did not open a session within {ms} ms"))
        .data(serde_json::json!({ "phase": "serverStart" }))
        .hint("OpenCode waits for the MCP servers and plugins of the project: see `opencode mcp list`, or raise timeouts.serverStart")
}

/// Others count from 0. JSON holds whole numbers up to 2^53.
fn unused_id() -> u64 {
    let mut bytes = [0; 4];
    // Without random numbers it is one that nobody counts to.
    let _ = getrandom::fill(&mut bytes);
    (1 << 40) + u64::from(u32::from_ne_bytes(bytes))
}

fn config(request: &TurnRequest) -> AcpConfig {
    let fork = request.session.fork;
    AcpConfig {
        first_id: unused_id(),
        directory: directory(request).to_owned(),
        session: match (&request.session.id, request.session.newest) {
            (Some(id), _) => SessionChoice::Existing { id: id.clone(), fork },
            (None, true) => SessionChoice::Newest { fork },
            (None, false) => SessionChoice::New,
        },
        wanted: Wanted {
            model: request.model.as_ref().map(crate::request::Model::name),
            agent: request.agent.clone(),
            variant: request.variant.clone(),
        },
    }
}

/// The messages the session held before the prompt.
async fn past(request: &TurnRequest, api: &Api, session: &str) -> Result<HashSet<String>, Failure> {
    if request.session.id.is_none() && !request.session.newest {
        return Ok(HashSet::new());
    }
    match api.session(session).await? {
        Some(known) => require_home(session, known["directory"].as_str(), directory(request))?,
        // 1.0.142 loads any session over ACP, whether it is there or not.
        None => return Err(not_there(session)),
    }
    api.message_ids(session).await
}

fn not_there(session: &str) -> Failure {
    Failure::new(Code::SessionNotFound, format!("there is no session '{session}'"))
        .session(session)
        .hint("`opencode session list` shows a project's sessions")
}
