//! Whose socket listens on a loopback port. The implicit server is used only if it is ours: anybody on
//! the machine may listen on 4096 first and would get our prompts.

use crate::error::{Code, Failure};

/// # Errors
/// When nobody listens, somebody else does, or this system cannot tell.
#[cfg(target_os = "linux")]
pub fn require_ours(port: u16) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;

    let ours = std::fs::metadata("/proc/self").map(|process| process.uid()).map_err(|_| cannot_tell(port))?;
    let mut owners = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // A system without IPv6 has no second table.
        owners.extend(owners_in(&std::fs::read_to_string(table).unwrap_or_default(), port));
    }
    match owners.iter().find(|owner| **owner != ours) {
        Some(stranger) => Err(Failure::new(
            Code::Unreachable,
            format!("127.0.0.1:{port} belongs to another user (uid {stranger}), so nothing was sent to it"),
        )
        .hint("pass `baseUrl` to name the server you mean")),
        None if owners.is_empty() => {
            Err(Failure::new(Code::Unreachable, format!("no OpenCode server listens on 127.0.0.1:{port}"))
                .hint("start one with `opencode serve --port 4096`, or pass `baseUrl`"))
        }
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
pub fn require_ours(port: u16) -> Result<(), Failure> {
    Err(cannot_tell(port))
}

fn cannot_tell(port: u16) -> Failure {
    Failure::new(Code::Unreachable, format!("this system does not tell who listens on 127.0.0.1:{port}"))
        .hint("name the server: pass `baseUrl: 'http://127.0.0.1:4096'` or set OPENCODE_SERVER_URL")
}

/// The users that own a socket which takes connections to `127.0.0.1:port`, from a table of proc(5).
#[cfg(target_os = "linux")]
fn owners_in(table: &str, port: u16) -> Vec<u32> {
    const LISTEN: &str = "0A";
    /// `127.0.0.1`, `0.0.0.0`, `::`, `::ffff:127.0.0.1`, `::ffff:0.0.0.0`, as the kernel prints them.
    const ADDRESSES: [&str; 5] = [
        "0100007F",
        "00000000",
        "00000000000000000000000000000000",
        "0000000000000000FFFF00000100007F",
        "0000000000000000FFFF000000000000",
    ];
    let port = format!("{port:04X}");
    let owner = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, listens_on) = fields.get(1)?.split_once(':')?;
        let takes_ours = fields.get(3) == Some(&LISTEN) && listens_on == port && ADDRESSES.contains(&address);
        if takes_ours { fields.get(7)?.parse().ok() } else { None }
    };
    table.lines().filter_map(owner).collect()
}
