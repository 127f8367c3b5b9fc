//! AssemblyScript: its compiler knows nothing of components, and its functions have the names of functions.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use wasm_encoder::{
    ExportSection, Module,
    reencode::{self, Reencode},
};
use wasmparser::{Export, ExternalKind, Parser};
use wit_parser::{WorldItem, WorldKey};

use super::{Job, built, parts::World, run, tools::Tool};

/// Compiles `probe.ts` to a core module whose functions are called as the world has them: `checker_check` is `check` of the interface
/// `checker`.
///
/// # Errors
/// If it does not compile, or the compiler is missing.
pub(super) fn module(job: &Job<'_>, world: &World) -> Result<Vec<u8>> {
    let core = job.target.join("probe.core.wasm");
    let mut compile = job.tools.command(Tool::AssemblyScript)?;
    // Whatever is allocated lives for one run. What goes wrong is a trap, and nobody is told where.
    compile.args(["probe.ts", "--runtime", "stub", "--use", "abort=", "-Oz", "--converge", "--outFile"]).arg(&core);
    run(compile.current_dir(job.folder))?;
    let mut renamed = Module::new();
    Renamed(names(world)?)
        .parse_core_module(&mut renamed, Parser::new(0), &built(&core)?)
        .context("reading what asc made")?;
    Ok(renamed.finish())
}

/// What the functions of the world's interfaces are called here, and there.
fn names(world: &World) -> Result<BTreeMap<String, String>> {
    let (resolve, world) = world.read()?;
    let mut names = BTreeMap::new();
    for (key, item) in &resolve.worlds[world].exports {
        let (WorldKey::Interface(id), WorldItem::Interface { .. }) = (key, item) else { continue };
        let (interface, full) = (&resolve.interfaces[*id], resolve.name_world_key(key));
        let Some(short) = &interface.name else { continue };
        for function in interface.functions.keys() {
            names.insert(format!("{short}_{function}").replace('-', "_"), format!("{full}#{function}"));
        }
    }
    Ok(names)
}

/// A module, with some of its exports renamed.
struct Renamed(BTreeMap<String, String>);

impl Reencode for Renamed {
    type Error = std::convert::Infallible;

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: Export<'_>,
    ) -> Result<(), reencode::Error<Self::Error>> {
        let known = self.0.get(export.name).filter(|_| export.kind == ExternalKind::Func);
        let name = known.map_or(export.name, String::as_str).to_owned();
        exports.export(&name, self.export_kind(export.kind)?, self.external_index(export.kind, export.index)?);
        Ok(())
    }
}
