//! JavaScript and TypeScript, within QuickJS.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Job, built, run, sources, tools::Tool};
use crate::cli::sdk;

/// What of a folder is part of a probe in JavaScript: its modules, and those of the SDK, whoever put it there.
const MODULES: [&str; 3] = [".js", ".mjs", ".json"];

/// Makes a component of `probe.js`.
///
/// # Errors
/// If the script is not as it should be, or the tool is missing.
pub(super) fn component(job: &Job<'_>) -> Result<Vec<u8>> {
    let scripts = job.target.join("scripts");
    sources::stage(job.folder, job.target, &MODULES, &scripts)?;
    with_sdk(job, &scripts, &MODULES)?;
    component_of(job, &scripts)
}

/// Makes a component of `probe.ts`, which is checked as the folder's tsconfig.json says.
///
/// # Errors
/// Likewise.
pub(super) fn component_of_typescript(job: &Job<'_>) -> Result<Vec<u8>> {
    let (sources, scripts) = (job.target.join("typescript"), job.target.join("scripts"));
    let all = [&MODULES[..], &[".ts"]].concat();
    sources::stage(job.folder, job.target, &all, &sources)?;
    with_sdk(job, &sources, &all)?;
    sources::stage(job.folder, job.target, &MODULES, &scripts)?;
    with_sdk(job, &scripts, &MODULES)?;
    // Where it says that something is wrong, it names the file as the author knows it.
    let mut compile = job.tools.command(Tool::TypeScript)?;
    run(compile.args(["--project", "."]).arg("--outDir").arg(&scripts).current_dir(&sources))?;
    component_of(job, &scripts)
}

/// Puts the SDK where scripts find it.
fn with_sdk(job: &Job<'_>, scripts: &Path, endings: &[&str]) -> Result<()> {
    let sdk: PathBuf = job.sdk()?;
    sources::stage(&sdk, job.target, endings, &scripts.join(sdk::FOLDER))
}

fn component_of(job: &Job<'_>, scripts: &Path) -> Result<Vec<u8>> {
    let file = job.target.join("probe.component.wasm");
    let mut command = job.tools.command(Tool::ComponentizeQjs)?;
    // Without `--sync` it wants a part of the component model that is not released. With `--opt-size` version 0.4.5 would save
    // a third, but emits tail calls, which are off here.
    command.args(["--sync", "--minify", "--wit"]).arg(job.wit).arg("--js").arg(scripts.join("probe.js"));
    command.arg("--module-root").arg(scripts).arg("--output").arg(&file);
    run(&mut command)?;
    built(&file)
}
