//! Which generation answers: `GET /api/info`, with credentials. Without them generation 1 and 2 look alike.

use serde::Deserialize;

use crate::error::{Accepted, Code, Failure};
use crate::protocol::answer::Answer;
use crate::protocol::call::{Method, Request};
use crate::protocol::release::{Generation, Release};

/// What the answer to [`info`] says of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// OpenCode 2, of this version.
    V2 {
        version: String,
    },
    /// A release whose API nobody knows: a preview of 2, or what comes after it.
    Unknown {
        version: String,
    },
    /// OpenCode 1 answers this path with its web page; so do many servers that are not OpenCode.
    MaybeV1,
    /// It lets nobody in without the right credentials.
    Unauthorized {
        credentials_sent: bool,
    },
    /// It is starting: ask again.
    NotReady,
    NotAServer,
}

pub fn info() -> Request {
    Request::new(Method::Get, "/api/info")
}

/// Where previews of 2 say which they are; releases know no such path.
pub fn preview_health() -> Request {
    Request::new(Method::Get, "/api/health")
}

/// The version of a preview of 2, from the answer to [`preview_health`].
pub fn preview(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Health {
        version: String,
        #[allow(dead_code, reason = "as in 0.0.0-next-16350, and in no other server's answer")]
        healthy: bool,
        #[allow(dead_code, reason = "as above")]
        pid: u32,
    }
    let is_health = answer.status == 200 && is_json(answer);
    serde_json::from_slice(&answer.body).ok().filter(|_| is_health).map(|Health { version, .. }| version)
}

pub fn probe(answer: &Answer) -> Probe {
    #[derive(Deserialize)]
    struct Info {
        version: String,
        #[allow(dead_code, reason = "both fields are there in 2.x, and in no other server's answer")]
        pid: u32,
    }
    match answer.status {
        401 => Probe::Unauthorized { credentials_sent: answer.credentials_sent },
        200 | 503 if is_json(answer) => match serde_json::from_slice::<Info>(&answer.body) {
            Ok(_) if answer.status == 503 => Probe::NotReady,
            Ok(Info { version, .. }) => known(version),
            Err(_) => Probe::NotAServer,
        },
        // A page, or nothing there: 1.x of any age, or something else.
        200 | 404 => Probe::MaybeV1,
        _ => Probe::NotAServer,
    }
}

fn is_json(answer: &Answer) -> bool {
    answer.content_type.starts_with("application/json")
}

fn known(version: String) -> Probe {
    match Generation::of(&Release::of(Some(&version))) {
        Some(Generation::V2) => Probe::V2 { version },
        _ => Probe::Unknown { version },
    }
}

/// The failure of a release whose API nobody knows.
pub fn unknown_release(version: &str) -> Failure {
    let version: String = version.chars().filter(char::is_ascii_graphic).take(40).collect();
    Failure::new(Code::UnsupportedVersion, format!("this is OpenCode {version}, whose API is not known"))
        .accepted(Accepted::No)
        .hint("opencode-stream speaks the APIs of OpenCode 1 and 2; a preview of 2 speaks another one: install a release")
        .data(serde_json::json!({ "version": version }))
}
