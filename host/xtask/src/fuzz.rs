//! `fuzz`: what libFuzzer thinks of, for a short time each. What targets may say to the standard probes; and what operators and
//! components may hand to the runner.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::toolchain::{output, run};

/// A crate of targets.
struct Crate {
    /// Where it is, relative to the repository.
    folder: &'static str,
    /// Bytes of what is thought of, at most.
    most_bytes: u32,
    /// Mebibytes that the fuzzer may take.
    memory: u32,
}

/// All of them.
const CRATES: [Crate; 2] = [
    // Longer than any first answer, and short enough that many are tried; little memory, as a guest has.
    Crate { folder: "probes/fuzz", most_bytes: 4 * 1024, memory: 1024 },
    // A whole component or configuration; the memory is that of a sandbox and of what libFuzzer keeps.
    Crate { folder: "host/fuzz", most_bytes: 16 * 1024, memory: 2048 },
];
/// Seconds in which one thing has to be done with: far more than it takes, unless it does not end.
const PATIENCE: u32 = 10;

/// A target.
struct Target {
    name: String,
    of: &'static Crate,
}

/// Runs the named targets, or all of them, for `seconds` each; what was found to be telling is kept below the target folder.
pub(crate) fn fuzz(repository: &Path, target: &Path, named: &[String], seconds: u32) -> Result<()> {
    provide()?;
    let mut all = Vec::new();
    for of in &CRATES {
        let told = output(&mut cargo_fuzz("list", &repository.join(of.folder)))?;
        all.extend(told.lines().map(|name| Target { name: name.to_owned(), of }));
    }
    for name in named {
        let known: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
        ensure!(known.contains(&name.as_str()), "there is no target `{name}`; there are {}", known.join(", "));
    }
    for Target { name, of } in all.iter().filter(|target| named.is_empty() || named.contains(&target.name)) {
        let folder = repository.join(of.folder);
        let corpus = target.join("fuzz").join(name);
        fs::create_dir_all(&corpus).with_context(|| format!("making {}", corpus.display()))?;
        let mut command = cargo_fuzz("run", &folder);
        // There is hardly any unsafe code for a sanitizer to look at, and all is several times faster without.
        command.args(["--sanitizer", "none", "--target-dir"]).arg(build_folder(target, of)).arg(name).arg(&corpus);
        // What to begin with, where nobody would think of it soon.
        let seeds = folder.join("seeds").join(name);
        command.args(seeds.is_dir().then_some(&seeds));
        command.args(["--", "-print_funcs=0", "-verbosity=0"]);
        for (option, number) in [
            ("max_total_time", seconds),
            ("max_len", of.most_bytes),
            ("timeout", PATIENCE),
            ("rss_limit_mb", of.memory),
        ] {
            command.arg(format!("-{option}={number}"));
        }
        command.arg(format!("-artifact_prefix={}/", target.join("fuzz").display()));
        println!("{name}: {seconds} s");
        run(&mut command).with_context(|| format!("the target {name} found something"))?;
    }
    Ok(())
}

/// Both crates have dependencies in common, built with other features.
fn build_folder(target: &Path, of: &Crate) -> PathBuf {
    target.join("fuzz-build").join(of.folder.replace('/', "-"))
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
