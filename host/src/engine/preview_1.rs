//! Core modules for WASI preview 1: what compilers make that know no components. One that is a command becomes a component
//! when it is loaded, by the adapter that wasmtime publishes for that.

use std::{borrow::Cow, collections::BTreeSet, sync::LazyLock};

use anyhow::Result;
use sha2::{Digest, Sha256};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW_1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as ADAPTER,
};
use wasm_encoder::{
    ImportSection, Module, RawSection,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{BinaryReaderError, ExternalKind, ImportSectionReader, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{LoadError, bindings::RUN, compiled, shape::Shape};

/// What a command exports: the function that is its program.
const START: &str = "_start";
/// The function of preview 1 by which a program ends itself with an exit code.
const PROC_EXIT: &str = "proc_exit";
/// What takes its place, and what that is in WIT. The adapter would make one code of all that are not 0, and the difference
/// between 1 and 2 is that between degraded and unhealthy.
const EXIT: (&str, &str) = ("wasi:cli/exit@0.2.12", "exit-with-code");
const EXIT_WIT: &str = "package wasi:cli@0.2.12;
    interface exit { exit: func(status: result); exit-with-code: func(status-code: u8); }
    world ends { import exit; }";

/// The functions of preview 1, which are those that the adapter exports.
static FUNCTIONS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let sections = Parser::new(0).parse_all(ADAPTER).filter_map(Result::ok);
    let exports = sections.filter_map(|payload| match payload {
        Payload::ExportSection(exports) => Some(exports),
        _ => None,
    });
    exports.flatten().filter_map(|export| Some(export.ok()?.name)).collect()
});

/// Looks at a core module: whether it is a command that can be adapted.
///
/// # Errors
///
/// The reason why it is none.
pub(super) fn shape(module: &[u8]) -> Result<Shape, LoadError> {
    let invalid = |error: BinaryReaderError| LoadError::Invalid(error.to_string());
    let mut is_command = false;
    let mut missing = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(invalid)? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(invalid)?;
                    if import.module != PREVIEW_1 || !FUNCTIONS.contains(import.name) {
                        missing.push(format!("it wants `{}.{}`", import.module, import.name));
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(invalid)?;
                    is_command |= export.kind == ExternalKind::Func && export.name == START;
                }
            }
            _ => {}
        }
    }
    if !is_command {
        return Err(LoadError::CoreModule);
    }
    if !missing.is_empty() {
        missing.push(format!("and a core module is offered the functions of `{PREVIEW_1}`"));
        return Err(LoadError::NotOffered(missing));
    }
    Ok(Shape { imports: vec![PREVIEW_1.to_owned()], exports: vec![RUN.to_owned()], adapted: true, ..Shape::default() })
}

/// What is compiled of a file: the component that it is, or the one that is made of a core module.
///
/// # Errors
///
/// It is a core module that can't be adapted.
pub(super) fn as_component(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if !Parser::is_core_wasm(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut module = with_exact_exit(bytes)?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("exit.wit", EXIT_WIT)?;
    let world = resolve.select_world(&[package], None)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let component = ComponentEncoder::default().module(&module)?.adapter(PREVIEW_1, ADAPTER)?.encode()?;
    Ok(Cow::Owned(component))
}

/// Under what compiled code of the module with this digest is kept: it is of one adapter.
pub(super) fn key(digest: &str) -> String {
    let adapter = Sha256::digest(ADAPTER);
    compiled::digest(&[digest.as_bytes(), adapter.as_slice()].concat())
}

/// The module, with its exit codes told as they are.
fn with_exact_exit(module: &[u8]) -> Result<Vec<u8>> {
    let mut written = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::ImportSection(section) = payload {
            written.section(&imports(section)?);
        } else if let Some((id, range)) = payload.as_section() {
            written.section(&RawSection { id, data: &module[range] });
        }
    }
    Ok(written.finish())
}

fn imports(section: ImportSectionReader<'_>) -> Result<ImportSection> {
    let mut imports = ImportSection::new();
    for import in section.into_imports() {
        let import = import?;
        let is_exit = (import.module, import.name) == (PREVIEW_1, PROC_EXIT);
        let (module, name) = if is_exit { EXIT } else { (import.module, import.name) };
        imports.import(module, name, RoundtripReencoder.entity_type(import.ty)?);
    }
    Ok(imports)
}
