//! `bindings`: the Rust bindings of the contract, generated from `wit/` and checked in.
//!
//! Checked in because the alternative, a proc macro in every guest, costs two minutes of compiling its own dependencies.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, WithOption};
use wit_parser::{PackageId, Resolve, WorldId, WorldKey};

/// The world whose bindings the guests' SDK holds: it imports all that a runner offers, and what a guest does not call
/// is dropped when it is linked.
const WORLD: &str = "checker-probe";
/// Where the bindings are kept, relative to the repository.
const BINDINGS: &str = "probes/sdk/src/bindings.rs";

/// The other world, which imports the same. Of it only the exports are generated.
const CONNECTOR_WORLD: &str = "connector-probe";
/// Where those are kept.
const CONNECTOR_BINDINGS: &str = "probes/sdk/src/connector_bindings.rs";
/// The module that has the imports of both.
const IMPORTS: &str = "crate::bindings";
/// A macro that both would define, under one name for the whole crate; and another name.
const MACRO_OF_BOTH: [&str; 2] =
    ["__export_probity_probe_manifest_", "__export_beside_connector_probity_probe_manifest_"];

/// The parts of the contract that are drafts, and that the guests' SDK uses all the same.
const FEATURES: [&str; 1] = ["tls"];

/// Writes the bindings; with `check`, compares them with the checked-in ones instead.
pub(crate) fn run(repository: &Path, check: bool) -> Result<()> {
    let contract = Contract::read(&repository.join("wit"))?;
    let connector = contract.generate(CONNECTOR_WORLD, true)?.replace(MACRO_OF_BOTH[0], MACRO_OF_BOTH[1]);
    for (file, generated) in [(BINDINGS, contract.generate(WORLD, false)?), (CONNECTOR_BINDINGS, connector)] {
        let path = repository.join(file);
        if !check {
            fs::write(&path, generated).with_context(|| format!("writing {}", path.display()))?;
            continue;
        }
        let kept = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        ensure!(
            kept == generated,
            "{file} is not what wit/ generates: run `cargo xtask bindings` and commit the result"
        );
    }
    Ok(())
}

/// `wit/`, read.
struct Contract {
    resolve: Resolve,
    package: PackageId,
}

impl Contract {
    fn read(wit: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        resolve.features.extend(FEATURES.map(str::to_owned));
        let (package, _) = resolve.push_dir(wit)?;
        Ok(Self { resolve, package })
    }

    /// The bindings of a world as one formatted Rust module; without its imports if another module has them.
    fn generate(&self, world: &str, imports_elsewhere: bool) -> Result<String> {
        let mut resolve = self.resolve.clone();
        let world = resolve.select_world(&[self.package], Some(world))?;
        let options = Opts {
            format: true,
            generate_all: true,
            // The exports are implemented in the SDK and instantiated in each probe.
            pub_export_macro: true,
            // Tests compare verdicts and problems; a failed stream holds a resource, which can't be compared.
            additional_derive_attributes: vec!["PartialEq".to_owned()],
            additional_derive_ignore: vec!["stream-error".to_owned()],
            with: if imports_elsewhere { imports(&resolve, world) } else { Vec::new() },
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
}

/// The interfaces that a world imports, and where the Rust of each is.
fn imports(resolve: &Resolve, world: WorldId) -> Vec<(String, WithOption)> {
    let keys = resolve.worlds[world].imports.keys();
    keys.filter(|key| matches!(key, WorldKey::Interface(_)))
        .map(|key| {
            let name = resolve.name_world_key(key);
            let unversioned = name.split('@').next().unwrap_or_default();
            let module = unversioned.replace([':', '/'], "::").replace('-', "_");
            (name, WithOption::Path(format!("{IMPORTS}::{module}")))
        })
        .collect()
}
