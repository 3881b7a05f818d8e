//! The HTTP clients under all servers: a few for the whole process, each with its connections and TLS roots.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy};
use tower_service::Service;
use url::Url;

use super::socket_owner::require_ours;
use crate::error::{Code, Failure};
use crate::network::{Network, is_loopback};
use crate::request::TargetRequest;

/// A connection that nobody used for this long is not used again: servers close idle ones after 5 s and more.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// How many kinds of clients are kept. Few processes have two.
const KINDS: usize = 16;

tokio::task_local! {
    /// How long the request that runs lets a connection take.
    pub static CONNECT: Duration;
}

#[derive(Clone)]
pub struct Clients {
    /// May send on a connection that was used before.
    pub kept: Client,
    /// Makes a connection for each request: it cannot have been closed before the request arrives.
    pub fresh: Client,
}

/// What tells one client from another.
#[derive(Clone, PartialEq, Eq)]
struct Kind {
    loopback: bool,
    secure: bool,
    /// The port of the implicit server, which must be a socket of our own user at each connection.
    implicit: Option<u16>,
    network: Network,
}

/// Returns the clients for servers like `base`, and makes them if need be. Making those for `https:` reads
/// the environment, so the first call belongs on JavaScript's thread.
///
/// # Errors
/// When the TLS set-up or the proxies of this machine cannot be used.
pub fn clients(base: &Url, implicit: Option<u16>, network: &Network) -> Result<Clients, Failure> {
    static KNOWN: Mutex<Vec<(Kind, Clients)>> = Mutex::new(Vec::new());
    let (loopback, secure) = (is_loopback(base), base.scheme() == "https");
    let network = if loopback && !secure { Network::default() } else { network.clone() };
    let kind = Kind { loopback, secure, implicit, network };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, clients)) = known.iter().find(|(other, _)| *other == kind) {
        return Ok(clients.clone());
    }
    let fresh = build(builder(&kind)?.pool_max_idle_per_host(0))?;
    // Connections are cheap on loopback.
    let kept = if loopback { fresh.clone() } else { build(builder(&kind)?.pool_idle_timeout(POOL_IDLE))? };
    let clients = Clients { kept, fresh };
    if known.len() >= KINDS {
        known.remove(0);
    }
    known.push((kind, clients.clone()));
    Ok(clients)
}

/// Makes what a turn to `target` will need and only JavaScript's thread may make: reading the system's
/// certificates reads the environment. What is wrong here is told by the turn itself.
pub fn ready(target: &TargetRequest) {
    let secure =
        target.url.as_deref().and_then(|url| Url::parse(url).ok()).filter(|url| url.scheme() == "https");
    if let Some(url) = secure {
        let _ = clients(&url, None, &target.network);
    }
}

fn build(builder: ClientBuilder) -> Result<Client, Failure> {
    builder.build().map_err(|error| {
        Failure::new(Code::Unreachable, "this machine's TLS set-up cannot be used").cause(causes(&error))
    })
}

fn builder(kind: &Kind) -> Result<ClientBuilder, Failure> {
    // Fails only if the process has a provider already, which then is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Kind { loopback, secure, implicit, network } = kind;
    let mut builder = Client::builder()
        .user_agent(concat!("opencode-stream/", env!("CARGO_PKG_VERSION")))
        .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        // reqwest would read the proxies off the environment, on a thread where that is a race.
        .no_proxy()
        .connector_layer(Guard { implicit: *implicit });
    if !loopback {
        for proxy in proxies(network)? {
            builder = builder.proxy(proxy);
        }
    }
    // Without `https:` no certificate is ever looked at: the system's, which take milliseconds to read,
    // stay unread.
    let is_plain = !secure && (*loopback || (network.https_proxy.is_none() && network.http_proxy.is_none()));
    Ok(if is_plain {
        builder.tls_backend_preconfigured(no_roots())
    } else {
        builder.tls_certs_merge(more_roots(network))
    })
}

fn proxies(network: &Network) -> Result<Vec<Proxy>, Failure> {
    let unless = network.no_proxy.as_deref().and_then(NoProxy::from_string);
    let read = |address: &Option<String>, make: fn(&str) -> reqwest::Result<Proxy>| {
        let address = address.as_deref().filter(|address| !address.is_empty())?;
        Some(make(address).map(|proxy| proxy.no_proxy(unless.clone())).map_err(|_| unusable_proxy()))
    };
    let http = read(&network.http_proxy, |address| Proxy::http(address));
    let https = read(&network.https_proxy, |address| Proxy::https(address));
    [http, https].into_iter().flatten().collect()
}

/// Does not print the address, which may hold a password.
fn unusable_proxy() -> Failure {
    Failure::new(Code::InvalidOption, "the proxy named by the environment is not a URL")
        .hint("correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or add the server to NO_PROXY")
}

/// Whom Node was told to trust besides the system's. As in Node, a file that cannot be read adds nobody.
fn more_roots(network: &Network) -> Vec<Certificate> {
    let file = network.extra_ca_certs.as_ref().and_then(|path| std::fs::read(path).ok());
    file.and_then(|pem| Certificate::from_pem_bundle(&pem).ok()).unwrap_or_default()
}

/// Trusts nobody.
fn no_roots() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// The chain of causes, each level printing only itself; reqwest's own line would print the URL.
pub fn causes(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push(cause.to_string());
        source = cause.source();
    }
    words.join(": ")
}

/// Bounds the time a connection takes, and asks whose socket it is before anything is sent.
#[derive(Clone)]
struct Guard {
    implicit: Option<u16>,
}

impl<S> tower_layer::Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, implicit: self.implicit }
    }
}

#[derive(Clone)]
struct Guarded<S> {
    inner: S,
    implicit: Option<u16>,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl<S, R> Service<R> for Guarded<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let within = CONNECT.try_with(|within| *within).ok();
        let connecting = self.inner.call(request);
        let implicit = self.implicit;
        Box::pin(async move {
            let connection = match within {
                None => connecting.await?,
                Some(within) => tokio::time::timeout(within, connecting).await.map_err(|_| {
                    BoxError::from(format!("no connection within {} ms", within.as_millis()))
                })??,
            };
            if let Some(port) = implicit {
                // Behind the connection, not before it: whoever takes the port in between is seen.
                require_ours(port)?;
            }
            Ok(connection)
        })
    }
}
