//! `bench`: the benches of the host, one after another, and one table of what they find.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::toolchain::run;

/// Where the benches are, relative to the repository: a file each.
const BENCHES: &str = "host/benches";

/// What the first line of each bench's table begins with.
const HEADER: &str = "bench ";

/// Runs the named benches, or all.
pub(crate) fn bench(repository: &Path, named: &[String]) -> Result<()> {
    let all = names(&repository.join(BENCHES))?;
    for name in named {
        ensure!(all.contains(name), "there is no bench `{name}`; there are {}", all.join(", "));
    }
    let chosen = if named.is_empty() { &all } else { named };
    let selected: Vec<&str> = chosen.iter().flat_map(|name| ["--bench", name.as_str()]).collect();
    // What is built while others run would disturb them.
    run(cargo_bench(repository).arg("--no-run").args(&selected))?;
    let mut header_wanted = true;
    for name in chosen {
        let mut bench = cargo_bench(repository).args(["--quiet", "--bench", name]).stdout(Stdio::piped()).spawn()?;
        let output = bench.stdout.take().context("a bench without an output")?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            let is_header = line.starts_with(HEADER);
            if !is_header || header_wanted {
                println!("{line}");
            }
            header_wanted &= !is_header;
        }
        let status = bench.wait()?;
        ensure!(status.success(), "the bench `{name}` failed: {status}");
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

fn cargo_bench(repository: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["bench", "--package", "probity"]).current_dir(repository);
    cargo
}
