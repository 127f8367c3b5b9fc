//! From a core module to a component, and what a component asks for.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use probity_compose::ADAPTERS;
use wit_component::{ComponentEncoder, DecodedWasm};

/// A guest as it is shipped.
pub(crate) struct Component {
    pub(crate) name: String,
    /// Where it is kept, relative to the repository.
    pub(crate) kept: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl Component {
    /// Wraps a core module that carries its world with it, as the bindings make it; the result is validated.
    pub(crate) fn of_module(name: String, folder: &Path, module: &[u8]) -> Result<Self> {
        let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
        let bytes = encode().with_context(|| format!("making a component of {name}"))?;
        Ok(Self { kept: file(folder, &name), name, bytes })
    }

    /// Composes a probe with the adapter that it imports.
    pub(crate) fn of_two(name: String, folder: &Path, probe: &Self, adapter: &Self) -> Result<Self> {
        let bytes = probity_compose::compose(&probe.bytes, &adapter.bytes)
            .with_context(|| format!("composing {name} of {} and {}", probe.name, adapter.name))?;
        Ok(Self { kept: file(folder, &name), name, bytes })
    }

    /// Whether it is no probe by itself: an adapter, or what needs one.
    pub(crate) fn is_part(&self) -> Result<bool> {
        let (imports, exports) = self.interfaces()?;
        let is_adapter = |name: &String| ADAPTERS.iter().any(|interface| name.starts_with(interface));
        Ok(imports.iter().chain(&exports).any(is_adapter))
    }

    /// Moves it to a folder within the one that it is kept in.
    pub(crate) fn keep_in(&mut self, folder: &str) {
        let kept = self.kept.parent().unwrap_or(Path::new("")).join(folder);
        self.kept = file(&kept, &self.name);
    }

    /// The interfaces that it imports and those that it exports, each with its package.
    fn interfaces(&self) -> Result<(Vec<String>, Vec<String>)> {
        let DecodedWasm::Component(resolve, world) = wit_component::decode(&self.bytes)? else {
            bail!("{} is a package of WIT and no component", self.name);
        };
        let world = &resolve.worlds[world];
        let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
        let exports = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
        Ok((imports, exports))
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.wasm"))
}

/// A table of components: name, size, imports, exports.
pub(crate) fn table(components: &[Component]) -> Result<String> {
    let mut table = String::new();
    for component in components {
        let (imports, exports) = component.interfaces()?;
        writeln!(table, "{:<10} {:>8} bytes", component.name, component.bytes.len())?;
        for import in imports {
            writeln!(table, "           imports {import}")?;
        }
        for export in exports {
            writeln!(table, "           exports {export}")?;
        }
    }
    Ok(table)
}
