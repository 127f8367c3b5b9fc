//! `cargo xtask schema`: the JSON Schema of the configuration, as the program prints it.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::toolchain::output;

/// Writes the schema, or compares it with the kept one.
pub(crate) fn write_or_check(repository: &Path, check: bool) -> Result<()> {
    let path = repository.join("host/config.schema.json");
    let mut print = Command::new(env!("CARGO"));
    print.current_dir(repository).args(["run", "--quiet", "--package", "probity", "--", "schema", "config"]);
    let schema = output(&mut print)? + "\n";
    if check {
        let kept = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        ensure!(kept == schema, "{} is not fresh: run `cargo xtask schema`", path.display());
        return Ok(());
    }
    fs::write(&path, schema).with_context(|| format!("can't write {}", path.display()))
}
