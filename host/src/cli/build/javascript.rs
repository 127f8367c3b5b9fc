//! JavaScript and TypeScript, within QuickJS.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    Job, built,
    parts::World,
    run,
    sources::{self, Sources},
    tools::Tool,
};
use crate::cli::sdk;

/// What of a folder is part of a probe in JavaScript: its modules, and those of the SDK, whoever put it there.
const MODULES: [&str; 3] = [".js", ".mjs", ".json"];

/// The version of WASI in the contract.
const VERSION: &str = "@0.2.12";
/// What stands for it while componentize-qjs is at work. It starts the script with a WASI of its own, and with nothing behind what that does not
/// have, such as TLS and HTTP; but these speak of streams, and of those that it has it does not know (0.4.5: `mismatched resource types`). Of a
/// version that it has nothing of, nothing is mismatched.
const DISGUISE: &str = "@0.9.12";
/// What takes its place in the component. QuickJS itself imports the first, and a component can't import a name twice; for a runner both are
/// the same interface, as versions go.
const ANOTHER: &str = "@0.2.11";

/// Makes a component of `probe.js`.
///
/// # Errors
/// If the script is not as it should be, or the tool is missing.
pub(super) fn component(job: &Job<'_>, world: &World) -> Result<Vec<u8>> {
    let scripts = job.target.join("scripts");
    sources::stage(job.folder, job.target, &MODULES, &scripts)?;
    with_sdk(job, &scripts, &MODULES)?;
    component_of(job, world, &scripts)
}

/// Makes a component of `probe.ts`, which is checked as the folder's tsconfig.json says.
///
/// # Errors
/// Likewise.
pub(super) fn component_of_typescript(job: &Job<'_>, world: &World) -> Result<Vec<u8>> {
    let (sources, scripts) = (job.target.join("typescript"), job.target.join("scripts"));
    let all = [&MODULES[..], &[".ts"]].concat();
    sources::stage(job.folder, job.target, &all, &sources)?;
    with_sdk(job, &sources, &all)?;
    sources::stage(job.folder, job.target, &MODULES, &scripts)?;
    with_sdk(job, &scripts, &MODULES)?;
    // Where it says that something is wrong, it names the file as the author knows it.
    let mut compile = job.tools.command(Tool::TypeScript)?;
    run(compile.args(["--project", "."]).arg("--outDir").arg(&scripts).current_dir(&sources))?;
    component_of(job, world, &scripts)
}

/// Puts the SDK where scripts find it.
fn with_sdk(job: &Job<'_>, scripts: &Path, endings: &[&str]) -> Result<()> {
    let sdk: PathBuf = job.sdk()?;
    sources::stage(&sdk, job.target, endings, &scripts.join(sdk::FOLDER))
}

fn component_of(job: &Job<'_>, world: &World, scripts: &Path) -> Result<Vec<u8>> {
    let file = job.target.join("probe.component.wasm");
    if world.is_extended {
        disguise(&world.wit, ".wit", "")?;
        MODULES.iter().try_for_each(|ending| disguise(scripts, ending, "wasi:"))?;
    }
    let mut command = job.tools.command(Tool::ComponentizeQjs)?;
    // Without `--sync` it wants a part of the component model that is not released. With `--opt-size` version 0.4.5 would save
    // a third, but emits tail calls, which are off here.
    command
        .args(["--sync", "--minify", "--world", &world.name, "--wit"])
        .arg(&world.wit)
        .arg("--js")
        .arg(scripts.join("probe.js"));
    command.arg("--module-root").arg(scripts).arg("--output").arg(&file);
    run(&mut command)?;
    let component = built(&file)?;
    Ok(if world.is_extended { exchanged(&component, "wasi:", DISGUISE, ANOTHER) } else { component })
}

/// Gives WASI a version that the tool does not know, in the files below a folder that end so: behind names that begin so.
fn disguise(folder: &Path, ending: &str, beginning: &str) -> Result<()> {
    for path in Sources::look(folder, Path::new("")).code.into_keys() {
        if path.to_string_lossy().ends_with(ending) {
            let text = fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
            let text = exchanged(&text, beginning, VERSION, DISGUISE);
            fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
        }
    }
    Ok(())
}

/// Bytes in which names that begin so and end with a version end with another one, which is as long.
fn exchanged(bytes: &[u8], beginning: &str, version: &str, other: &str) -> Vec<u8> {
    let is_of_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":/-".contains(byte);
    let mut exchanged = bytes.to_vec();
    let found = bytes.windows(version.len()).enumerate().filter(|(_, window)| *window == version.as_bytes());
    for (at, _) in found {
        let name = bytes[..at].iter().rev().take_while(|byte| is_of_name(byte)).count();
        if bytes[at - name..at].starts_with(beginning.as_bytes()) {
            exchanged[at..at + other.len()].copy_from_slice(other.as_bytes());
        }
    }
    exchanged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_exchanged_in_names_of_wasi_alone() {
        let text = b"\x00\x13wasi:io/poll@0.2.12 a@0.2.12 probity:probe/wasi@0.2.12 wasi:tls/types@0.2.0-draft wasi:io/poll@0.2.121";
        let wanted = b"\x00\x13wasi:io/poll@0.9.12 a@0.2.12 probity:probe/wasi@0.2.12 wasi:tls/types@0.2.0-draft wasi:io/poll@0.9.121";
        assert_eq!(exchanged(text, "wasi:", VERSION, DISGUISE), wanted);
        assert_eq!(exchanged(b"package wasi:io@0.2.12;", "", VERSION, DISGUISE), b"package wasi:io@0.9.12;");
        assert_eq!([VERSION, DISGUISE, ANOTHER].map(str::len), [7; 3]);
    }
}
