//! Go, by the official compiler: a core module that takes the language's run-time from WASI preview 1.

use std::{path::Path, process::Command};

use anyhow::Result;

use super::{Job, built, run, tools::Tool};

/// The first minor version of Go 1 that the SDK is written for: it has functions that are exported, and cleanups.
const LEAST: u32 = 25;

/// Compiles the package in the folder to a core module whose functions are called.
///
/// # Errors
/// If it does not compile, or Go is missing.
pub(super) fn module(job: &Job<'_>) -> Result<Vec<u8>> {
    compile(job, &["-buildmode=c-shared"])
}

/// Compiles it to a program.
///
/// # Errors
/// Likewise.
pub(super) fn command(job: &Job<'_>) -> Result<Vec<u8>> {
    compile(job, &[])
}

fn compile(job: &Job<'_>, how: &[&str]) -> Result<Vec<u8>> {
    let core = job.target.join("probe.core.wasm");
    let mut go = job.tools.command(Tool::Go)?;
    go.current_dir(job.folder).args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]).args(how);
    // What is here is what compiles: a newer one is not fetched by the way.
    go.env("GOOS", "wasip1").env("GOARCH", "wasm").env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local");
    run(go.arg("-o").arg(&core).arg("."))?;
    built(&core)
}

/// Whether a compiler is one that the SDK can be compiled with.
pub(super) fn is_recent(go: &Path) -> bool {
    let output = Command::new(go).args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").output();
    output.is_ok_and(|output| output.status.success() && minor(&output.stdout).is_some_and(|minor| minor >= LEAST))
}

/// The minor version in `go1.27.3`.
fn minor(version: &[u8]) -> Option<u32> {
    let version = str::from_utf8(version).ok()?.trim().strip_prefix("go1.")?;
    version.split(|other: char| !other.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for (version, known) in [("go1.27.3\n", Some(27)), ("go1.25rc1", Some(25)), ("go1.19", Some(19)), ("go2", None)]
        {
            assert_eq!(minor(version.as_bytes()), known, "{version}");
        }
    }
}
