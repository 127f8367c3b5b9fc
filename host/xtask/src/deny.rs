//! `deny`: what the dependencies are held to, as deny.toml has it: their licences, where they come from, how many versions of each
//! there are, and what is known against them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::toolchain::run;

/// The program that looks at them, as on crates.io.
const PROGRAM: &str = "cargo-deny";
/// The version that deny.toml is written for.
const VERSION: &str = "0.20.2";
/// The workspaces, relative to the repository: each has a lock file of its own.
const WORKSPACES: [&str; 4] = [".", "probes", "probes/fuzz", "host/fuzz"];

/// Holds the dependencies of all workspaces to it.
pub(crate) fn deny(repository: &Path, target: &Path) -> Result<()> {
    let program = provide(target)?;
    let holds = |workspace: &str, what: &[&str]| {
        println!("{workspace}: {}", what.join(", "));
        let mut command = Command::new(&program);
        command
            .current_dir(repository.join(workspace))
            .args(["--locked", "--config"])
            .arg(repository.join("deny.toml"));
        // Told what is wrong, and not by whom each crate is wanted.
        run(command.args(["check", "--hide-inclusion-graph"]).args(what))
    };
    WORKSPACES.iter().try_for_each(|workspace| holds(workspace, &["licenses", "sources", "bans"]))?;
    // What is known against a version is in a database that has to be fetched, which not every machine may.
    let mut fetch = Command::new(&program);
    if !fetch.current_dir(repository).args(["--config", "deny.toml", "fetch", "db"]).status()?.success() {
        println!("SKIPPED: advisories, as their database can't be had from here");
        return Ok(());
    }
    WORKSPACES.iter().try_for_each(|workspace| holds(workspace, &["advisories"]))
}

/// Gets the program, unless it is there, below the target folder: nothing else on the machine changes.
fn provide(target: &Path) -> Result<PathBuf> {
    let root = target.join("tools");
    let program = root.join("bin").join(PROGRAM);
    let told = Command::new(&program).arg("--version").output();
    let is_there = told.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).trim().ends_with(VERSION));
    if !is_there {
        println!("running: cargo install {PROGRAM} --locked --version {VERSION}");
        let mut install = Command::new(env!("CARGO"));
        install.args(["install", PROGRAM, "--quiet", "--locked", "--version", VERSION, "--root"]).arg(&root);
        run(&mut install)?;
    }
    Ok(program)
}
