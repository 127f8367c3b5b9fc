//! `cargo xtask schema`: the JSON Schema of the configuration, as the program prints it.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::toolchain::{output, run};

/// Writes the schema, or compares it with the kept one.
pub(crate) fn write_or_check(repository: &Path, target: &Path, check: bool) -> Result<()> {
    let path = repository.join("host/config.schema.json");
    // Built with whatever the tests are: with other features it would be built anew, and the sandbox with it.
    let mut build = Command::new(env!("CARGO"));
    run(build.current_dir(repository).args(["build", "--quiet", "--locked", "--workspace", "--bins", "--tests"]))?;
    let schema = output(Command::new(target.join("debug/probity")).args(["schema", "config"]))? + "\n";
    if check {
        let kept = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        ensure!(kept == schema, "{} is not fresh: run `cargo xtask schema`", path.display());
        return Ok(());
    }
    fs::write(&path, schema).with_context(|| format!("can't write {}", path.display()))
}
