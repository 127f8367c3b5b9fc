//! JavaScript and TypeScript, within QuickJS.

use std::path::Path;

use anyhow::Result;

use super::{Job, built, run, tools::Tool};

/// Makes a component of `probe.js`.
///
/// # Errors
/// If the script is not as it should be, or the tool is missing.
pub(super) fn component(job: &Job<'_>) -> Result<Vec<u8>> {
    component_of(job, &job.folder.join("probe.js"))
}

/// Makes a component of `probe.ts`, which is checked as the folder's tsconfig.json says.
///
/// # Errors
/// Likewise.
pub(super) fn component_of_typescript(job: &Job<'_>) -> Result<Vec<u8>> {
    let scripts = job.target.join("scripts");
    run(job.tools.command(Tool::TypeScript)?.arg("--project").arg(job.folder).arg("--outDir").arg(&scripts))?;
    component_of(job, &scripts.join("probe.js"))
}

fn component_of(job: &Job<'_>, script: &Path) -> Result<Vec<u8>> {
    let file = job.target.join("probe.component.wasm");
    let mut command = job.tools.command(Tool::ComponentizeQjs)?;
    // Without `--sync` it wants a part of the component model that is not released. With `--opt-size` version 0.4.5 would save
    // a third, but emits tail calls, which are off here.
    command.args(["--sync", "--minify", "--wit"]).arg(job.wit).arg("--js").arg(script).arg("--output").arg(&file);
    run(&mut command)?;
    built(&file)
}
