//! The chores of this repository: `cargo xtask help` lists them.

mod bench;
mod bindings;
mod build_probes;
mod component;
mod debian;
mod deny;
mod examples;
mod fuzz;
mod npm;
mod python;
mod record;
mod schema;
mod stable_rustc;
mod test;
mod toolchain;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// The chores of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Builds the standard probes and the quickstart's into components, and records what they are.
    ///
    /// A Rust that has the target wasm32-unknown-unknown is taken from PROBITY_WASM_RUST (a rustc, or a folder with one),
    /// from rustup, or, on Debian, from packages that are unpacked below the target folder.
    BuildProbes {
        /// Build in a folder of their own and compare with the recorded ones, which stay as they are.
        #[arg(long)]
        check: bool,
        /// Put the components into this folder instead of their places in the repository.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Generates the guests' Rust bindings from wit/.
    Bindings {
        /// Compare with the kept ones, which stay as they are.
        #[arg(long)]
        check: bool,
    },
    /// Writes the JSON Schema of the configuration.
    Schema {
        /// Compare with the kept one, which stays as it is.
        #[arg(long)]
        check: bool,
    },
    /// Runs the host's benches one after another, and prints what they find beside their baselines and targets.
    Bench {
        /// Which; all of them unless named.
        names: Vec<String>,
    },
    /// Builds and runs the examples in all languages, after getting their tools, and writes the table of what they cost.
    Examples {
        /// Which; all of them unless named. For some alone, the table is shown and not written.
        names: Vec<String>,
        /// Compare what does not depend on the machine with the kept table, which stays as it is.
        #[arg(long)]
        check: bool,
    },
    /// Holds the dependencies to deny.toml, after getting `cargo deny`.
    Deny,
    /// Runs the standard probes and the runner against what a fuzzer thinks of, after getting `cargo fuzz`.
    Fuzz {
        /// Against which targets; all of them unless named.
        names: Vec<String>,
        /// For how long each.
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
    /// Runs every test there is, after getting what they need.
    Test,
}

fn main() -> Result<()> {
    stable_rustc::run_if_meant()?;
    let arguments = Arguments::parse();
    let repository = repository()?;
    match arguments.chore {
        Chore::BuildProbes { check: false, out } => build_probes::build(repository, out.as_deref()),
        Chore::BuildProbes { check: true, out } => build_probes::check(repository, out.as_deref()),
        Chore::Bindings { check } => bindings::run(repository, check),
        Chore::Examples { names, check } => examples::run_all(repository, &target(repository), &names, check),
        Chore::Schema { check } => schema::write_or_check(repository, &target(repository), check),
        Chore::Bench { names } => bench::bench(repository, &names),
        Chore::Deny => deny::deny(repository, &target(repository)),
        Chore::Fuzz { names, seconds } => fuzz::fuzz(repository, &target(repository), &names, seconds),
        Chore::Test => test::all(repository, &target(repository)),
    }
}

/// Where what is built goes.
fn target(repository: &Path) -> PathBuf {
    repository.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The root of the repository that this was compiled in.
fn repository() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the crate xtask is not where it was: host/xtask")
}
