//! Rust, with the SDK.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{Job, built, run, tools::Tool};

/// The target of probes: it has no system interface of its own, so that a component imports exactly what it calls.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// The target of programs.
const PROGRAMS: &str = "wasm32-wasip1";
/// Names a rustc with that target, where the one in the PATH has it not.
const VARIABLE: &str = "PROBITY_WASM_RUST";
/// Bytes of a probe's stack, as Rust's own choice of a megabyte would be most of what an instance occupies; and of the heap that it
/// begins with: as much as the SDK's allocator asks for at a time, so that most runs grow no memory. 0x1f is what separates them.
const FLAGS: &str = "-Clink-arg=-zstack-size=65536\x1f-Clink-arg=--initial-heap=65536";

/// As much of a Cargo.toml as is needed.
#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

/// A rustc that has the target; `None` if there is none.
///
/// # Errors
/// If the environment names one that has it not.
pub(super) fn find() -> Result<Option<PathBuf>> {
    let Some(named) = env::var_os(VARIABLE).map(PathBuf::from) else {
        let usual = PathBuf::from("rustc");
        return Ok(has_target(&usual, TARGET).then_some(usual));
    };
    let named = if named.is_dir() { named.join("rustc") } else { named };
    ensure!(has_target(&named, TARGET), "{VARIABLE} names {}, which has no target {TARGET}", named.display());
    Ok(Some(named))
}

/// Compiles the crate in the folder to a core module.
///
/// # Errors
/// If it does not compile, or the target is missing.
pub(super) fn module(job: &Job<'_>) -> Result<Vec<u8>> {
    compile(job, TARGET)
}

/// Compiles the program in the folder to a core module for WASI preview 1.
///
/// # Errors
/// Likewise.
pub(super) fn command(job: &Job<'_>) -> Result<Vec<u8>> {
    let rustc = job.tools.find(Tool::Rust)?.ok_or_else(|| Tool::Rust.missing())?;
    let missing = "programs are compiled for wasm32-wasip1, which is missing. To install it:";
    ensure!(has_target(&rustc, PROGRAMS), "{missing}\n\n    rustup target add {PROGRAMS}\n");
    compile(job, PROGRAMS)
}

fn compile(job: &Job<'_>, triple: &str) -> Result<Vec<u8>> {
    let rustc = job.tools.find(Tool::Rust)?.ok_or_else(|| Tool::Rust.missing())?;
    let manifest = job.folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).with_context(|| format!("can't read {}", manifest.display()))?;
    let Manifest { package } = toml::from_str(&text).with_context(|| format!("reading {}", manifest.display()))?;
    let target = job.target.join("cargo");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--quiet", "--target", triple, "--manifest-path"]).arg(&manifest);
    cargo.arg("--target-dir").arg(&target).env("RUSTC", &rustc).env("CARGO_ENCODED_RUSTFLAGS", FLAGS);
    if let Some(linker) = linker(&rustc) {
        let triple = triple.to_uppercase().replace('-', "_");
        cargo.env(format!("CARGO_TARGET_{triple}_LINKER"), linker);
    }
    run(&mut cargo)?;
    // A program is called as its package, a library as its crate.
    let name = if triple == PROGRAMS { package.name } else { package.name.replace('-', "_") };
    built(&target.join(triple).join("release").join(name).with_extension("wasm"))
}

fn has_target(rustc: &Path, triple: &str) -> bool {
    printed(rustc, &["--print", "target-libdir", "--target", triple]).is_some_and(|folder| Path::new(&folder).is_dir())
}

/// The linker of the Rust in the PATH, for one that has none of its own: distributions leave it out.
fn linker(rustc: &Path) -> Option<PathBuf> {
    [rustc, Path::new("rustc")].into_iter().find_map(|rustc| {
        let sysroot = printed(rustc, &["--print", "sysroot"])?;
        let host = printed(rustc, &["--print", "host-tuple"])?;
        let linker = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
        linker.is_file().then_some(linker)
    })
}

/// What a rustc prints; `None` if it does not run.
fn printed(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(rustc).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
