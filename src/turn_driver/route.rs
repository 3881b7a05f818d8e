//! Which route a turn takes. A named server is never left; any other route may be, for the next, and always
//! before the prompt is sent.

use std::sync::Arc;

use serde_json::json;
use tokio::time::Instant;

use super::cli::{AcpReady, RunReady, acp_ready, run_ready};
use super::created_session::CreatedSession;
use super::past::Desk;
use super::prepare::{Prepared, prepare};
use super::queue::Ticket;
use crate::error::{Code, Failure};
use crate::protocol::stream_event::StreamEvent;
use crate::request::{LaunchRequest, Route, SkippedRoute, TargetRequest, TurnRequest};
use crate::transport::{Holdings, Known, Running, Server, identify, implicit, require_folder};

/// How often a private server is started for one turn: one that dies at each first request would be for ever.
const STARTS: u32 = 3;

/// A turn that only waits for its prompt to be sent.
pub enum Ready {
    Http(Box<Prepared>),
    Acp(Box<AcpReady>),
    Run(Box<RunReady>),
}

/// Why a turn is not ready.
pub enum Refused {
    /// This route is not to be had; another one may be.
    Route(Failure),
    /// No route would do any better.
    Turn(Failure),
}

/// A server to send a prompt to.
pub struct Chosen {
    pub server: Server,
    pub route: Route,
    /// Which OpenCode it is.
    pub known: Known,
    /// The server of our own, held while the turn needs it.
    pub running: Option<Arc<Running>>,
}

pub async fn ready(
    request: &TurnRequest,
    mut ticket: Option<Ticket>,
    holdings: &Holdings,
    created: &CreatedSession,
    mut desk: Desk<'_>,
) -> Result<Ready, Failure> {
    let mut tried = Vec::new();
    for (at, route) in request.routes.iter().enumerate() {
        let failure = match take(*route, request, &mut ticket, holdings, created, &mut desk).await {
            Ok(ready) => return Ok(ready),
            Err(Refused::Turn(failure)) => return Err(failure),
            Err(Refused::Route(failure)) => failure,
        };
        tried.push(json!({ "route": route.name(), "reason": failure.message }));
        let Some(next) = request.routes.get(at + 1) else {
            return Err(last_of(failure, tried, &request.skipped));
        };
        // Nothing has been sent yet, so the reader is told what was tried, whatever comes of it.
        let (from, to) = (route.name(), next.name());
        let _ = desk.mailbox.push(StreamEvent::Fallback { from, to, reason: failure.message });
    }
    Err(Failure::new(Code::UnsupportedOption, "there is no route for this turn"))
}

/// The failure of the last route, with those of the routes before it, and why no other route was tried.
fn last_of(failure: Failure, mut tried: Vec<serde_json::Value>, skipped: &[SkippedRoute]) -> Failure {
    tried.extend(skipped.iter().map(|SkippedRoute { route, what, reason }| {
        json!({ "route": route.name(), "reason": format!("{what}: {reason}") })
    }));
    if tried.len() < 2 {
        return failure;
    }
    let mut failure = failure;
    let data = failure.data.get_or_insert_with(|| json!({}));
    data["routes"] = tried.into();
    match skipped.first() {
        Some(first) => {
            let left_out = left_out(first, skipped);
            failure.hint =
                Some(failure.hint.map_or_else(|| left_out.clone(), |hint| format!("{hint}; {left_out}")));
            failure
        }
        None => failure,
    }
}

fn left_out(first: &SkippedRoute, skipped: &[SkippedRoute]) -> String {
    let routes: Vec<_> = skipped.iter().map(|skipped| format!("'{}'", skipped.route.name())).collect();
    format!("no other route was tried ({}), because of {}: {}", routes.join(", "), first.what, first.reason)
}

async fn take(
    route: Route,
    request: &TurnRequest,
    ticket: &mut Option<Ticket>,
    holdings: &Holdings,
    created: &CreatedSession,
    desk: &mut Desk<'_>,
) -> Result<Ready, Refused> {
    let launch = || request.launch.as_ref().ok_or_else(nothing_to_start).map_err(Refused::Turn);
    match route {
        Route::Server => {
            let (server, known) = match &request.target.url {
                Some(url) => named_server(url, request).await.map_err(Refused::Turn)?,
                None => implicit_server(request).await.map_err(Refused::Route)?,
            };
            http(request, ticket, created, Chosen { server, route, known, running: None }, desk).await
        }
        Route::Private => private(request, launch()?, ticket, holdings, created, desk).await,
        Route::Acp => acp_ready(request, launch()?, ticket).await.map(|ready| Ready::Acp(Box::new(ready))),
        Route::Run => run_ready(request, launch()?, ticket).await.map(|ready| Ready::Run(Box::new(ready))),
    }
}

