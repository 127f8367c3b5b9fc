//! A rustc whose output does not depend on where the repository lies.
//!
//! Cargo gives every crate a number that goes into its symbols, and with that into the order of what is linked. For a crate
//! outside the workspace that is built, as the guests' SDK is for the quickstart's probe, the number is drawn from its
//! absolute path. So cargo is made to run this program in rustc's place, which puts name and version there instead.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::Path,
    process::{self, Command},
};

use anyhow::{Context, Result, bail};

/// Set for the cargo that is to run this program as its rustc; names the repository, whose crates are concerned.
const VARIABLE: &str = "PROBITY_XTASK_STABLE_RUSTC";

/// Makes `cargo` use this program in rustc's place.
pub(crate) fn set_for(cargo: &mut Command, repository: &Path) -> Result<()> {
    let this = env::current_exe().context("finding this program")?;
    cargo.env("RUSTC_WRAPPER", this).env(VARIABLE, repository);
    Ok(())
}

/// Does rustc's part if cargo runs this program for that, and does not return then.
pub(crate) fn run_if_meant() -> Result<()> {
    let Some(repository) = env::var_os(VARIABLE) else {
        return Ok(());
    };
    let mut arguments = env::args_os().skip(1);
    let Some(rustc) = arguments.next() else {
        bail!("cargo did not say which rustc to run");
    };
    let of_repository =
        env::var_os("CARGO_MANIFEST_DIR").is_some_and(|folder| Path::new(&folder).starts_with(repository));
    let arguments: Vec<_> = if of_repository {
        let (name, version) = (env::var("CARGO_PKG_NAME")?, env::var("CARGO_PKG_VERSION")?);
        let stable = OsString::from(format!("metadata={name}-{version}"));
        arguments.map(|argument| if is_metadata(&argument) { stable.clone() } else { argument }).collect()
    } else {
        arguments.collect()
    };
    let status =
        Command::new(&rustc).args(arguments).status().with_context(|| format!("running {}", rustc.display()))?;
    // Killed by a signal, it has no code.
    process::exit(status.code().unwrap_or(1));
}

/// Whether this is what follows `-C` and gives a crate its number.
fn is_metadata(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().starts_with(b"metadata=")
}
