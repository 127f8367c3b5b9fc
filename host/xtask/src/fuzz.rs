//! `fuzz`: what targets may say to the standard probes, thought up by libFuzzer, for a short time each.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::toolchain::{output, run};

/// Where the fuzzer's crate is, relative to the repository.
const CRATE: &str = "probes/fuzz";
/// Bytes of one thing that is said: longer than any first answer, and short enough that many are tried.
const MOST_BYTES: u32 = 4 * 1024;
/// Seconds in which a probe has to be done with it: far more than it takes, unless it does not end.
const PATIENCE: u32 = 10;
/// Mebibytes that the fuzzer may take, beside what a guest may: enough for itself.
const MEMORY: u32 = 1024;

/// Runs the named targets, or all of them, for `seconds` each; what was found to be telling is kept below the target folder.
pub(crate) fn fuzz(repository: &Path, target: &Path, named: &[String], seconds: u32) -> Result<()> {
    provide()?;
    let folder = repository.join(CRATE);
    let told = output(&mut cargo_fuzz("list", &folder))?;
    let all: Vec<&str> = told.lines().collect();
    for name in named {
        ensure!(all.contains(&name.as_str()), "there is no target `{name}`; there are {}", all.join(", "));
    }
    let chosen: Vec<&str> = if named.is_empty() { all } else { named.iter().map(String::as_str).collect() };
    for name in chosen {
        let corpus = target.join("fuzz").join(name);
        fs::create_dir_all(&corpus).with_context(|| format!("making {}", corpus.display()))?;
        let mut command = cargo_fuzz("run", &folder);
        // The probes have no unsafe code for a sanitizer to look at, and are several times faster without.
        command.args(["--sanitizer", "none", "--target-dir"]).arg(target.join("fuzz-build")).arg(name).arg(&corpus);
        command.args(["--", "-print_funcs=0", "-verbosity=0"]);
        for (option, number) in
            [("max_total_time", seconds), ("max_len", MOST_BYTES), ("timeout", PATIENCE), ("rss_limit_mb", MEMORY)]
        {
            command.arg(format!("-{option}={number}"));
        }
        command.arg(format!("-artifact_prefix={}/", target.join("fuzz").display()));
        println!("{name}: {seconds} s");
        run(&mut command).with_context(|| format!("the target {name} found something"))?;
    }
    Ok(())
}

/// `cargo fuzz` wants a nightly compiler, for what this one has as well.
fn cargo_fuzz(what: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["fuzz", what, "--fuzz-dir"]).arg(folder).current_dir(folder).env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Gets `cargo fuzz`, unless it is there.
fn provide() -> Result<()> {
    let is_there = Command::new(env!("CARGO")).args(["fuzz", "--version"]).output();
    if is_there.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    println!("running: cargo install cargo-fuzz --locked");
    run(Command::new(env!("CARGO")).args(["install", "cargo-fuzz", "--locked"]))
}
