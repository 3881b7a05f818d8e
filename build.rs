use std::path::PathBuf;
use std::process::Command;

fn main() {
    if std::env::var_os("CARGO_FEATURE_ADDON").is_none() {
        return;
    }
    napi_build::setup();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // A worker thread that was the only one to load the addon unloads it when it ends, while our
        // runtime thread still runs its code. The library stays mapped instead.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        // Equal functions become one, where the linker can: lld, which rustc brings for x64. Rust gives no
        // function an address of its own, so `all` is as safe as `safe`, and finds more.
        if compile_supervisor(&[FOLD]) {
            println!("cargo:rustc-cdylib-link-arg={FOLD}");
        } else {
            assert!(compile_supervisor(&[]), "the supervisor does not compile");
        }
    }
}

const FOLD: &str = "-Wl,--icf=all";

/// The supervisor is a program of its own, carried inside the addon (`src/transport/child`). Says whether it
/// compiles.
fn compile_supervisor(link: &[&str]) -> bool {
    println!("cargo:rerun-if-changed=supervisor/main.rs");
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"));
    let output = PathBuf::from(variable("OUT_DIR")).join("supervisor");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--edition=2024", "--crate-name=supervisor", "supervisor/main.rs"])
        .args(["-Copt-level=z", "-Cpanic=abort", "-Clto=fat", "-Ccodegen-units=1", "-Cstrip=symbols"])
        .arg("--target")
        .arg(variable("TARGET"))
        .arg("-o")
        .arg(&output);
    if let Some(linker) = std::env::var_os("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={}", linker.to_string_lossy()));
    }
    rustc.args(link.iter().map(|flag| format!("-Clink-arg={flag}")));
    rustc.status().unwrap_or_else(|error| panic!("rustc cannot be started: {error}")).success()
}
