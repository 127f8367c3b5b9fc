//! `bindings`: the Rust bindings of the contract, generated from `wit/` and checked in.
//!
//! Checked in because the alternative, a proc macro in every guest, costs two minutes of compiling its own dependencies.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::Opts;
use wit_parser::Resolve;

/// The world whose bindings the guests' SDK holds: it imports all that a runner offers, and what a guest does not call
/// is dropped when it is linked.
const WORLD: &str = "checker-probe";

/// Where the bindings are kept, relative to the repository.
const BINDINGS: &str = "probes/sdk/src/bindings.rs";

/// Writes the bindings; with `check`, compares them with the checked-in ones instead.
pub(crate) fn run(repository: &Path, check: bool) -> Result<()> {
    let path = repository.join(BINDINGS);
    let generated = generate(&repository.join("wit"))?;
    if !check {
        return fs::write(&path, generated).with_context(|| format!("writing {}", path.display()));
    }
    let kept = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    ensure!(
        kept == generated,
        "{BINDINGS} is not what wit/ generates: run `cargo xtask bindings` and commit the result"
    );
    Ok(())
}

/// The bindings as one formatted Rust module.
fn generate(wit: &Path) -> Result<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;

    let options = Opts {
        format: true,
        generate_all: true,
        // The exports are implemented in the SDK and instantiated in each probe.
        pub_export_macro: true,
        // Tests compare verdicts and problems; a failed stream holds a resource, which can't be compared.
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        additional_derive_ignore: vec!["stream-error".to_owned()],
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;

    let mut files = files.iter();
    let (Some((_, source)), None) = (files.next(), files.next()) else {
        bail!("the generator gave more or fewer files than one");
    };
    let source = std::str::from_utf8(source).context("the generated bindings are not text")?;
    Ok(source.to_owned())
}
