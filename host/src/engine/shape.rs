//! What can be told of a file without compiling it: whether it is a component of ours, or becomes one, and in need only of what
//! there is.

use wasmparser::{BinaryReaderError, ComponentExternalKind, Parser, Payload};
use wasmtime::component::Component;

use super::{
    LoadError,
    bindings::{CALLED_BY, LISTENER, OFFERED, OFFERED_0_3, RUN},
    features, preview_1,
};
use crate::experiments::Experiments;

/// What can be told of a component without compiling it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The full names of its imports.
    pub imports: Vec<String>,
    /// The full names of its exports.
    pub exports: Vec<String>,
    /// Whether it is a core module for WASI preview 1, and becomes a component when it is loaded.
    pub adapted: bool,
    /// What it takes of what is tried out.
    pub experiments: Experiments,
}

impl Shape {
    /// Whether it exports an interface of this full name.
    pub(super) fn has(&self, export: &str) -> bool {
        self.exports.iter().any(|name| name == export)
    }

    /// The export by which it is called, with its version. One that has several is called as the one that can do more; one that is a
    /// probe and a hook, as a probe.
    #[must_use]
    pub fn world(&self) -> &str {
        let known = CALLED_BY.into_iter().chain([LISTENER]).find(|known| self.has(known));
        known.or(self.exports.first().map(String::as_str)).unwrap_or_default()
    }

    /// Whether it is a command, of whichever version that fits.
    fn is_command(&self) -> bool {
        self.exports.iter().any(|name| fits(name, RUN))
    }

    /// The shape of a component that is compiled.
    pub(super) fn of(component: &Component, adapted: bool) -> Shape {
        let (engine, ty) = (component.engine(), component.component_type());
        Shape {
            imports: ty.imports(engine).map(|(name, _)| name.to_owned()).collect(),
            exports: ty.exports(engine).map(|(name, _)| name.to_owned()).collect(),
            adapted,
            experiments: Experiments::default(),
        }
    }
}

/// Looks at a file's bytes: whether they are a component, or a core module that becomes one, whole, of our contract or a
/// command, and in need only of what there is.
///
/// # Errors
///
/// The first reason why this can't be a probe.
pub fn examine(bytes: &[u8], limit: u64) -> Result<Shape, LoadError> {
    examine_as(Purpose::Probe, bytes, limit)
}

/// What a component is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Something that examines a target.
    Probe,
    /// Something that is told of trouble.
    Hook,
}

/// As [`examine`], for a component that is to be this.
pub(super) fn examine_as(purpose: Purpose, bytes: &[u8], limit: u64) -> Result<Shape, LoadError> {
    let size = bytes.len() as u64;
    if size > limit {
        return Err(LoadError::TooLarge { size, limit });
    }
    if !bytes.starts_with(b"\0asm") {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(16)]).escape_debug().to_string();
        let start = if start.is_empty() { "nothing at all".into() } else { format!("`{start}`") };
        return Err(LoadError::NotWasm(start));
    }
    let is_module = Parser::is_core_wasm(bytes);
    if is_module && purpose == Purpose::Hook {
        return Err(LoadError::NotAHook { found: "nothing, as it is a core module".into() });
    }
    let mut shape = if is_module { preview_1::shape(bytes)? } else { read_shape(bytes)? };
    shape.experiments.wasi_0_3 =
        features::validate(bytes)? || shape.imports.iter().any(|name| fits_any(name, &OFFERED_0_3));
    if is_module {
        return Ok(shape);
    }
    if let Some(adapter) = shape.imports.iter().find(|name| is_adapter(name)) {
        return Err(LoadError::NeedsAdapter(adapter.clone()));
    }
    let is_hook = shape.has(LISTENER);
    let is_probe = CALLED_BY.iter().any(|known| shape.has(known)) || shape.is_command();
    match purpose {
        Purpose::Hook if !is_hook => {
            let found = if shape.exports.is_empty() { "nothing".into() } else { quoted(&shape.exports) };
            return Err(LoadError::NotAHook { found });
        }
        Purpose::Probe if is_hook && !is_probe => return Err(LoadError::Hook),
        _ => {}
    }
    if purpose == Purpose::Probe && !is_probe {
        if let Some(adapter) = shape.exports.iter().find(|name| is_adapter(name)) {
            return Err(LoadError::Adapter(adapter.clone()));
        }
        let of_another_version =
            |export: &&String| CALLED_BY.iter().any(|known| known.split('@').next() == export.split('@').next());
        if let Some(wanted) = shape.exports.iter().find(of_another_version) {
            let offered = quoted(&CALLED_BY.map(str::to_owned));
            return Err(LoadError::Version { wanted: wanted.clone(), offered });
        }
        return Err(LoadError::NotAProbe {
            found: if shape.exports.is_empty() { "nothing".into() } else { quoted(&shape.exports) },
        });
    }
    let missing: Vec<String> = shape.imports.iter().filter_map(|wanted| why_not_offered(wanted)).collect();
    if missing.is_empty() { Ok(shape) } else { Err(LoadError::NotOffered(missing)) }
}

