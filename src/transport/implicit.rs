//! The server that nobody named: OpenCode 2's background service, where its registration is ours alone, else what
//! listens on 4096, where that is ours.

use super::http::Server;
use super::probe::{Identity, Known, ask, identify};
use super::socket_owner::require_ours;
use crate::error::{Code, Failure};
use crate::protocol::api::v2::service::{NotOurs, Registration};
use crate::protocol::api::v2::started::USERNAME;
use crate::request::{Credentials, TargetRequest};

const PORT: u16 = 4096;

/// The implicit server. Whether it is still ours is looked at again at each connection.
///
/// # Errors
/// When none runs, or not for us.
pub async fn implicit(target: &TargetRequest, record_limit: usize) -> Result<(Server, Known), Failure> {
    find(target, record_limit, async |server| identify(&server).await.map(|known| (server, known))).await
}

/// As [`implicit`], asked anew.
///
/// # Errors
/// As [`implicit`].
pub async fn implicit_now(
    target: &TargetRequest,
    record_limit: usize,
) -> Result<(Server, Identity), Failure> {
    find(target, record_limit, async |server| ask(&server).await.map(|identity| (server, identity))).await
}

async fn find<T>(
    target: &TargetRequest,
    record_limit: usize,
    asked: impl AsyncFn(Server) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let service = match registered(target.service.as_deref()) {
        None => None,
        Some(Err(why)) => Some(Failure::new(Code::Unreachable, why.to_string())),
        Some(Ok(found)) => {
            let known = match service(target, &found, record_limit) {
                Ok(server) => asked(server).await,
                Err(failure) => Err(failure),
            };
            match known {
                Ok(known) => return Ok(known),
                Err(failure) => Some(of_the_service(failure, &found)),
            }
        }
    };
    let on_port = match on_port(target, record_limit) {
        Ok(server) => asked(server).await,
        Err(failure) => Err(failure),
    };
    on_port.map_err(|failure| match service {
        Some(service) => Failure { message: format!("{}; {}", service.message, failure.message), ..failure },
        None => failure,
    })
}

fn on_port(target: &TargetRequest, record_limit: usize) -> Result<Server, Failure> {
    require_ours(PORT)?;
    Server::implicit(&format!("http://127.0.0.1:{PORT}"), target, record_limit, PORT)
}

fn service(target: &TargetRequest, found: &Registration, record_limit: usize) -> Result<Server, Failure> {
    let port = url::Url::parse(&found.url).ok().and_then(|url| url.port_or_known_default());
    let port = port.ok_or_else(|| Failure::new(Code::Unreachable, "it has no port"))?;
    require_ours(port)?;
    let credentials = Credentials { username: USERNAME.to_owned(), password: found.password.clone() };
    let target = TargetRequest { credentials: Some(credentials), ..target.clone() };
    Server::implicit(&found.url, &target, record_limit, port)
}

/// Why a service that is registered cannot be used.
fn of_the_service(failure: Failure, found: &Registration) -> Failure {
    let url = &found.url;
    let message = match failure.code {
        Code::Unauthorized => {
            format!("OpenCode's background service at {url} refuses the password of its own registration")
        }
        Code::Unreachable => {
            format!(
                "OpenCode's background service is registered at {url} and cannot be used: {}",
                failure.message
            )
        }
        _ => format!("OpenCode's background service at {url}: {}", failure.message),
    };
    Failure { message, ..failure }.redact(std::slice::from_ref(&found.password))
}

/// The service's registration; `None` where there is no such file.
#[cfg(unix)]
fn registered(file: Option<&str>) -> Option<Result<Registration, NotOurs>> {
    use crate::protocol::api::v2::service::{FileFacts, LONGEST, registration};
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    let path = std::path::Path::new(file?);
    let seen = std::fs::symlink_metadata(path).ok()?;
    if !seen.is_file() {
        return Some(Err(NotOurs::NoFile));
    }
    let mut content = Vec::new();
    let opened = std::fs::File::open(path).and_then(|file| {
        let meta = file.metadata()?;
        file.take(LONGEST as u64 + 1).read_to_end(&mut content)?;
        Ok(meta)
    });
    let Ok(meta) = opened else { return Some(Err(NotOurs::Malformed)) };
    // It may have been replaced between the two.
    let is_file = meta.is_file() && (meta.dev(), meta.ino()) == (seen.dev(), seen.ino());
    let facts = FileFacts { owner: meta.uid(), mode: meta.mode(), is_file };
    Some(registration(&content, facts, rustix::process::getuid().as_raw()))
}

/// What this system says of a file does not tell whose it is.
#[cfg(not(unix))]
fn registered(_file: Option<&str>) -> Option<Result<Registration, NotOurs>> {
    None
}
