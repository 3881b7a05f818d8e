//! What `lib/` asks for: one turn, every option validated and every default filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::network::Network;
use crate::protocol::turn::{PermissionPolicy, Policies, QuestionPolicy};

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnRequest {
    /// Its fields stand beside those of the turn.
    #[serde(skip, default = "TargetRequest::stranger")]
    pub target: TargetRequest,
    /// The user named the directory; then a session of another one is refused.
    #[serde(default)]
    pub directory_given: bool,
    pub session: SessionRequest,
    /// OpenCode's own part inputs.
    pub parts: Vec<Value>,
    /// The answer is to be JSON.
    #[serde(default)]
    pub json: Option<JsonRequest>,
    pub agent: Option<String>,
    pub model: Option<Model>,
    pub variant: Option<String>,
    pub system: Option<String>,
    #[serde(default)]
    pub tools: Option<BTreeMap<String, bool>>,
    permission: String,
    question: String,
    pub limits: Limits,
    pub raw: bool,
    #[serde(default)]
    pub on_leave: OnLeave,
    /// `None`: nothing may be started.
    #[serde(default)]
    pub launch: Option<LaunchRequest>,
    /// The routes that honour every option, the first choice first.
    pub routes: Vec<Route>,
    /// The routes of the mode that honour not every option.
    #[serde(default)]
    pub skipped: Vec<SkippedRoute>,
}

/// A route of the mode that cannot honour an option.
#[derive(Clone, Debug, Deserialize)]
pub struct SkippedRoute {
    pub route: Route,
    /// The option, as an error names it.
    pub what: String,
    pub reason: String,
}

/// What becomes of a turn whose reader leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLeave {
    /// It is stopped inside OpenCode.
    #[default]
    Abort,
    /// It runs on inside OpenCode, and nobody here follows it.
    Detach,
}

/// How a prompt gets to OpenCode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// A server that runs: a named one, or the implicit one.
    Server,
    /// `opencode serve`, of our own.
    Private,
    /// `opencode acp`.
    Acp,
    /// `opencode run`.
    Run,
}

impl Route {
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Private => "private",
            Self::Acp => "acp",
            Self::Run => "run",
        }
    }
}

impl TurnRequest {
    /// Reads it twice: `#[serde(flatten)]` would do so once, by 40 KB of code.
    ///
    /// # Errors
    /// When it is not what `lib/` makes.
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        let target = serde_json::from_str(json)?;
        Ok(Self { target, ..serde_json::from_str(json)? })
    }

    pub fn policies(&self) -> Policies {
        Policies {
            permission: match self.permission.as_str() {
                "allow" => PermissionPolicy::Allow,
                "leave" => PermissionPolicy::Leave,
                "call" | "event" => PermissionPolicy::Call,
                "reject" => PermissionPolicy::Reject,
                _ => PermissionPolicy::Unset,
            },
            question: match self.question.as_str() {
                "leave" => QuestionPolicy::Leave,
                "call" | "event" => QuestionPolicy::Call,
                "reject" => QuestionPolicy::Reject,
                _ => QuestionPolicy::Unset,
            },
        }
    }
}

/// How a model is told to answer with JSON.
#[derive(Clone, Debug, Deserialize)]
pub struct JsonRequest {
    /// `None`: the library of the schema has no JSON Schema for it.
    pub schema: Option<Value>,
    /// In words, where OpenCode has no way of its own.
    pub instruction: String,
}

/// What we may start, and how.
#[derive(Clone, Deserialize)]
pub struct LaunchRequest {
    /// A path, or a name to look for on PATH; `None`: `opencode`.
    pub executable: Option<String>,
    /// Where the package `opencode-ai` is installed, if it is.
    pub package: Option<String>,
    /// The whole environment of what we start.
    pub environment: BTreeMap<String, String>,
    /// The names in it that the caller gave, rather than the process.
    #[serde(default)]
    pub given: Vec<String>,
    /// OpenCode's configuration, merged over an inherited one.
    pub config: Option<Value>,
}

