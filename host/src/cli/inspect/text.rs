//! A component, for people.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use probity_core::outcome::Usage;

use super::{Inspected, Origin, Trial};
use crate::{engine::Manifest, trust::Signed};

/// Writes all that is known of it.
pub(super) fn write(inspected: &Inspected) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let prepared = &inspected.prepared;
    let experiments: Vec<_> =
        prepared.shape.experiments.words().map(|word| format!("experimental = [\"{word}\"]")).collect();
    writeln!(text, "digest   sha256:{}", prepared.digest)?;
    writeln!(text, "size     {} bytes", prepared.size)?;
    writeln!(text, "world    {}", inspected.prepared.shape.world())?;
    list(&mut text, "needs", &experiments)?;
    write_origin(&mut text, inspected)?;
    list(&mut text, "made by", &makers(inspected))?;
    list(&mut text, "exports", &prepared.shape.exports)?;
    list(&mut text, "imports", &prepared.shape.imports)?;
    let asked: Vec<_> = inspected.asked().map(str::to_owned).collect();
    if asked.is_empty() {
        writeln!(text, "asks for nothing that takes a grant")?;
    }
    list(&mut text, "asks for", &asked)?;
    match &inspected.trial {
        Trial::Judged(Usage { fuel, peak_memory }) => {
            writeln!(text, "a run    {fuel} units of fuel, {peak_memory} bytes of memory (without settings)")?;
        }
        Trial::Stopped(Usage { fuel, peak_memory }) => {
            writeln!(text, "a run    at least {fuel} units of fuel, {peak_memory} bytes of memory (without grants)")?;
        }
        Trial::Unknown(why) => writeln!(text, "a run    unknown, as without settings it comes to {why}")?,
        Trial::Hook => writeln!(text, "a run    none: it is a hook, which is told of trouble")?,
    }
    match &prepared.manifest {
        None if prepared.is_hook() => writeln!(text, "manifest none")?,
        None => writeln!(text, "manifest none: a check with it must say all by itself")?,
        Some(manifest) => write_manifest(&mut text, manifest)?,
    }
    Ok(text)
}

fn write_origin(text: &mut String, inspected: &Inspected) -> fmt::Result {
    match &inspected.origin {
        Origin::Standard => writeln!(text, "signed   no need: it is part of this program")?,
        Origin::Unsigned => writeln!(text, "signed   by nobody")?,
        Origin::Signed(Signed { by, comment }) => {
            writeln!(text, "signed   by the key {by}, it says; `probity verify` says whether that is true")?;
            writeln!(text, "         {}", comment.replace('\t', " "))?;
        }
        Origin::Illegible(why) => writeln!(text, "signed   the signature beside it {why}")?,
    }
    match &inspected.trusted {
        None => Ok(()),
        Some(Ok(())) => writeln!(text, "trusted  yes"),
        Some(Err(why)) => writeln!(text, "trusted  no: {why}"),
    }
}

/// Who made it, each with a version if there is one.
fn makers(inspected: &Inspected) -> Vec<String> {
    let fields = inspected.producers.iter();
    let makers = fields.flat_map(|(field, names)| names.iter().map(move |(name, version)| (field, name, version)));
    makers
        .map(|(field, name, version)| {
            let space = if version.is_empty() { "" } else { " " };
            format!("{name}{space}{version} ({field})")
        })
        .collect()
}

fn list(text: &mut String, title: &str, names: &[String]) -> fmt::Result {
    for (at, name) in names.iter().enumerate() {
        writeln!(text, "{:<8} {name}", if at == 0 { title } else { "" })?;
    }
    Ok(())
}

fn write_manifest(text: &mut String, manifest: &Manifest) -> fmt::Result {
    let or_default =
        |span: Option<Duration>| span.map_or_else(|| "the runner's default".into(), |span| format!("{span:?}"));
    writeln!(text, "name     {} {}", manifest.name, manifest.version)?;
    writeln!(text, "about    {}", manifest.description)?;
    writeln!(text, "interval {}", or_default(manifest.default_interval))?;
    writeln!(text, "timeout  {}", or_default(manifest.default_timeout))?;
    writeln!(text, "critical {}", manifest.critical)?;
    if let Some(memory) = manifest.memory {
        writeln!(text, "memory   {memory} bytes")?;
    }
    list(text, "grants", &manifest.grants)?;
    writeln!(text, "settings {:#}", manifest.settings_schema)
}
