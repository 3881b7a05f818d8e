//! Whose socket listens on a loopback port. The implicit server is used only if it is ours: anybody on
//! the machine may listen on 4096 first and would get our prompts.

#[cfg(target_os = "linux")]
#[path = "socket_owner/linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "socket_owner/macos.rs"]
mod system;
#[cfg(windows)]
#[path = "socket_owner/windows.rs"]
mod system;

use crate::error::{Code, Failure};

/// Who answers where we would connect.
enum Owner {
    Nobody,
    /// This user, and no other.
    Us,
    /// Another user, as the system names them.
    Another(String),
}

/// # Errors
/// When nobody listens, somebody else does, or this system cannot tell.
pub fn require_ours(port: u16) -> Result<(), Failure> {
    let unreachable = |message| Failure::new(Code::Unreachable, message);
    match system::owner(port) {
        Some(Owner::Us) => Ok(()),
        Some(Owner::Another(user)) => Err(unreachable(format!(
            "127.0.0.1:{port} belongs to another user ({user}), so nothing was sent to it"
        ))
        .hint("pass `baseUrl` to name the server you mean")),
        Some(Owner::Nobody) => Err(unreachable(format!("no OpenCode server listens on 127.0.0.1:{port}"))
            .hint("start one with `opencode serve --port 4096`, or pass `baseUrl`")),
        None => Err(unreachable(format!("this system does not tell who listens on 127.0.0.1:{port}"))
            .hint("name the server: pass `baseUrl: 'http://127.0.0.1:4096'` or set OPENCODE_SERVER_URL")),
    }
}
