//! Python, within CPython.

use anyhow::{Context, Result};

use super::{Job, built, encode, run, tools::Tool};

/// Makes a component of `probe.py`.
///
/// # Errors
/// If the script is not as it should be, or the tool is missing.
pub(super) fn component(job: &Job<'_>) -> Result<Vec<u8>> {
    let file = job.target.join("probe.component.wasm");
    let (resolve, package) = encode::read(job.wit)?;
    let world = resolve.select_world(&[package], None)?;
    let world = resolve.worlds[world].name.clone();
    let mut command = job.tools.command(Tool::ComponentizePy)?;
    command.arg("--wit-path").arg(job.wit).args(["--world", &world, "componentize", "--python-path"]);
    // What was built before is not part of the probe.
    let sources = job.target.join("python");
    std::fs::create_dir_all(&sources)?;
    std::fs::copy(job.folder.join("probe.py"), sources.join("probe.py")).context("can't read probe.py")?;
    command.arg(&sources).arg("--output").arg(&file).arg("probe");
    run(&mut command)?;
    built(&file)
}
