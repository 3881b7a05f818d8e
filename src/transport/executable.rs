//! Which `opencode` to start: the real binary, and never one that the project brought along.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use crate::error::{Code, Failure};
use crate::protocol::release::Generation;
use crate::request::LaunchRequest;

/// The platform packages that carry the binary, as npm names them, the one for this machine first. npm installs those
/// for another libc or processor too.
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
    let kinds = kinds(cfg!(target_env = "musl"), is_old_processor());
    kinds.iter().map(|kind| format!("opencode-{system}-{machine}{kind}")).collect()
}

/// An addon for musl is only loaded where that is the libc.
fn kinds(is_musl: bool, is_old: bool) -> [&'static str; 4] {
    match (is_musl, is_old) {
        (false, false) => ["", "-baseline", "-musl", "-baseline-musl"],
        (false, true) => ["-baseline", "", "-baseline-musl", "-musl"],
        (true, false) => ["-musl", "-baseline-musl", "", "-baseline"],
        (true, true) => ["-baseline-musl", "-musl", "-baseline", ""],
    }
}

/// Without AVX2 only a `-baseline` build runs.
fn is_old_processor() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

const FILE: &str = if cfg!(windows) { "opencode.exe" } else { "opencode" };

/// # Errors
/// When none of the places a user may mean has one.
pub fn find(launch: &LaunchRequest, directory: &str) -> Result<PathBuf, Failure> {
    let home = std::fs::canonicalize(directory).unwrap_or_else(|_| PathBuf::from(directory));
    // Everything is inside the root, and nobody brought that along.
    let home = home.parent().is_some().then_some(home.as_path());
    let found = match &launch.executable {
        Some(named) if named.contains(['/', '\\']) => named_file(Path::new(named)),
        Some(name) => on_path(launch, name, home),
        None => on_path(launch, "opencode", home).or_else(|| packaged(launch)),
    };
    let file = found.ok_or_else(|| not_found(launch))?;
    real_binary(file)
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
    let path = variable(&launch.environment, "PATH")?;
    // A relative entry means a place inside whatever directory one happens to be in.
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .filter_map(|folder| named_file(&folder.join(name)))
        .find(|file| home.is_none_or(|home| !is_inside(file, home)))
}

/// Windows knows its variables by any case, and calls this one `Path`.
fn variable<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> Option<&'a String> {
    let is_meant = |key: &str| if cfg!(windows) { key.eq_ignore_ascii_case(name) } else { key == name };
    environment.iter().find(|(key, _)| is_meant(key)).map(|(_, value)| value)
}

/// A file as it may be named. Windows tells by the ending what can be started, and lets one leave it out.
fn named_file(file: &Path) -> Option<PathBuf> {
    if !cfg!(windows) {
        return usable(file);
    }
    // npm puts a script for other shells beside its launcher, under the same name without an ending.
    let ends = |ending: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        usable(Path::new(&name))
    };
    ends(".exe").or_else(|| ends(".cmd")).or_else(|| usable(file))
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

/// Package managers put a script in place of the binary; ending it would not end the server it started, and Windows
/// cannot start one. The package `opencode-ai` has a stub there until its install script has run.
fn real_binary(file: PathBuf) -> Result<PathBuf, Failure> {
    let start = start_of(&file);
    if is_program(&start) {
        return Ok(file);
    }
    let real = std::fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
    let package = real.ancestors().find(|folder| folder.ends_with("opencode-ai")).map(Path::to_owned);
    let found =
        package.clone().or_else(|| launched_package(&file, &start)).and_then(|package| beside(&package));
    match found {
        Some(binary) => Ok(binary),
        None if package.is_some() && !start.starts_with(b"#!") => Err(unfinished(&file)),
        None => Ok(file),
    }
}

fn unfinished(file: &Path) -> Failure {
    let message = format!("{} is a stub: the install script of `opencode-ai` has not run", file.display());
    Failure::new(Code::CliNotFound, message).hint(
        "run it: `node postinstall.mjs` in the folder of `opencode-ai`, or install that package again without \
         `--ignore-scripts`",
    )
}

/// How much of a file is looked at: a launcher is shorter.
const START: u64 = 16 * 1024;

fn start_of(file: &Path) -> Vec<u8> {
    let mut start = Vec::new();
    let _ = File::open(file).and_then(|file| file.take(START).read_to_end(&mut start));
    start
}

/// By the first bytes of ELF, Mach-O (for one processor, or several) and Windows' programs.
fn is_program(start: &[u8]) -> bool {
    const KINDS: [&[u8]; 4] = [b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ"];
    // What cannot be read is left to the system to refuse.
    start.is_empty() || KINDS.iter().any(|kind| start.starts_with(kind))
}

/// The package a launcher starts, by the launcher's own text: npm, pnpm and yarn name the place in quotes, seen from the
/// launcher's folder (`"%dp0%\node_modules\opencode-ai\bin\opencode"`).
fn launched_package(launcher: &Path, text: &[u8]) -> Option<PathBuf> {
    const HERE: [&str; 3] = ["%~dp0", "%dp0%", "$basedir"];
    let folder = launcher.parent()?;
    let text = String::from_utf8_lossy(text);
    let package = |quoted: &str| {
        let quoted = quoted.replace('\\', "/");
        let (place, _) = quoted.split_once("/opencode-ai/")?;
        let place = HERE.iter().find_map(|here| place.strip_prefix(here)).unwrap_or(place);
        Some(folder.join(place.trim_start_matches('/')).join("opencode-ai"))
    };
    text.split('"').filter_map(package).find(|package| package.is_dir())
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
        let file = folder.join("opencode");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = |directory: &str| find(&launch(&folder), directory).ok();
        assert_eq!(found(&folder.to_string_lossy()), None);
        assert_eq!(found("/"), Some(file.clone()));
        assert_eq!(found("/.."), Some(file.clone()));
        assert_eq!(found("/nowhere"), Some(file));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_build_for_this_libc_and_processor_comes_first() {
        let first = |is_musl, is_old| kinds(is_musl, is_old)[0];
        assert_eq!(first(false, false), "");
        assert_eq!(first(false, true), "-baseline");
        assert_eq!(first(true, false), "-musl");
        assert_eq!(first(true, true), "-baseline-musl");
    }
}
