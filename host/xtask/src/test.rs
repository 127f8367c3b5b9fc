//! `cargo xtask test`: every test there is, after getting what they need.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::toolchain::run;

/// A program that tests use, and the Debian package that has it.
struct Needed {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

/// What the tests need beyond Rust.
const NEEDED: [Needed; 1] =
    [Needed { program: "python3", package: "python3", why: "its HTTP server is a target that is not ours" }];

/// Gets what is missing, and runs the tests of the host, and those of the guests' pure parts.
pub(crate) fn all(repository: &Path) -> Result<()> {
    for needed in &NEEDED {
        provide(needed)?;
    }
    let cargo = |folder: &str| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(repository.join(folder)).args(["test", "--locked", "--workspace"]);
        // Under this no test may skip itself for want of a program.
        command.env("PROBITY_TEST_STRICT", "1");
        command
    };
    run(&mut cargo("."))?;
    // The guests are a workspace of their own, and here built for this machine: a folder apart keeps both builds warm.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), Into::into);
    run(cargo("probes").env("CARGO_TARGET_DIR", target.join("probes")))
}

fn provide(needed: &Needed) -> Result<()> {
    let Needed { program, package, why } = needed;
    if is_there(program) {
        return Ok(());
    }
    let install = format!("apt-get install {package}");
    println!("{program} is missing ({why}); running: {install}");
    let installed = Command::new("apt-get").args(["install", "--yes", "--quiet", package]).status();
    if !installed.is_ok_and(|status| status.success()) || !is_there(program) {
        bail!("the tests need {program}: {why}. Install it and run this again: {install}");
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    let quiet = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok()
}
