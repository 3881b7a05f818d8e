//! The OpenCode configuration of what we start: in its environment, or in a file where that has no room.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Code, Failure};

/// The system refuses an environment entry of 128 KiB; beyond this the configuration goes by file.
const CONFIG_IN_ENVIRONMENT: usize = 100 * 1024;

/// A configuration too large for the environment, in a file that only we can read, gone with this value.
pub struct ConfigFile(PathBuf);

impl ConfigFile {
    pub fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
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
    if json.len() <= CONFIG_IN_ENVIRONMENT {
        environment.insert("OPENCODE_CONFIG_CONTENT".into(), json);
        return Ok(None);
    }
    let mut name = [0; 8];
    getrandom::fill(&mut name).unwrap_or_default();
    let name = format!("opencode-stream-{:016x}.json", u64::from_ne_bytes(name));
    let file = ConfigFile(std::env::temp_dir().join(name));
    let written = create_private(&file.0).and_then(|mut created| created.write_all(json.as_bytes()));
    written.map_err(|error| {
        Failure::new(Code::ServerStart, "the configuration cannot be written to a file")
            .cause(error.to_string())
    })?;
    environment.remove("OPENCODE_CONFIG_CONTENT");
    environment.insert("OPENCODE_CONFIG".into(), file.0.to_string_lossy().into_owned());
    Ok(Some(file))
}

fn create_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
