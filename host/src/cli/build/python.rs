//! Python, within CPython.

use anyhow::Result;

use super::{Job, built, parts::World, run, sources, tools::Tool};

/// The modules of interfaces that are called alike, so that each is called the same whichever of the others there are.
const NAMES: [&str; 3] =
    ["probity:probe/types@0.1.0=types", "wasi:http/types@0.2.12=http_types", "wasi:tls/types@0.2.0-draft=tls_types"];

/// Makes a component of `probe.py`.
///
/// # Errors
/// If the script is not as it should be, or the tool is missing.
pub(super) fn component(job: &Job<'_>, world: &World) -> Result<Vec<u8>> {
    let file = job.target.join("probe.component.wasm");
    let mut command = job.tools.command(Tool::ComponentizePy)?;
    command.arg("--wit-path").arg(&world.wit).args(["--world", &world.name]);
    command.args(NAMES.iter().flat_map(|name| ["--import-interface-name", name]));
    command.args(["componentize", "--python-path"]);
    // What was built before is not part of the probe.
    let (sources, sdk) = (job.target.join("python"), job.target.join("python-sdk"));
    sources::stage(job.folder, job.target, &[".py"], &sources)?;
    sources::stage(&job.sdk()?, job.target, &[".py"], &sdk)?;
    command.arg(&sources).arg("--python-path").arg(&sdk).arg("--output").arg(&file).arg("probe");
    run(&mut command)?;
    built(&file)
}
