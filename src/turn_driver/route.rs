//! Which server a turn goes to. A named one is never left; the implicit one may be, for one of our own,
//! and always before the prompt is sent.

use std::sync::Arc;

use crate::error::Failure;
use crate::mailbox::Mailbox;
use crate::protocol::stream_event::StreamEvent;
use crate::request::{LaunchRequest, TargetRequest, TurnRequest};
use crate::transport::{Holdings, Running, Server, implicit_url, version};

pub struct Chosen {
    pub server: Server,
    pub route: &'static str,
    /// The server of our own, held while the turn needs it.
    pub running: Option<Arc<Running>>,
}

pub async fn choose(
    request: &TurnRequest,
    holdings: &Holdings,
    mailbox: &Mailbox,
) -> Result<Chosen, Failure> {
    if let Some(url) = &request.target.url {
        return Ok(Chosen { server: server(url, request)?, route: "server", running: None });
    }
    let reason = match &request.launch {
        Some(launch) if launch.only => return private(request, launch, holdings).await,
        _ => match implicit(request).await {
            Ok(server) => return Ok(Chosen { server, route: "server", running: None }),
            Err(failure) => failure,
        },
    };
    let Some(launch) = &request.launch else { return Err(reason) };
    // Nothing has been sent yet, so the reader is told what was tried, whatever comes of it.
    let _ = mailbox.push(StreamEvent::Fallback { from: "server", to: "private", reason: reason.message });
    private(request, launch, holdings).await
}

fn server(url: &str, request: &TurnRequest) -> Result<Server, Failure> {
    Server::new(url, &request.target, request.limits.record as usize)
}

/// The implicit server, if it is ours, OpenCode, and open to us.
async fn implicit(request: &TurnRequest) -> Result<Server, Failure> {
    let server = server(&implicit_url()?, request)?;
    version(&server).await?;
    Ok(server)
}

async fn private(
    request: &TurnRequest,
    launch: &LaunchRequest,
    holdings: &Holdings,
) -> Result<Chosen, Failure> {
    let directory = request.target.directory.as_deref().unwrap_or(".");
    let running = holdings.server(launch, directory, request.target.timeouts.server_start).await?;
    let target = TargetRequest { credentials: Some(running.credentials.clone()), ..request.target.clone() };
    let server = Server::new(&running.url, &target, request.limits.record as usize)?;
    Ok(Chosen { server, route: "private", running: Some(running) })
}
