//! `probity inspect`

use std::{fmt::Write as _, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    catalog,
    engine::{self, Engine, Manifest, Prepared},
    supervisor::standard,
};

/// What a component could ask for by importing an interface, as the grants that it would take. What is not here can be had by
/// all, or comes on top: TLS over a connection that was granted, the log, clocks and chance.
const ASKS: [(&str, &[&str]); 7] = [
    ("wasi:sockets/tcp@", &["tcp:HOST:PORT"]),
    ("wasi:sockets/udp@", &["udp:HOST:PORT"]),
    ("wasi:sockets/ip-name-lookup@", &["resolve:NAME"]),
    ("wasi:http/outgoing-handler@", &["http:HOST", "https:HOST"]),
    ("probity:probe/icmp@", &["icmp:HOST"]),
    ("probity:probe/system@", &["system:disk", "system:memory", "system:cpu"]),
    ("probity:probe/checks@", &["check:NAME", "check:group/NAME"]),
];

/// Says what a component is: what it exports, what it could ask for, and what it says of itself.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// A component's file, or the name of a standard probe.
    probe: String,
}

impl Inspect {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let engine = super::sandbox()?;
        let prepared = load(&engine, &self.probe).await?;
        print!("{}", describe(&prepared)?);
        Ok(ExitCode::SUCCESS)
    }
}

/// The component that a command names: a file, or a standard probe.
pub(super) async fn load(engine: &Arc<Engine>, probe: &str) -> Result<Prepared> {
    let path = Path::new(probe);
    let bytes = match standard::find(probe) {
        _ if path.is_file() => {
            catalog::read_component(path, u64::MAX).with_context(|| format!("can't read {probe}"))?
        }
        Some(bytes) => bytes.to_vec(),
        None => {
            let known: Vec<_> = standard::names().collect();
            bail!("there is no file `{probe}`, and no standard probe of this name; there are {}", known.join(", "));
        }
    };
    let digest = engine::digest(&bytes).into();
    engine.prepare(digest, || Ok(bytes)).await.with_context(|| format!("{probe} is not a probe that can run here"))
}

fn describe(prepared: &Prepared) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "digest   sha256:{}", prepared.digest)?;
    writeln!(text, "size     {} bytes", prepared.size)?;
    list(&mut text, "exports", &prepared.shape.exports)?;
    list(&mut text, "imports", &prepared.shape.imports)?;
    describe_asks(&mut text, &prepared.shape.imports)?;
    match &prepared.manifest {
        None => writeln!(text, "manifest none: a check with it must say all by itself")?,
        Some(manifest) => describe_manifest(&mut text, manifest)?,
    }
    Ok(text)
}

fn describe_asks(text: &mut String, imports: &[String]) -> Result<()> {
    let is_imported = |interface: &str| imports.iter().any(|import| import.starts_with(interface));
    let asked = ASKS.into_iter().filter(|(interface, _)| is_imported(interface)).flat_map(|(_, grants)| grants);
    let asked: Vec<String> = asked.map(ToString::to_string).collect();
    if asked.is_empty() {
        writeln!(text, "asks for nothing that takes a grant")?;
        return Ok(());
    }
    list(text, "asks for", &asked)
}

fn list(text: &mut String, title: &str, names: &[String]) -> Result<()> {
    for (at, name) in names.iter().enumerate() {
        writeln!(text, "{:<8} {name}", if at == 0 { title } else { "" })?;
    }
    Ok(())
}

fn describe_manifest(text: &mut String, manifest: &Manifest) -> Result<()> {
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
    writeln!(text, "settings {:#}", manifest.settings_schema)?;
    Ok(())
}
