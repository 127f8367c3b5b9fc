//! The parts of an SDK that a probe uses beside the first: what they import is added to its world when it is built, so that an author
//! need not know interfaces by name, and a component imports nothing that its source has no use for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use wit_parser::{Resolve, WorldId};

use super::{
    contract, encode,
    language::{Kind, Language},
    sources::{self, Sources},
};
use crate::cli::sdk;

/// What a source in C or C++ includes that is made with the library.
pub(super) const HEADER: &str = "\"probity.h\"";
/// What a connector exports.
const CONNECTOR: &str = "probity:probe/connector@";
/// The world with all of it, and the file that it is in, beside the probe's own.
const WORLD: &str = "probe-with-sdk";
const FILE: &str = "probe-with-sdk.wit";

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Udp,
    Tls,
    Http,
}

impl Part {
    const ALL: [Part; 3] = [Part::Udp, Part::Tls, Part::Http];

    /// What it is called, which is what its module is.
    fn name(self) -> &'static str {
        match self {
            Part::Udp => "udp",
            Part::Tls => "tls",
            Part::Http => "http",
        }
    }

    /// The interface that it imports.
    fn import(self) -> &'static str {
        match self {
            Part::Udp => "wasi:sockets/udp-create-socket@0.2.12",
            Part::Tls => "wasi:tls/types@0.2.0-draft",
            Part::Http => "wasi:http/outgoing-handler@0.2.12",
        }
    }

    /// Whether a source names its module.
    fn is_named(self, language: Language, source: &str) -> bool {
        let name = self.name();
        match language {
            Language::Js | Language::Ts => source.contains(&format!("{}/{name}.js", sdk::FOLDER)),
            Language::Python => {
                let imports = |line: &str| {
                    let names = line.trim_start().strip_prefix("from probity import ");
                    names.is_some_and(|names| names.split([',', ' ']).any(|word| word == name))
                };
                source.contains(&format!("probity.{name}")) || source.lines().any(imports)
            }
            _ => false,
        }
    }
}

/// What a probe is built for: a world, and the folder of WIT that it is in.
pub(super) struct World {
    pub(super) wit: PathBuf,
    pub(super) name: String,
    /// What it exports beside the manifest.
    pub(super) kind: Kind,
    /// Whether more is imported than the probe's own WIT says.
    pub(super) is_extended: bool,
}

impl World {
    /// Reads it.
    ///
    /// # Errors
    /// If it is not valid; the message names file and line.
    pub(super) fn read(&self) -> Result<(Resolve, WorldId)> {
        let (resolve, package) = encode::read(&self.wit)?;
        let world = resolve.select_world(&[package], Some(&self.name));
        Ok((resolve, world.with_context(|| format!("reading {}", self.wit.display()))?))
    }

    /// That of the probe in `folder`, with what the parts import that it uses.
    ///
    /// # Errors
    /// If its WIT is not as it should be, or can't be laid out.
    pub(super) fn of(folder: &Path, target: &Path, language: Language, kind: Kind) -> Result<World> {
        let wit = contract::lay_out(folder, target, kind)?;
        let (resolve, package) = encode::read(&wit)?;
        let world = resolve.select_world(&[package], None).with_context(|| format!("reading {}", wit.display()))?;
        let name = resolve.worlds[world].name.clone();
        let mut exports = resolve.worlds[world].exports.keys().map(|export| resolve.name_world_key(export));
        let kind = if exports.any(|export| export.starts_with(CONNECTOR)) { Kind::Connector } else { Kind::Checker };
        let parts = used(folder, target, language);
        if parts.is_empty() {
            return Ok(World { wit, name, kind, is_extended: false });
        }
        let imports: String = parts.iter().map(|part| format!("    import {};\n", part.import())).collect();
        let extended = target.join("wit-with-sdk");
        sources::stage(&wit, target, &[".wit"], &extended)?;
        let file = extended.join(FILE);
        fs::write(&file, format!("world {WORLD} {{\n    include {name};\n{imports}}}\n"))
            .with_context(|| format!("can't write {}", file.display()))?;
        Ok(World { wit: extended, name: WORLD.to_owned(), kind, is_extended: true })
    }
}

/// The parts that the sources in a folder use. What is compiled and linked drops what it does not call by itself.
fn used(folder: &Path, target: &Path, language: Language) -> Vec<Part> {
    let sdk = folder.join(sdk::FOLDER);
    let sources = Sources::look(folder, target).code.into_keys().filter(|path| !path.starts_with(&sdk));
    // What is no text is no source.
    let texts: Vec<String> = sources.filter_map(|path| fs::read_to_string(path).ok()).collect();
    let is_used = |part: &Part| match language {
        Language::Go => true,
        Language::C | Language::Cpp => texts.iter().any(|text| text.contains(HEADER)),
        language => texts.iter().any(|text| part.is_named(language, text)),
    };
    Part::ALL.into_iter().filter(is_used).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_used_where_its_module_is_named() {
        for (language, file, source, wanted) in [
            (Language::Js, "probe.js", "import { fetch } from \"./sdk/http.js\";", &["http"][..]),
            (Language::Js, "probe.js", "import { connect } from \"./sdk/index.js\";", &[]),
            (Language::Ts, "lib/more.ts", "import * as tls from '../sdk/tls.js';", &["tls"]),
            (Language::Python, "probe.py", "from probity.udp import connect\nimport probity.http", &["udp", "http"]),
            (Language::Python, "probe.py", "from probity import checker, tls", &["tls"]),
            (Language::Python, "probe.py", "from probity import checker, connect", &[]),
            (Language::C, "probe.c", "#include \"probity.h\"", &["udp", "tls", "http"]),
            (Language::C, "probe.c", "#include \"probe.h\"", &[]),
            (Language::Go, "probe.go", "package main", &["udp", "tls", "http"]),
            (Language::Wat, "probe.wat", "probity.udp", &[]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for (file, text) in [(file, source), ("sdk/index.js", "sdk/udp.js"), ("sdk/probity/tls.py", "probity.tls")]
            {
                let path = folder.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let found = used(folder.path(), &folder.path().join("target"), language);
            assert_eq!(found.iter().map(|part| part.name()).collect::<Vec<_>>(), wanted, "{language} {source}");
        }
    }

    #[test]
    fn the_world_is_the_probes_own_and_what_the_parts_import() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::create_dir_all(&target).unwrap();
        fs::write(folder.path().join("probe.c"), "#include \"probity.h\"").unwrap();
        for kind in [Kind::Checker, Kind::Connector] {
            let world = World::of(folder.path(), &target, Language::C, kind).unwrap();
            assert_eq!(world.kind, kind);
            let (resolve, id) = world.read().unwrap();
            let names = |keys: Vec<&wit_parser::WorldKey>| -> Vec<String> {
                keys.into_iter().map(|key| resolve.name_world_key(key)).collect()
            };
            let imports = names(resolve.worlds[id].imports.keys().collect());
            for part in Part::ALL {
                assert!(imports.iter().any(|import| import == part.import()), "{imports:?}");
            }
            let exports = names(resolve.worlds[id].exports.keys().collect());
            assert!(exports.contains(&format!("probity:probe/{kind}@0.1.0")), "{exports:?}");
        }
    }
}
