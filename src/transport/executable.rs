//! Which `opencode` to start: the real binary, and never one that the project brought along.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use crate::error::{Code, Failure};
use crate::protocol::release::Generation;
use crate::request::LaunchRequest;

/// The platform packages that carry the binary, as npm names them.
fn packages() -> Vec<String> {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let name = format!("opencode-{system}-{machine}");
    ["", "-baseline", "-musl", "-baseline-musl"].iter().map(|kind| format!("{name}{kind}")).collect()
}

const FILE: &str = if cfg!(windows) { "opencode.exe" } else { "opencode" };

/// # Errors
/// When none of the places a user may mean has one.
pub fn find(launch: &LaunchRequest, directory: &str) -> Result<PathBuf, Failure> {
    let home = std::fs::canonicalize(directory).unwrap_or_else(|_| PathBuf::from(directory));
    // Everything is inside the root, and nobody brought that along.
    let home = home.parent().is_some().then_some(home.as_path());
    let found = match &launch.executable {
        Some(named) if named.contains(['/', '\\']) => usable(Path::new(named)),
        Some(name) => on_path(launch, name, home),
        None => on_path(launch, FILE, home).or_else(|| packaged(launch)),
    };
    found.map(real_binary).ok_or_else(|| not_found(launch))
}

fn not_found(launch: &LaunchRequest) -> Failure {
    let message = match &launch.executable {
        Some(named) => format!("there is no executable '{named}'"),
        None => "there is no `opencode` on PATH".to_owned(),
    };
    Failure::new(Code::CliNotFound, message).hint(
        "install OpenCode (`npm install --global opencode-ai`), or pass `cliPath`; \
         places inside `directory` are not looked at",
    )
}

fn on_path(launch: &LaunchRequest, name: &str, home: Option<&Path>) -> Option<PathBuf> {
    let path = launch.environment.get("PATH")?;
    // A relative entry means a place inside whatever directory one happens to be in.
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .filter_map(|folder| usable(&folder.join(name)))
        .find(|file| home.is_none_or(|home| !is_inside(file, home)))
}

/// The package that was installed beside ours; `lib/` says where.
fn packaged(launch: &LaunchRequest) -> Option<PathBuf> {
    let package = Path::new(launch.package.as_deref()?);
    beside(package).or_else(|| usable(&package.join("bin").join(FILE)))
}

fn is_inside(file: &Path, home: &Path) -> bool {
    // Both ways: a link in the project may lead out, and one outside may lead in.
    let real = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = file.parent().and_then(|folder| std::fs::canonicalize(folder).ok());
    real.starts_with(home) || folder.is_some_and(|folder| folder.starts_with(home))
}

fn usable(file: &Path) -> Option<PathBuf> {
    let meta = std::fs::metadata(file).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if meta.permissions().mode() & 0o111 == 0 {
            return None;
        }
    }
    meta.is_file().then(|| file.to_owned())
}

/// npm installs a script in place of older binaries; ending it would not end the server it started.
fn real_binary(file: PathBuf) -> PathBuf {
    if !is_script(&file) {
        return file;
    }
    let real = std::fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
    real.ancestors().find(|folder| folder.ends_with("opencode-ai")).and_then(beside).unwrap_or(file)
}

fn is_script(file: &Path) -> bool {
    let mut start = [0; 2];
    File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!"
}

/// The platform package's binary, as npm lays it out: within the package, or beside it.
fn beside(package: &Path) -> Option<PathBuf> {
    let places = [Some(package.join("node_modules")), package.parent().map(Path::to_owned)];
    let binary = |place: PathBuf| {
        packages().into_iter().find_map(|name| usable(&place.join(name).join("bin").join(FILE)))
    };
    places.into_iter().flatten().find_map(binary)
}

/// A file, by where it is, how long, and when it was changed.
pub type Identity = (PathBuf, u64, Option<SystemTime>);

/// Which file the executable is now.
pub fn identity(executable: &Path) -> Identity {
    let meta = std::fs::metadata(executable).ok();
    let changed = meta.as_ref().and_then(|meta| meta.modified().ok());
    (executable.to_owned(), meta.map_or(0, |meta| meta.len()), changed)
}

fn generations() -> std::sync::MutexGuard<'static, HashMap<Identity, Generation>> {
    static KNOWN: OnceLock<Mutex<HashMap<Identity, Generation>>> = OnceLock::new();
    KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which OpenCode it is likely to be: what a start has shown, or else what its package is called. To ask it would
/// take a start of its own.
pub fn generation_of(executable: &Path) -> Generation {
    if let Some(known) = generations().get(&identity(executable)) {
        return *known;
    }
    let real = std::fs::canonicalize(executable).unwrap_or_else(|_| executable.to_owned());
    let is_second = real.iter().any(|name| name.to_string_lossy().starts_with("@opencode"))
        && !real.iter().any(|name| name.to_string_lossy().starts_with("@opencode-ai"));
    if is_second { Generation::V2 } else { Generation::V1 }
}

pub fn learn_generation(executable: &Path, generation: Generation) {
    generations().insert(identity(executable), generation);
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn launch(path: &Path) -> LaunchRequest {
        let environment = [("PATH".to_owned(), path.to_string_lossy().into_owned())];
        LaunchRequest {
            executable: None,
            package: None,
            environment: environment.into(),
            config: None,
            given: Vec::new(),
        }
    }

    #[test]
    fn nothing_inside_the_directory_is_started_and_the_root_holds_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let mut name = [0; 8];
        getrandom::fill(&mut name).unwrap();
        let folder = std::env::temp_dir().join(format!("executable-{:016x}", u64::from_ne_bytes(name)));
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join(FILE);
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = |directory: &str| find(&launch(&folder), directory).ok();
        assert_eq!(found(&folder.to_string_lossy()), None);
        assert_eq!(found("/"), Some(file.clone()));
        assert_eq!(found("/.."), Some(file.clone()));
        assert_eq!(found("/nowhere"), Some(file));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
