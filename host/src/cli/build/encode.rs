//! From a core module to a component that says what it is.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context, Result, bail};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW_1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasm_encoder::{ComponentSection as _, CustomSection, Encode as _};
use wasm_metadata::{AddMetadata, AddMetadataField};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{parts::World, project::Project};

/// The custom section with the version of a component, as tools for registries read it.
const VERSION: &str = "version";
/// The one with what it was made of, likewise.
const REVISION: &str = "revision";

/// Makes a component of a core module that carries its world with it, as generated bindings make it.
///
/// # Errors
/// If the module is not as its world has it.
pub(super) fn component_of(module: &[u8]) -> Result<Vec<u8>> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().context("what was compiled does not make a component")
}

/// Makes a component of a core module that implements a world.
///
/// # Errors
/// If the WIT is not valid, or the module is not as the world has it.
pub(super) fn with_world(module: &[u8], world: &World) -> Result<Vec<u8>> {
    component_of(&in_world(module, world)?)
}

/// The same, of a module that takes its run-time from WASI preview 1.
///
/// # Errors
/// Likewise.
pub(super) fn adapted(module: &[u8], world: &World) -> Result<Vec<u8>> {
    let module = in_world(module, world)?;
    let encode = || ComponentEncoder::default().validate(true).module(&module)?.adapter(PREVIEW_1, ADAPTER)?.encode();
    encode().context("what was compiled does not make a component")
}

/// A module that says which world it implements.
fn in_world(module: &[u8], world: &World) -> Result<Vec<u8>> {
    let (resolve, world) = world.read()?;
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(module)
}

/// Reads a folder of WIT.
///
/// # Errors
/// If it is not valid; the message names file and line.
pub(super) fn read(wit: &Path) -> Result<(Resolve, wit_parser::PackageId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).with_context(|| format!("reading {}", wit.display()))?;
    Ok((resolve, package))
}

/// Adds to a component what it is called, its version, the digest of its sources, and what it was made with.
///
/// # Errors
/// If it is no component.
pub(super) fn with_metadata(component: &[u8], project: &Project, digest: &str) -> Result<Vec<u8>> {
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(project.name.clone());
    metadata.language = vec![(project.language.title().to_owned(), String::new())];
    metadata.processed_by = vec![("probity build".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let mut component = metadata.to_wasm(component)?;
    for (name, text) in [(VERSION, project.version.clone()), (REVISION, format!("sha256:{digest}"))] {
        let section = CustomSection { name: name.into(), data: text.as_bytes().into() };
        component.push(section.id());
        section.encode(&mut component);
    }
    Ok(component)
}

/// What a person wants to know of a component that was built: where it is, how large, and what it imports.
///
/// # Errors
/// If it is no component.
pub(super) fn summary(file: &Path, component: &[u8]) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "built    {}", file.display())?;
    writeln!(text, "size     {} bytes", component.len())?;
    if wasmparser::Parser::is_core_wasm(component) {
        writeln!(text, "imports  {PREVIEW_1}: a program, which the runner makes a component of")?;
        return Ok(text);
    }
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        bail!("what was built is a package of WIT and no component");
    };
    for (at, import) in resolve.worlds[world].imports.keys().enumerate() {
        let title = if at == 0 { "imports" } else { "" };
        writeln!(text, "{title:<8} {}", resolve.name_world_key(import))?;
    }
    Ok(text)
}
