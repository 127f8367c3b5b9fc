//! JavaScript, within QuickJS.

use anyhow::Result;

use super::{Job, built, run, tools::Tool};

/// Makes a component of `probe.js`.
///
/// # Errors
/// If the script is not as it should be, or the tool is missing.
pub(super) fn component(job: &Job<'_>) -> Result<Vec<u8>> {
    let file = job.target.join("probe.component.wasm");
    let mut command = job.tools.command(Tool::ComponentizeQjs)?;
    // Without `--sync` it wants a part of the component model that is not released. With `--opt-size` version 0.4.5 would save
    // a third, but emits tail calls, which are off here.
    command
        .args(["--sync", "--minify", "--wit"])
        .arg(job.wit)
        .arg("--js")
        .arg(job.folder.join("probe.js"))
        .arg("--output")
        .arg(&file);
    run(&mut command)?;
    built(&file)
}
