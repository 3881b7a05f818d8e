use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() {
    // How we end what we start: by a supervisor (Linux), by a guard (other Unix systems), by a Job Object.
    println!("cargo:rustc-check-cfg=cfg(supervised)");
    println!("cargo:rustc-check-cfg=cfg(guarded)");
    if feature("ADDON").is_none() {
        return;
    }
    napi_build::setup();
    let linux = target("OS") == "linux";
    if linux {
        // A worker thread that was the only one to load the addon unloads it when it ends, while our
        // runtime thread still runs its code. The library stays mapped instead.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    // The feature builds what other Unix systems get, to be tested on Linux.
    if linux && feature("GUARD").is_none() {
        println!("cargo:rustc-cfg=supervised");
        // Equal functions become one, where the linker can: lld, which rustc brings for x64. Rust gives no
        // function an address of its own, so `all` is as safe as `safe`, and finds more.
        if build_supervisor(&[FOLD]) {
            println!("cargo:rustc-cdylib-link-arg={FOLD}");
        } else {
            assert!(build_supervisor(&[]), "the supervisor does not compile");
        }
    } else if target("FAMILY") == "unix" {
        println!("cargo:rustc-cfg=guarded");
    }
}

const FOLD: &str = "-Wl,--icf=all";

fn feature(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(format!("CARGO_FEATURE_{name}"))
}

fn target(what: &str) -> String {
    std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default()
}

/// Builds the supervisor with the cargo, the compiler and the linker of this build: it is a program of its own,
/// carried inside the addon (`src/transport/child`). Returns whether that succeeded.
fn build_supervisor(link: &[&str]) -> bool {
    println!("cargo:rerun-if-changed=supervisor");
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"));
    let (triple, out) = (variable("TARGET"), PathBuf::from(variable("OUT_DIR")));
    // A target folder of its own: the outer cargo holds the lock of the other.
    let folder = out.join("supervisor-target");
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args(["rustc", "--quiet", "--release", "--manifest-path", "supervisor/Cargo.toml"])
        .arg("--target")
        .arg(&triple)
        .arg("--target-dir")
        .arg(&folder)
        .arg("--")
        .args(link.iter().map(|flag| format!("-Clink-arg={flag}")))
        // A warning here would be read as ours by cargo.
        .stdout(Stdio::null());
    for (name, _) in std::env::vars_os() {
        // The profile of the addon's build is not the supervisor's, and clippy has its own run there.
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PROFILE_")
            || name == "RUSTC_WORKSPACE_WRAPPER"
            || name == "CARGO_TARGET_DIR"
        {
            cargo.env_remove(&*name);
        }
    }
    if std::env::var_os("CARGO_UNSTABLE_BUILD_STD").is_some() {
        cargo.env("CARGO_UNSTABLE_BUILD_STD", "core");
    }
    let built = cargo.status().unwrap_or_else(|error| panic!("cargo cannot be started: {error}")).success();
    let program = folder.join(Path::new(&triple)).join("release").join("supervisor");
    built && std::fs::copy(program, out.join("supervisor")).is_ok()
}
