//! The background service of OpenCode 2: `opencode run` and its terminal start one and leave it running. It
//! registers in `$XDG_STATE_HOME/opencode/service.json`, with its password; who can write that file can have
//! our prompts, so it counts only if it is ours alone.

use std::fmt;

use serde::Deserialize;

use super::started::is_loopback;
use crate::protocol::release::{Generation, Release};

/// Where the registration is, under the state folder.
pub const FILE: &str = "opencode/service.json";
/// No registration is longer.
pub const LONGEST: usize = 64 * 1024;
/// Read or written by others.
const OTHERS: u32 = 0o077;

/// A server that says it runs.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Registration {
    pub url: String,
    pub version: String,
    pub pid: u32,
    pub password: String,
}

impl fmt::Debug for Registration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, version, pid, .. } = self;
        write!(formatter, "Registration({url}, {version}, {pid})")
    }
}

/// What the system says of the file.
#[derive(Clone, Copy, Debug)]
pub struct FileFacts {
    pub owner: u32,
    /// The permission bits; others do not matter.
    pub mode: u32,
    /// A file, and no link to one.
    pub is_file: bool,
}

/// Why a registration does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    #[error("the registration of OpenCode's service belongs to another user (uid {0})")]
    Stranger(u32),
    #[error("the registration of OpenCode's service can be read or written by others (mode {0:03o})")]
    Open(u32),
    #[error("the registration of OpenCode's service is a link or no file")]
    NoFile,
    #[error("the registration of OpenCode's service cannot be read")]
    Malformed,
    #[error("the registered service of OpenCode does not listen on this machine")]
    Elsewhere,
    #[error("the registered service is OpenCode {0}, whose API is not known")]
    Unknown(String),
}

/// Reads the registration; `us`: our own user.
///
/// # Errors
/// When it is not ours alone, or not what a service of generation 2 writes.
pub fn registration(content: &[u8], facts: FileFacts, us: u32) -> Result<Registration, NotOurs> {
    if !facts.is_file {
        return Err(NotOurs::NoFile);
    }
    if facts.owner != us {
        return Err(NotOurs::Stranger(facts.owner));
    }
    if facts.mode & OTHERS != 0 {
        return Err(NotOurs::Open(facts.mode & 0o777));
    }
    let content = if content.len() > LONGEST { &[] } else { content };
    let registration: Registration = serde_json::from_slice(content).map_err(|_| NotOurs::Malformed)?;
    if registration.password.is_empty() || registration.pid == 0 {
        return Err(NotOurs::Malformed);
    }
    if !is_loopback(&registration.url) {
        return Err(NotOurs::Elsewhere);
    }
    match Generation::of(&Release::of(Some(&registration.version))) {
        Some(Generation::V2) => Ok(registration),
        _ => Err(NotOurs::Unknown(registration.version.chars().take(40).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: u32 = 1000;
    const FACTS: FileFacts = FileFacts { owner: US, mode: 0o100_600, is_file: true };
    const CONTENT: &str =
        r#"{"id":"x","version":"2.0.15","url":"http://127.0.0.1:49374","pid":7,"password":"secret"}"#;

    fn refused(content: &str, facts: FileFacts) -> NotOurs {
        registration(content.as_bytes(), facts, US).unwrap_err()
    }

    #[test]
    fn a_registration_that_is_ours_alone_names_url_and_password() {
        let ours = registration(CONTENT.as_bytes(), FACTS, US).unwrap();
        assert_eq!((ours.url.as_str(), ours.password.as_str()), ("http://127.0.0.1:49374", "secret"));
        assert!(!format!("{ours:?}").contains("secret"));
    }

    #[test]
    fn a_file_that_others_own_read_or_write_is_refused() {
        assert_eq!(refused(CONTENT, FileFacts { owner: 0, ..FACTS }), NotOurs::Stranger(0));
        for mode in [0o644, 0o620, 0o602, 0o666, 0o601] {
            assert_eq!(refused(CONTENT, FileFacts { mode, ..FACTS }), NotOurs::Open(mode));
        }
        assert_eq!(refused(CONTENT, FileFacts { is_file: false, ..FACTS }), NotOurs::NoFile);
    }

    #[test]
    fn a_registration_that_says_anything_else_is_refused() {
        for content in ["", "{}", "[1]", "not json", &CONTENT.replace("secret", ""), &"x".repeat(LONGEST + 1)]
        {
            assert_eq!(refused(content, FACTS), NotOurs::Malformed);
        }
        for url in ["http://10.0.0.1:1", "https://127.0.0.1", "file:///x", "http://127.0.0.1@evil.test/"] {
            assert_eq!(refused(&CONTENT.replace("http://127.0.0.1:49374", url), FACTS), NotOurs::Elsewhere);
        }
        let next = refused(&CONTENT.replace("2.0.15", "3.0.0"), FACTS);
        assert_eq!(next, NotOurs::Unknown("3.0.0".into()));
    }
}
