//! Python, within CPython.

use anyhow::Result;

use super::{Job, built, encode, run, sources, tools::Tool};

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
    let (sources, sdk) = (job.target.join("python"), job.target.join("python-sdk"));
    sources::stage(job.folder, job.target, &[".py"], &sources)?;
    sources::stage(&job.sdk()?, job.target, &[".py"], &sdk)?;
    command.arg(&sources).arg("--python-path").arg(&sdk).arg("--output").arg(&file).arg("probe");
    run(&mut command)?;
    built(&file)
}