fn read_shape(bytes: &[u8]) -> Result<Shape, LoadError> {
    let invalid = |error: BinaryReaderError| LoadError::Invalid(error.to_string());
    let mut shape = Shape::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    shape.imports.push(import.map_err(invalid)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(invalid)?;
                    if export.kind == ComponentExternalKind::Instance || export.kind == ComponentExternalKind::Func {
                        shape.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}

/// Whether an interface is one of those that a component serves another.
fn is_adapter(name: &str) -> bool {
    probity_compose::ADAPTERS.iter().any(|adapter| name.split('@').next() == Some(adapter))
}

/// Why an import can't be served, if it can't.
fn why_not_offered(wanted: &str) -> Option<String> {
    let (interface, version) = wanted.split_once('@').unwrap_or((wanted, ""));
    let of_this = offered().filter_map(|offered| offered.split_once('@').filter(|(name, _)| *name == interface));
    let versions: Vec<&str> = of_this.map(|(_, version)| version).collect();
    match versions[..] {
        [..] if versions.iter().any(|have| series(have) == series(version)) => None,
        [_, ..] => {
            let offered: Vec<String> = versions.iter().map(|version| format!("{interface}@{version}")).collect();
            Some(format!("it wants `{wanted}`, and there is {}", quoted(&offered)))
        }
        [] => {
            let package = interface.split_once('/').map_or(interface, |(package, _)| package);
            let same_package =
                |offered: &&str| offered.starts_with(package) && offered[package.len()..].starts_with('/');
            let others: Vec<String> = offered().filter(same_package).map(str::to_owned).collect();
            Some(if others.is_empty() {
                format!("it wants `{wanted}`, and there is nothing of `{package}`")
            } else {
                format!("it wants `{wanted}`, and of `{package}` there is {}", quoted(&others))
            })
        }
    }
}

/// All that there is here, the experimental last.
fn offered() -> impl Iterator<Item = &'static str> {
    OFFERED.into_iter().chain(OFFERED_0_3)
}

/// Whether a name is of the same interface as one of these, in a version that fits.
fn fits_any(name: &str, others: &[&str]) -> bool {
    others.iter().any(|other| fits(name, other))
}

/// Whether a name is of the same interface as another, in a version that fits.
fn fits(name: &str, other: &str) -> bool {
    match (name.split_once('@'), other.split_once('@')) {
        (Some((name, version)), Some((other, wanted))) => name == other && series(version) == series(wanted),
        _ => false,
    }
}

/// The part of a version that must be equal for two interfaces to fit: Semantic Versioning, with 0.x and 0.0.x series.
fn series(version: &str) -> (&str, Option<&str>, Option<&str>) {
    let release = version.split(['-', '+']).next().unwrap_or(version);
    let mut parts = release.split('.');
    match (parts.next().unwrap_or(""), parts.next(), parts.next()) {
        ("0", Some("0"), patch) => ("0", Some("0"), patch),
        ("0", minor, _) => ("0", minor, None),
        (major, ..) => (major, None, None),
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
