//! Is it OpenCode that answers, and which?

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::OnceCell;

use super::http::{CallError, Server};
use crate::error::{Code, Failure};
use crate::protocol::answer::{Answer, health_version, is_path_info, older_generation};
use crate::protocol::api::v2::{self, Probe};
use crate::protocol::release::Generation;
use crate::request::TargetRequest;

/// How long a server that is starting is left alone between two questions.
const STARTING: Duration = Duration::from_millis(50);

/// Which OpenCode a server is.
#[derive(Clone, Debug)]
pub struct Identity {
    pub generation: Generation,
    /// `None` for those that do not say (to 1.0.192).
    pub version: Option<String>,
}

/// What is known of a server, as long as somebody needs it: turns that come at once ask once.
#[derive(Clone)]
pub struct Known(Arc<OnceCell<Identity>>);

impl Known {
    fn of(server: &Server) -> Self {
        type Registry = Mutex<HashMap<String, Weak<OnceCell<Identity>>>>;
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        let mut registry =
            REGISTRY.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        registry.retain(|_, known| known.strong_count() > 0);
        let key = server.in_directory(None).identity();
        let known = registry.get(&key).and_then(Weak::upgrade);
        Self(known.unwrap_or_else(|| {
            let known = Arc::default();
            registry.insert(key, Arc::downgrade(&known));
            known
        }))
    }

    pub fn generation(&self) -> Generation {
        self.0.get().map_or(Generation::V1, |identity| identity.generation)
    }

    pub fn version(&self) -> Option<String> {
        self.0.get().and_then(|identity| identity.version.clone())
    }
}

/// Which OpenCode answers. All of it within `timeouts.connect`.
///
/// # Errors
/// When nothing answers, it is not OpenCode, or not for us.
pub async fn identify(server: &Server) -> Result<Known, Failure> {
    let known = Known::of(server);
    let asked = known.0.get_or_try_init(|| ask_identity(server));
    tokio::time::timeout(server.connect, asked).await.unwrap_or_else(|_| Err(does_not_answer(server)))?;
    Ok(known)
}

/// As [`identify`], asked anew.
///
/// # Errors
/// As [`identify`].
pub async fn ask(server: &Server) -> Result<Identity, Failure> {
    let asked = tokio::time::timeout(server.connect, ask_identity(server));
    asked.await.unwrap_or_else(|_| Err(does_not_answer(server)))
}

/// The failure of a server that says nothing before `timeouts.connect` is over.
pub fn does_not_answer(server: &Server) -> Failure {
    let ms = server.connect.as_millis();
    Failure::new(
        Code::Timeout,
        format!("the server at {} did not answer /global/health within {ms} ms", server.url()),
    )
    .data(json!({ "phase": "connect" }))
    .hint("is the server overloaded or still starting? raise timeouts.connect if it is only slow")
}

async fn ask_identity(server: &Server) -> Result<Identity, Failure> {
    // No directory: asking for the health of a server must not start a project in it.
    let server = server.in_directory(None);
    let get = async |path| server.call(reqwest::Method::GET, path, &[], None, server.connect).await;
    let health = get("/global/health").await.map_err(in_connect)?;
    let first = |version| Identity { generation: Generation::V1, version };
    if let Some(version) = health_version(&health) {
        return Ok(first(version));
    }
    if let Some(packed) = health.packed_refusal() {
        return Err(packed);
    }
    let refused = health.refusal().filter(|failure| failure.code == Code::Unauthorized);
    // To 1.0.192 there is no such route, and OpenCode passes on what the internet says to it: a 403 may be
    // that of a proxy. Its own refusal is a 401.
    if let Some(failure) = refused.clone().filter(|failure| failure.status == Some(401)) {
        return Err(failure);
    }
    if let Some(version) = second(&server).await? {
        return Ok(Identity { generation: Generation::V2, version: Some(version) });
    }
    let path = get("/path").await.map_err(in_connect)?;
    if !is_path_info(&path) {
        let health_of_preview =
            server.ask(&v2::preview_health(), server.connect).await.map_err(in_connect)?;
        if let Some(version) = v2::preview(&health_of_preview) {
            return Err(v2::unknown_release(&version));
        }
        return Err(refused.unwrap_or_else(|| no_api(&health)));
    }
    let description = get("/doc").await.map_err(in_connect)?;
    older_generation(&description).map_or_else(|| Ok(first(None)), Err)
}

/// The release of a server of generation 2; `None` for any other one.
async fn second(server: &Server) -> Result<Option<String>, Failure> {
    loop {
        let answer = server.ask(&v2::info(), server.connect).await.map_err(in_connect)?;
        return match v2::probe(&answer) {
            Probe::V2 { version } => Ok(Some(version)),
            Probe::Unknown { version } => Err(v2::unknown_release(&version)),
            // It listens before it is ready, for a moment.
            Probe::NotReady => {
                tokio::time::sleep(STARTING).await;
                continue;
            }
            Probe::Unauthorized { .. } => answer.refusal().map_or(Ok(None), Err),
            Probe::MaybeV1 | Probe::NotAServer => Ok(None),
        };
    }
}

fn no_api(health: &Answer) -> Failure {
    let what = if health.content_type.is_empty() { "no content type" } else { &health.content_type };
    let message = format!("something answers, but not with OpenCode's API: {} with {what}", health.status);
    Failure::new(Code::NotAServer, message)
        .status(health.status)
        .hint("check the URL; `opencode serve` prints the one it listens on")
}

fn in_connect(error: CallError) -> Failure {
    match error.failure.code {
        Code::Timeout => error.failure.data(json!({ "phase": "connect" })),
        _ => error.failure,
    }
}

/// Whether a server of ours lets nobody in without the password.
///
/// # Errors
/// When it does not answer.
pub async fn refuses_strangers(url: &str, generation: Generation) -> Result<bool, Failure> {
    let target = TargetRequest::stranger();
    let server = Server::new(url, &target, 1 << 20)?;
    let answer = match generation {
        Generation::V1 => {
            server.call(reqwest::Method::GET, "/global/health", &[], None, server.connect).await
        }
        Generation::V2 => server.ask(&v2::info(), server.connect).await,
    };
    answer.map(|answer| answer.status == 401).map_err(in_connect)
}
