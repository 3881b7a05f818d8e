//! The OpenCode configuration of what we start: in its environment, or in a file where that has no room.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

#[cfg(windows)]
use super::windows_user::create_private;
use crate::error::{Code, Failure};

/// Whether the environment has room for it; a longer one goes by file. Linux refuses an entry of 128 KiB,
/// Windows one of 32,767 UTF-16 units, its name among them.
fn fits_environment(json: &str) -> bool {
    if cfg!(windows) { json.encode_utf16().count() <= 32_000 } else { json.len() <= 100 * 1024 }
}

/// A configuration too large for the environment, in a file that only we can read, gone with this value.
pub struct ConfigFile {
    path: PathBuf,
    /// Windows removes the file with its last handle, even if we are not there any more.
    handle: std::fs::File,
}

impl ConfigFile {
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Puts the configuration where OpenCode looks for one.
///
/// # Errors
/// When it needs a file and that cannot be written.
pub fn configure(
    environment: &mut BTreeMap<String, String>,
    config: Option<&Value>,
) -> Result<Option<ConfigFile>, Failure> {
    let Some(config) = config else { return Ok(None) };
    let json = config.to_string();
    if fits_environment(&json) {
        environment.insert("OPENCODE_CONFIG_CONTENT".into(), json);
        return Ok(None);
    }
    let mut name = [0; 8];
    getrandom::fill(&mut name).unwrap_or_default();
    let name = format!("opencode-stream-{:016x}.json", u64::from_ne_bytes(name));
    let path = std::env::temp_dir().join(name);
    let refused = |error: std::io::Error| {
        Failure::new(Code::ServerStart, "the configuration cannot be written to a file")
            .cause(error.to_string())
    };
    let mut file = ConfigFile { handle: create_private(&path).map_err(refused)?, path };
    file.handle.write_all(json.as_bytes()).map_err(refused)?;
    environment.remove("OPENCODE_CONFIG_CONTENT");
    environment.insert("OPENCODE_CONFIG".into(), file.path.to_string_lossy().into_owned());
    Ok(Some(file))
}

#[cfg(unix)]
fn create_private(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;

    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
