//! From a core module to a component that says what it is.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context, Result, bail};
use wasm_encoder::{ComponentSection as _, CustomSection, Encode as _};
use wasm_metadata::{AddMetadata, AddMetadataField};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::project::Project;

/// The custom section with the version of a component, as tools for registries read it.
const VERSION: &str = "version";

/// Makes a component of a core module that carries its world with it, as generated bindings make it.
///
/// # Errors
/// If the module is not as its world has it.
pub(super) fn component_of(module: &[u8]) -> Result<Vec<u8>> {
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().context("what was compiled does not make a component")
}

/// Makes a component of a core module that implements the one world in `wit`.
///
/// # Errors
/// If the WIT is not valid, has several worlds, or the module is not as the world has it.
pub(super) fn with_world(module: &[u8], wit: &Path) -> Result<Vec<u8>> {
    let (resolve, package) = read(wit)?;
    let world = resolve.select_world(&[package], None).with_context(|| format!("reading {}", wit.display()))?;
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    component_of(&module)
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

/// Adds to a component what it is called, its version, and what it was made with.
///
/// # Errors
/// If it is no component.
pub(super) fn with_metadata(component: &[u8], project: &Project) -> Result<Vec<u8>> {
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(project.name.clone());
    metadata.language = vec![(project.language.title().to_owned(), String::new())];
    metadata.processed_by = vec![("probity build".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let mut component = metadata.to_wasm(component)?;
    let version = CustomSection { name: VERSION.into(), data: project.version.as_bytes().into() };
    component.push(version.id());
    version.encode(&mut component);
    Ok(component)
}

/// What a person wants to know of a component that was built: where it is, how large, and what it imports.
///
/// # Errors
/// If it is no component.
pub(super) fn summary(file: &Path, component: &[u8]) -> Result<String> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        bail!("what was built is a package of WIT and no component");
    };
    let mut text = String::new();
    writeln!(text, "built    {}", file.display())?;
    writeln!(text, "size     {} bytes", component.len())?;
    for (at, import) in resolve.worlds[world].imports.keys().enumerate() {
        let title = if at == 0 { "imports" } else { "" };
        writeln!(text, "{title:<8} {}", resolve.name_world_key(import))?;
    }
    Ok(text)
}
