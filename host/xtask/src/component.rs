//! From a core module to a component, and what a component asks for.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::{Context, Result, bail};
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
    pub(crate) fn of_module(name: String, kept: PathBuf, module: &[u8]) -> Result<Self> {
        let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
        let bytes = encode().with_context(|| format!("making a component of {name}"))?;
        Ok(Self { name, kept, bytes })
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
