//! A server of our own: `serve --stdio --port 0`. Its first line says where it listens, and it ends when its
//! standard input does.

use serde::Deserialize;

use crate::error::{Code, Failure};

/// The arguments. The password goes into `OPENCODE_PASSWORD`: the one it would make up it never prints.
pub const ARGUMENTS: [&str; 4] = ["serve", "--stdio", "--port", "0"];
/// Where it reads its password; older names count less.
pub const PASSWORD: &str = "OPENCODE_PASSWORD";
/// Fixed: no variable changes it.
pub const USERNAME: &str = "opencode";

/// The URL in the first line of its output; `None` for a line that is not that one.
///
/// # Errors
/// When it listens elsewhere than on loopback.
pub fn url_of(line: &str) -> Result<Option<String>, Failure> {
    #[derive(Deserialize)]
    struct Line {
        url: String,
    }
    let Ok(Line { url }) = serde_json::from_str(line.trim()) else { return Ok(None) };
    if !is_loopback(&url) {
        return Err(Failure::new(Code::ServerStart, "our OpenCode server listens beyond this machine")
            .hint("remove `hostname` from OpenCode's configuration, or from `config`"));
    }
    Ok(Some(url))
}

/// `http://` to an address of this machine.
pub(super) fn is_loopback(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let is_ours = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && is_ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_url() {
        let line = "{\"url\":\"http://127.0.0.1:44751\"}\n";
        assert_eq!(url_of(line).unwrap().as_deref(), Some("http://127.0.0.1:44751"));
        for other in ["", "a warning", "{}", "[]", "{\"url\":1}"] {
            assert_eq!(url_of(other).unwrap(), None, "{other}");
        }
    }

    #[test]
    fn a_server_beyond_this_machine_is_refused() {
        for url in ["http://0.0.0.0:1", "http://192.168.0.1:1", "https://127.0.0.1:1", "http://x.test"] {
            let failure = url_of(&format!("{{\"url\":\"{url}\"}}")).unwrap_err();
            assert_eq!(failure.code, Code::ServerStart, "{url}");
        }
    }
}