fn nothing_to_start() -> Failure {
    Failure::new(Code::UnsupportedOption, "this turn may start nothing")
}

async fn http(
    request: &TurnRequest,
    ticket: &mut Option<Ticket>,
    created: &CreatedSession,
    chosen: Chosen,
    desk: &mut Desk<'_>,
) -> Result<Ready, Refused> {
    let prepared = prepare(request, ticket, created, chosen, desk).await;
    prepared.map(|prepared| Ready::Http(Box::new(prepared))).map_err(Refused::Turn)
}

/// A server for what is no turn, on the first route that has one; of our own, it is held by what comes with it.
pub async fn server_for(
    request: &TurnRequest,
    holdings: &Holdings,
) -> Result<(Server, Option<Arc<Running>>), Failure> {
    let mut last = nothing_to_start();
    for route in &request.routes {
        let found = match (route, &request.launch) {
            (Route::Server, _) => match &request.target.url {
                Some(url) => server(url, request).map(|server| (server, None)),
                None => implicit_server(request).await.map(|(server, _)| (server, None)),
            },
            (Route::Private, Some(launch)) => private_server(request, launch, holdings).await,
            _ => Err(nothing_to_start()),
        };
        match found {
            Ok(found) => return Ok(found),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

async fn private_server(
    request: &TurnRequest,
    launch: &LaunchRequest,
    holdings: &Holdings,
) -> Result<(Server, Option<Arc<Running>>), Failure> {
    let directory = request.target.directory.as_deref().unwrap_or(".");
    require_folder(directory)?;
    let within = request.target.timeouts.server_start;
    let running = holdings.server(launch, directory, (Instant::now() + within, within)).await?;
    let target = TargetRequest { credentials: Some(running.credentials.clone()), ..request.target.clone() };
    let server = Server::new(&running.url, &target, request.limits.record as usize)?;
    Ok((server, Some(running)))
}

fn server(url: &str, request: &TurnRequest) -> Result<Server, Failure> {
    Server::new(url, &request.target, request.limits.record as usize)
}

async fn named_server(url: &str, request: &TurnRequest) -> Result<(Server, Known), Failure> {
    let server = server(url, request)?;
    let known = identify(&server).await?;
    Ok((server, known))
}

/// The implicit server, if it is ours, OpenCode, and open to us.
async fn implicit_server(request: &TurnRequest) -> Result<(Server, Known), Failure> {
    implicit(&request.target, request.limits.record as usize).await
}

async fn private(
    request: &TurnRequest,
    launch: &LaunchRequest,
    ticket: &mut Option<Ticket>,
    holdings: &Holdings,
    created: &CreatedSession,
    desk: &mut Desk<'_>,
) -> Result<Ready, Refused> {
    let directory = request.target.directory.as_deref().unwrap_or(".");
    require_folder(directory).map_err(Refused::Turn)?;
    let within = request.target.timeouts.server_start;
    let deadline = (Instant::now() + within, within);
    let mut starts = 0;
    loop {
        let started = holdings.server(launch, directory, deadline).await;
        let running = started.map_err(of_the_executable)?;
        starts += 1;
        let target =
            TargetRequest { credentials: Some(running.credentials.clone()), ..request.target.clone() };
        let server =
            Server::new(&running.url, &target, request.limits.record as usize).map_err(Refused::Turn)?;
        let prepared = match identify(&server).await {
            Ok(known) => {
                let chosen = Chosen { server, route: Route::Private, known, running: Some(running.clone()) };
                http(request, ticket, created, chosen, desk).await
            }
            Err(failure) => Err(Refused::Turn(failure)),
        };
        match prepared {
            // A server of ours that died since it was last used: nothing was sent, so another one will do.
            Err(Refused::Turn(failure)) if failure.code == Code::Unreachable && running.dies().await => {
                if starts == STARTS {
                    return Err(Refused::Route(running.died()));
                }
            }
            Err(Refused::Turn(failure)) => {
                return Err(Refused::Turn(failure.redact(&target.secrets())));
            }
            done => return done,
        }
    }
}

/// Where there is no executable, no other route that needs one will do.
pub fn of_the_executable(failure: Failure) -> Refused {
    if failure.code == Code::CliNotFound { Refused::Turn(failure) } else { Refused::Route(failure) }
}
