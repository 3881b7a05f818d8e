//! The directory of what we start: it must be there before anything is sent, since OpenCode takes the prompt
//! first and fails then.

use std::path::Path;

use crate::error::{Accepted, Code, Failure};

/// # Errors
/// When it is missing, or is no folder.
pub fn require_folder(directory: &str) -> Result<(), Failure> {
    let what = match std::fs::metadata(Path::new(directory)) {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(_) => "is not a folder".to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    Err(no_folder(directory, &what))
}

/// The one error of all routes for a directory that OpenCode cannot work in.
pub fn no_folder(directory: &str, what: &str) -> Failure {
    Failure::new(Code::InvalidOption, format!("`directory` {directory} {what}"))
        .accepted(Accepted::No)
        .hint("pass the path of a folder that exists")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_will_do() {
        let here = env!("CARGO_MANIFEST_DIR");
        assert!(require_folder(here).is_ok());
        let missing = require_folder(&format!("{here}/nowhere")).unwrap_err();
        assert!(missing.message.ends_with("nowhere does not exist"), "{missing}");
        let file = require_folder(&format!("{here}/Cargo.toml")).unwrap_err();
        assert_eq!((file.code, file.accepted), (Code::InvalidOption, Accepted::No));
    }
}