/// Environments hold secrets.
impl std::fmt::Debug for LaunchRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LaunchRequest").field("executable", &self.executable).finish_non_exhaustive()
    }
}

/// Which server, and how to speak to it.
#[derive(Clone, Debug, Deserialize)]
pub struct TargetRequest {
    /// `None`: the implicit `http://127.0.0.1:4096`.
    pub url: Option<String>,
    pub credentials: Option<Credentials>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// `None`: the server's own.
    pub directory: Option<String>,
    pub timeouts: Timeouts,
    /// Where OpenCode 2 registers its background service, which may be the implicit server.
    #[serde(default)]
    pub service: Option<String>,
    /// Read off the environment on JavaScript's thread: `getenv` elsewhere races with `process.env`.
    #[serde(default)]
    pub network: Network,
}

impl TargetRequest {
    /// What no error may print, the longest first: one may be a part of another.
    pub fn secrets(&self) -> Vec<String> {
        /// Shorter ones are words that errors need.
        const SHORTEST: usize = 4;
        const SHORTEST_OF_HEADERS: usize = 8;
        let mut secrets = Vec::new();
        if let Some(Credentials { username, password }) = &self.credentials {
            secrets.push(password.clone());
            secrets.push(STANDARD.encode(format!("{username}:{password}")));
        }
        secrets.retain(|secret| secret.len() >= SHORTEST);
        let words = self.headers.values().flat_map(|value| value.split_whitespace());
        secrets.extend(words.filter(|word| word.len() >= SHORTEST_OF_HEADERS).map(str::to_owned));
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }

    /// Somebody without credentials, in no directory.
    pub fn stranger() -> Self {
        let seconds = Duration::from_secs;
        Self {
            url: None,
            credentials: None,
            headers: BTreeMap::new(),
            directory: None,
            service: None,
            network: Network::default(),
            timeouts: Timeouts {
                connect: seconds(5),
                accept: seconds(30),
                idle: seconds(75),
                reconnect: seconds(60),
                server_start: seconds(30),
                total: None,
                waited: Duration::ZERO,
            },
        }
    }
}

#[derive(Clone, Deserialize)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials(redacted)")
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct SessionRequest {
    pub id: Option<String>,
    #[serde(rename = "continue")]
    pub newest: bool,
    pub fork: bool,
    pub title: Option<String>,
    pub ephemeral: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Model {
    #[serde(rename = "providerID")]
    pub provider_id: String,
    #[serde(rename = "modelID")]
    pub model_id: String,
}

impl Model {
    /// `provider/model`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider_id, self.model_id)
    }
}

/// Milliseconds on the wire.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Timeouts {
    #[serde(deserialize_with = "millis")]
    pub connect: Duration,
    #[serde(deserialize_with = "millis")]
    pub accept: Duration,
    #[serde(deserialize_with = "millis")]
    pub idle: Duration,
    #[serde(deserialize_with = "millis")]
    pub reconnect: Duration,
    #[serde(rename = "serverStart", deserialize_with = "millis")]
    pub server_start: Duration,
    #[serde(default, deserialize_with = "maybe_millis")]
    pub total: Option<Duration>,
    /// How much of `total` had passed when the turn came here.
    #[serde(default, deserialize_with = "millis")]
    pub waited: Duration,
}

/// Bytes.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Limits {
    pub record: f64,
    pub buffered: f64,
}

fn millis<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    f64::deserialize(deserializer).map(duration)
}

fn maybe_millis<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Option::<f64>::deserialize(deserializer).map(|ms| ms.map(duration))
}

/// At most a year: a longer wait cannot be told from none, and clocks overflow on it.
fn duration(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0)
        .unwrap_or(Duration::MAX)
        .min(Duration::from_secs(365 * 24 * 3600))
}
