//! HTTP to one server: never a redirect, never a proxy on loopback, every wait bounded.

use std::error::Error;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use reqwest::{Client, Method, Response};
use serde_json::Value;
use url::Url;

use super::client::{CONNECT, Clients, causes, clients};
use crate::error::{Accepted, Code, Failure};
use crate::network::is_loopback;
use crate::protocol::answer::Answer;
use crate::protocol::call::{self, Request};
use crate::request::TargetRequest;

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
    clients: Clients,
    base: Url,
    headers: HeaderMap,
    directory: Option<String>,
    credentials_sent: bool,
    record_limit: usize,
    pub connect: Duration,
    pub accept: Duration,
    /// How long an event stream may be silent.
    pub idle: Duration,
}

impl Server {
    /// # Errors
    /// When the URL or a header cannot be sent.
    pub fn new(url: &str, target: &TargetRequest, record_limit: usize) -> Result<Self, Failure> {
        Self::checked(url, target, record_limit, None)
    }

    /// The implicit server: each connection to `port` must be to a process of our own user.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn implicit(
        url: &str,
        target: &TargetRequest,
        record_limit: usize,
        port: u16,
    ) -> Result<Self, Failure> {
        Self::checked(url, target, record_limit, Some(port))
    }

    fn checked(
        url: &str,
        target: &TargetRequest,
        record_limit: usize,
        implicit: Option<u16>,
    ) -> Result<Self, Failure> {
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
            clients: clients(&base, implicit, &target.network)?,
            credentials_sent: headers.contains_key(AUTHORIZATION),
            base,
            headers,
            directory: target.directory.clone(),
            record_limit,
            connect: target.timeouts.connect,
            accept: target.timeouts.accept,
            idle: target.timeouts.idle,
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

    /// Whether it runs on this machine, as far as its address tells.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }

    pub fn has_credentials(&self) -> bool {
        self.credentials_sent
    }

    /// What tells one shared event connection from another: also how long it may take to open and be silent,
    /// since turns that share one would share that. Holds secrets: never printed.
    pub fn identity(&self) -> String {
        let (connect, idle) = (self.connect, self.idle);
        let mut identity = format!("{}\n{:?}\n{connect:?} {idle:?}\n", self.base, self.directory);
        for (name, value) in &self.headers {
            identity.push_str(name.as_str());
            identity.push_str(&String::from_utf8_lossy(value.as_bytes()));
            identity.push('\n');
        }
        identity
    }

    /// One request of the API, and its whole answer, within `within`.
    pub async fn ask(&self, request: &Request, within: Duration) -> Result<Answer, CallError> {
        let method = match request.method {
            call::Method::Get => Method::GET,
            call::Method::Post => Method::POST,
            call::Method::Put => Method::PUT,
            call::Method::Patch => Method::PATCH,
            call::Method::Delete => Method::DELETE,
        };
        let query: Vec<_> = request.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.call(method, &request.path, &query, request.body.as_ref(), within).await
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
            // What only reads may use a connection again, and is sent once more if that had been closed.
            if method == Method::GET {
                match self.exchange(&self.clients.kept, method.clone(), path, query, body).await {
                    Err(error) if error.may_have_arrived && error.failure.code == Code::Unreachable => {}
                    done => return done,
                }
            }
            self.exchange(&self.clients.fresh, method, path, query, body).await
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

    async fn exchange(
        &self,
        client: &Client,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let mut response = self.send(client, method, path, query, body).await?;
        let mut answer = self.head(&response);
        let limit = self.record_limit;
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_long(limit));
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| self.call_error(&error))? {
            if answer.body.len() + chunk.len() > limit {
                return Err(too_long(limit));
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    /// Opens an event stream; how long its body may be silent is the reader's to judge.
    pub async fn open_stream(&self, path: &str) -> Result<Response, CallError> {
        let response = self.send(&self.clients.fresh, Method::GET, path, &[], None);
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
            content_type: header(response, CONTENT_TYPE),
            encoding: header(response, CONTENT_ENCODING),
            body: Vec::new(),
            credentials_sent: self.credentials_sent,
        }
    }

    async fn send(
        &self,
        client: &Client,
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
        let mut request = client.request(method, url).headers(self.headers.clone());
        request = match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request.header(ACCEPT, "application/json, text/event-stream"),
        };
        CONNECT.scope(self.connect, request.send()).await.map_err(|error| self.call_error(&error))
    }

    fn call_error(&self, error: &reqwest::Error) -> CallError {
        if let Some(failure) = failure_in(error) {
            return CallError { failure: failure.clone(), may_have_arrived: false };
        }
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

/// Why we ourselves refused a connection.
fn failure_in(error: &reqwest::Error) -> Option<&Failure> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(failure) = cause.downcast_ref() {
            return Some(failure);
        }
        source = cause.source();
    }
    None
}

fn header(response: &Response, name: HeaderName) -> String {
    let header = response.headers().get(name);
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

/// The answer's JSON, or why there is none.
pub fn json(answer: Result<Answer, CallError>) -> Result<Value, Failure> {
    answer.map_err(|error| error.failure)?.json()
}
