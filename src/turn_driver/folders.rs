//! Directories as OpenCode takes them.

use crate::error::{Code, Failure};

/// OpenCode 1 decodes a directory twice: the agent would work in another one.
pub fn refuse_escapes(directory: Option<&str>) -> Result<(), Failure> {
    let escape =
        |at: &[u8]| matches!(at, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    match directory.filter(|directory| directory.as_bytes().windows(3).any(escape)) {
        None => Ok(()),
        Some(directory) => Err(Failure::new(
            Code::UnsupportedOption,
            format!("OpenCode's server takes the directory {directory} for another one: it reads % and two digits as an escape"),
        )
        .hint("rename the folder, or work through a link without such a name")),
    }
}

pub fn same_folder(one: &str, other: Option<&str>) -> bool {
    let real = |path: &str| std::fs::canonicalize(path).ok();
    other.is_some_and(|other| real(one).is_some() && real(one) == real(other))
}
