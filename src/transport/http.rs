//! HTTP to one server: never a redirect, never a proxy on loopback, every wait bounded.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Method, Response};
use serde_json::Value;
use url::Url;

use crate::error::{Accepted, Code, Failure};
use crate::protocol::answer::Answer;
use crate::request::TargetRequest;

/// A connection that nobody used for this long is not used again: servers close idle ones after 5 s and
/// more, and a request lost to that could not be told from one that was taken.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Why a request has no answer.
#[derive(Clone, Debug)]
pub struct CallError {
    pub failure: Failure,
    /// The request may have reached the server.
    pub may_have_arrived: bool,
}

/// One server, as one user of it speaks to it.
#[derive(Clone)]
pub struct Server {
    client: Client,
    base: Url,
    headers: HeaderMap,
    directory: Option<String>,
    credentials_sent: bool,
    record_limit: usize,
    pub connect: Duration,
    pub accept: Duration,
}

impl Server {
    /// # Errors
    /// When the URL or a header cannot be sent.
    pub fn new(url: &str, target: &TargetRequest, record_limit: usize) -> Result<Self, Failure> {
        let base = Url::parse(url).map_err(|error| invalid("baseUrl", &error))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &target.headers {
            let name = HeaderName::try_from(name).map_err(|error| invalid("headers", &error))?;
            let value = HeaderValue::from_bytes(&latin1(value));
            let mut value = value.map_err(|error| invalid("headers", &error))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        if let Some(credentials) = &target.credentials {
            headers.insert(AUTHORIZATION, basic(&credentials.username, &credentials.password)?);
        }
        Ok(Self {
            client: client(&base, target.timeouts.connect)?,
            credentials_sent: headers.contains_key(AUTHORIZATION),
            base,
            headers,
            directory: target.directory.clone(),
            record_limit,
            connect: target.timeouts.connect,
            accept: target.timeouts.accept,
        })
    }

    /// The same server, for the project in `directory`.
    #[must_use]
    pub fn in_directory(&self, directory: Option<String>) -> Self {
        Self { directory, ..self.clone() }
    }

    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub fn directory(&self) -> Option<&str> {
        self.directory.as_deref()
    }

    pub fn has_credentials(&self) -> bool {
        self.credentials_sent
    }

    /// What tells one shared event connection from another. Holds secrets: never printed.
    pub fn identity(&self) -> String {
        let mut identity = format!("{}\n{:?}\n", self.base, self.directory);
        for (name, value) in &self.headers {
            identity.push_str(name.as_str());
            identity.push_str(&String::from_utf8_lossy(value.as_bytes()));
            identity.push('\n');
        }
        identity
    }

    /// One request and its whole answer, within `within`.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        within: Duration,
    ) -> Result<Answer, CallError> {
        let request = async {
            let mut response = self.send(method, path, query, body).await?;
            let (status, content_type) = (response.status().as_u16(), content_type(&response));
            let mut whole = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| self.call_error(&error))? {
                if whole.len() + chunk.len() > self.record_limit {
                    return Err(too_long(self.record_limit));
                }
                whole.extend_from_slice(&chunk);
            }
            Ok(Answer { status, content_type, body: whole, credentials_sent: self.credentials_sent })
        };
        let timed_out = || CallError {
            failure: Failure::new(
                Code::Timeout,
                format!(
                    "the server at {} did not answer {path} within {} ms",
                    self.url(),
                    within.as_millis()
                ),
            )
            .data(serde_json::json!({ "phase": "accept" }))
            .hint("is the server overloaded or still starting? raise timeouts.accept if it is only slow"),
            may_have_arrived: true,
        };
        tokio::time::timeout(within, request).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// Opens an event stream; how long its body may be silent is the reader's to judge.
    pub async fn open_stream(&self, path: &str) -> Result<Response, CallError> {
        let response = self.send(Method::GET, path, &[], None);
        let timed_out = || CallError {
            failure: Failure::new(
                Code::Timeout,
                format!(
                    "the server at {} did not open {path} within {} ms",
                    self.url(),
                    self.connect.as_millis()
                ),
            )
            .data(serde_json::json!({ "phase": "connect" }))
            .hint("a proxy in between may hold event streams back"),
            may_have_arrived: true,
        };
        tokio::time::timeout(self.connect, response).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// The head of an answer, as if its body were empty.
    pub fn head(&self, response: &Response) -> Answer {
        Answer {
            status: response.status().as_u16(),
            content_type: content_type(response),
            body: Vec::new(),
            credentials_sent: self.credentials_sent,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Response, CallError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        {
            let mut pairs = url.query_pairs_mut();
            if let Some(directory) = &self.directory {
                pairs.append_pair("directory", directory);
            }
            pairs.extend_pairs(query);
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        let mut request = self.client.request(method, url).headers(self.headers.clone());
        request = match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request.header(ACCEPT, "application/json, text/event-stream"),
        };
        request.send().await.map_err(|error| self.call_error(&error))
    }

    fn call_error(&self, error: &reqwest::Error) -> CallError {
        // A connection that was never made cannot have carried the request.
        let never_left = error.is_connect() || error.is_builder();
        let (what, hint) = if never_left {
            (
                "cannot be reached",
                "start it with `opencode serve`, or check the address; nothing has been sent",
            )
        } else {
            ("broke the connection off", "see the server's log: it may have crashed")
        };
        CallError {
            failure: Failure::new(Code::Unreachable, format!("the server at {} {what}", self.url()))
                .hint(hint)
                .cause(causes(error)),
            may_have_arrived: !never_left,
        }
    }
}

fn too_long(limit: usize) -> CallError {
    CallError {
        failure: Failure::new(Code::Limit, format!("OpenCode's answer is longer than {limit} bytes"))
            .hint("raise limits.record"),
        may_have_arrived: true,
    }
}

/// The chain of causes, each level printing only itself; reqwest's own line would print the URL.
fn causes(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push(cause.to_string());
        source = cause.source();
    }
    words.join(": ")
}

fn content_type(response: &Response) -> String {
    let header = response.headers().get(CONTENT_TYPE);
    header.and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase()
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, Failure> {
    let encoded = BASE64_STANDARD.encode(format!("{username}:{password}"));
    let mut value =
        HeaderValue::try_from(format!("Basic {encoded}")).map_err(|error| invalid("password", &error))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A header's value as it travels: a byte for each character, as Node's `fetch` has it. `lib/` lets no other pass.
fn latin1(value: &str) -> Vec<u8> {
    value.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}

fn invalid(option: &str, error: &dyn Error) -> Failure {
    Failure::new(Code::InvalidOption, format!("`{option}` cannot be sent: {error}")).accepted(Accepted::No)
}

pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(domain)) => domain == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What tells one client from another.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    loopback: bool,
    secure: bool,
    connect: Duration,
}

/// One client a kind of server, for the whole process: it holds connections and TLS roots.
fn client(base: &Url, connect: Duration) -> Result<Client, Failure> {
    static CLIENTS: OnceLock<Mutex<HashMap<Kind, Client>>> = OnceLock::new();
    let clients = CLIENTS.get_or_init(|| {
        // Fails only if the process has a provider already, which then is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Mutex::default()
    });
    let kind = Kind { loopback: is_loopback(base), secure: base.scheme() == "https", connect };
    let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = clients.get(&kind) {
        return Ok(client.clone());
    }
    let builder = Client::builder()
        .user_agent(concat!("opencode-stream/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_nodelay(true);
    // Connections are cheap on loopback, and one that is not kept cannot have been closed meanwhile. Nor is
    // there a proxy, so without `https:` no certificate is ever looked at: the system's, which take
    // milliseconds to read, stay unread.
    let builder = match &kind {
        Kind { loopback: true, secure: false, .. } => {
            builder.no_proxy().pool_max_idle_per_host(0).tls_backend_preconfigured(no_roots())
        }
        Kind { loopback: true, .. } => {
            builder.no_proxy().pool_max_idle_per_host(0).tls_certs_merge(more_roots())
        }
        Kind { .. } => builder.tls_certs_merge(more_roots()),
    };
    let client = builder.build().map_err(|error| {
        Failure::new(Code::Unreachable, "this machine's TLS set-up cannot be used").cause(causes(&error))
    })?;
    clients.insert(kind, client.clone());
    Ok(client)
}

/// Whom Node was told to trust besides the system's. As in Node, a file that cannot be read adds nobody.
fn more_roots() -> Vec<Certificate> {
    let file = std::env::var_os("NODE_EXTRA_CA_CERTS").and_then(|path| std::fs::read(path).ok());
    file.and_then(|pem| Certificate::from_pem_bundle(&pem).ok()).unwrap_or_default()
}

/// Trusts nobody.
fn no_roots() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// The answer's JSON, or why there is none.
pub fn json(answer: Result<Answer, CallError>) -> Result<Value, Failure> {
    answer.map_err(|error| error.failure)?.json()
}
