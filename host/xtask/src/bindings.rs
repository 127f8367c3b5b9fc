//! `bindings`: the contract in Rust and in Go, generated from `wit/` and checked in.
//!
//! Checked in because the alternatives are a proc macro in every guest, which costs two minutes of compiling its own dependencies, and
//! a tool that every author of a probe needs.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, WithOption};
use wit_parser::{PackageId, Resolve, WorldKey};

/// The world whose bindings the guests' SDK builds on: it imports all that a runner offers, and what a guest does not call
/// is dropped when it is linked.
const WORLD: &str = "checker-probe";
/// Where the bindings are kept, relative to the repository.
const BINDINGS: &str = "probes/sdk/src/bindings.rs";
/// The module that they are, and that has the imports of the other worlds as well.
const IMPORTS: &str = "crate::bindings";

/// What is generated of another world.
#[derive(Clone, Copy)]
enum Part {
    /// What it exports: its imports are those of the first.
    Exports,
    /// What it imports beyond the first: its exports are those of others.
    Imports,
}

/// The other worlds, and where their bindings are kept.
const MORE: [(&str, Part, &str); 8] = [
    ("connector-probe", Part::Exports, "probes/sdk/src/more_bindings/connector.rs"),
    ("database-adapter", Part::Exports, "probes/sdk/src/more_bindings/database_adapter.rs"),
    ("database-probe", Part::Imports, "probes/sdk/src/more_bindings/database_probe.rs"),
    ("dht-adapter", Part::Exports, "probes/sdk/src/more_bindings/dht_adapter.rs"),
    ("dht-probe", Part::Imports, "probes/sdk/src/more_bindings/dht_probe.rs"),
    ("hook", Part::Exports, "probes/sdk/src/more_bindings/hook.rs"),
    ("pubsub-adapter", Part::Exports, "probes/sdk/src/more_bindings/pubsub_adapter.rs"),
    ("pubsub-probe", Part::Imports, "probes/sdk/src/more_bindings/pubsub_probe.rs"),
];
/// The example by WASI 0.3: its own world, and where the bindings of that are kept.
const EXAMPLE: (&str, &str) = ("examples/rust-async/world", "examples/rust-async/src/bindings.rs");
/// What that world is called.
const EXAMPLE_WORLD: &str = "probe";
/// What that world builds on, within `wit/`.
const EXPERIMENTAL: &str = "experimental";
/// Where those in Go are kept, and what the module there is called.
const GO: (&str, &str) = ("sdk/go/wit", "probity/guest/wit");
/// The world with an open connection, and no more than that, of which Go has what it exports beyond the first; and where that is exported
/// from, in place of where the first is: what is exported is part of whatever imports it.
const GO_CONNECTOR: &str = "bare-connector-probe";
const GO_EXPORTS: (&str, &str) = ("wit_exports/", "wit_connector_exports/");
/// The packages of a module in a registry that they are made for, and those that have them here, so that nothing has to be fetched.
const GO_PACKAGES: [(&str, &str); 2] = [
    ("go.bytecodealliance.org/pkg/wit/runtime", "probity/guest/wit/witruntime"),
    ("go.bytecodealliance.org/pkg/wit/types", "probity/guest/wit/wittypes"),
];
/// What the macros begin with that export an interface. A crate can't have two of one name, and some interfaces are exported by
/// several worlds.
const EXPORT_MACRO: &str = "__export_probity_probe_";

/// The parts of the contract that are drafts, and that the guests' SDK uses all the same.
const FEATURES: [&str; 1] = ["tls"];

/// Writes the bindings; with `check`, compares them with the checked-in ones instead.
pub(crate) fn run(repository: &Path, check: bool) -> Result<()> {
    let contract = Contract::read(&repository.join("wit"))?;
    let mut all = vec![(BINDINGS.to_owned(), contract.generate(WORLD, None)?)];
    for (world, part, file) in MORE {
        let own = format!("__export_{}_probity_probe_", world.replace('-', "_"));
        all.push((file.to_owned(), contract.generate(world, Some(part))?.replace(EXPORT_MACRO, &own)));
    }
    all.push((EXAMPLE.1.to_owned(), contract.with(repository, EXAMPLE.0)?.generate(EXAMPLE_WORLD, None)?));
    let go = contract.generate_go(WORLD)?;
    for (name, source) in contract.generate_go(GO_CONNECTOR)? {
        if name.contains(GO_EXPORTS.0) {
            all.push((name.replace(GO_EXPORTS.0, GO_EXPORTS.1), source));
        } else if !go.iter().any(|(known, _)| *known == name) {
            all.push((name, source));
        }
    }
    all.extend(go);
    for (file, generated) in all {
        let path = repository.join(&file);
        if !check {
            fs::create_dir_all(path.parent().unwrap_or(repository))?;
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

    /// The same, with the experiments and a folder of somebody's own, whose worlds are meant from now on.
    fn with(&self, repository: &Path, folder: &str) -> Result<Self> {
        let mut resolve = self.resolve.clone();
        resolve.push_dir(repository.join("wit").join(EXPERIMENTAL))?;
        let (package, _) = resolve.push_dir(repository.join(folder))?;
        Ok(Self { resolve, package })
    }

    /// The bindings of a world, or of a part of it, as one formatted Rust module.
    fn generate(&self, world: &str, part: Option<Part>) -> Result<String> {
        let mut resolve = self.resolve.clone();
        let world = resolve.select_world(&[self.package], Some(world))?;
        if let Some(Part::Imports) = part {
            resolve.worlds[world].exports.clear();
        }
        let options = Opts {
            format: true,
            generate_all: true,
            // The exports are implemented in the SDK and instantiated in each probe.
            pub_export_macro: true,
            // Tests compare verdicts and problems; a failed stream holds a resource, which can't be compared.
            additional_derive_attributes: vec!["PartialEq".to_owned()],
            additional_derive_ignore: vec!["stream-error".to_owned()],
            with: if part.is_some() { self.imports()? } else { Vec::new() },
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

    /// The bindings of a world in Go: the path of each file, and what is in it.
    fn generate_go(&self, world: &str) -> Result<Vec<(String, String)>> {
        let mut resolve = self.resolve.clone();
        let world = resolve.select_world(&[self.package], Some(world))?;
        let options = wit_bindgen_go::Opts {
            // What comes out must not depend on which tools are here.
            format: wit_bindgen_go::Format::False,
            pkg_name: Some(GO.1.to_owned()),
            ..Default::default()
        };
        let mut files = Files::default();
        options.build().generate(&mut resolve, world, &mut files)?;
        files
            .iter()
            .map(|(name, source)| {
                let source = std::str::from_utf8(source).context("the generated bindings are not text")?.to_owned();
                let source = GO_PACKAGES.iter().fold(source, |source, (theirs, ours)| source.replace(theirs, ours));
                Ok((format!("{}/{name}", GO.0), source))
            })
            .collect()
    }

    /// The interfaces that the first world imports, and where the Rust of each is.
    fn imports(&self) -> Result<Vec<(String, WithOption)>> {
        let world = self.resolve.select_world(&[self.package], Some(WORLD))?;
        let keys = self.resolve.worlds[world].imports.keys();
        let interfaces = keys.filter(|key| matches!(key, WorldKey::Interface(_)));
        Ok(interfaces
            .map(|key| {
                let name = self.resolve.name_world_key(key);
                let unversioned = name.split('@').next().unwrap_or_default();
                let module = unversioned.replace([':', '/'], "::").replace('-', "_");
                (name, WithOption::Path(format!("{IMPORTS}::{module}")))
            })
            .collect())
    }
}
