//! `probity inspect`

mod json;
mod text;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Result;
use clap::{Args, ValueEnum};
use probity_core::outcome::{FaultKind, Outcome, Usage};

use super::{
    component, out,
    subject::{examiner, read_check},
    verify,
};
use crate::{
    config::Bounds,
    engine::{self, Engine, Prepared, Producers},
    experiments::Experiments,
    trust::{self, Signed, signature_of},
    worker::Examine,
};

/// What a component could ask for by importing an interface, as the grants that it would take. What is not here can be had by
/// all: the log, clocks and chance.
const ASKS: [(&str, &[&str]); 9] = [
    ("wasi:sockets/tcp@", &["tcp:HOST:PORT"]),
    ("wasi:sockets/udp@", &["udp:HOST:PORT"]),
    ("wasi:sockets/types@", &["tcp:HOST:PORT", "udp:HOST:PORT"]),
    ("wasi:sockets/ip-name-lookup@", &["resolve:NAME"]),
    ("wasi:http/outgoing-handler@", &["http:HOST", "https:HOST"]),
    ("wasi:tls/types@", &["tls"]),
    ("probity:probe/icmp@", &["icmp:HOST"]),
    ("probity:probe/system@", &["system:disk", "system:memory", "system:cpu"]),
    ("probity:probe/checks@", &["check:NAME", "check:group/NAME"]),
];

/// What the one run is given by which its fuel is estimated: nothing to reach, nothing said, and a second.
const TRIAL: &str = "security.implicit_grants = false\n[[check]]\nname = \"inspect\"\ntimeout = \"1s\"\n";

/// Says what a component is: what it exports, what it could ask for, who made it, and what it says of itself.
///
/// It is compiled and started, and if it is a probe run once without settings and without anything that it could reach.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity inspect tcp\n  probity inspect ./mine.wasm -o json\n  \
                        probity inspect ./mine.wasm --config probity.toml\n  \
                        probity inspect hooks/pager.wasm")]
pub(super) struct Inspect {
    /// A component's file, or the name of a standard probe.
    probe: String,
    /// Say whether this configuration trusts it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to say it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// All that is known of a component.
struct Inspected {
    prepared: Arc<Prepared>,
    producers: Producers,
    origin: Origin,
    /// Whether a configuration trusts it; the inner error is why not.
    trusted: Option<Result<(), String>>,
    trial: Trial,
}

/// Where a component comes from.
enum Origin {
    /// It is part of this program.
    Standard,
    /// Nobody signed it.
    Unsigned,
    /// Somebody signed it, and whether that is true was not looked at.
    Signed(Signed),
    /// What lies beside it is no signature.
    Illegible(String),
}

/// What one run came to that had nothing.
enum Trial {
    /// A verdict, by this usage.
    Judged(Usage),
    /// It could not go on for want of a grant; it used this much until then.
    Stopped(Usage),
    /// Nothing that says what a run would use, and why.
    Unknown(String),
    /// There are no runs of it: it is a hook.
    Hook,
}

impl Inspect {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let inspected = self.inspect().await?;
        match self.output {
            Format::Text => out::say(text::write(&inspected)?)?,
            Format::Json => out::say_json(&json::document(&self.probe, &inspected))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn inspect(&self) -> Result<Inspected> {
        let bytes = component::read(&self.probe)?;
        let producers = engine::producers(&bytes);
        let engine = component::sandbox(Bounds::default(), Experiments::ALL)?;
        let prepared = Arc::new(component::prepare_any(&engine, &self.probe, bytes, u64::MAX).await?);
        let file = Path::new(&self.probe);
        let origin = if file.is_file() { origin(file) } else { Origin::Standard };
        let trusted = match &self.config {
            Some(config) if file.is_file() => Some(verify::judge(&verify::configured(config)?, file)?.map(|_| ())),
            // It comes with the runner.
            Some(_) => Some(Ok(())),
            None => None,
        };
        let trial = if prepared.is_hook() { Trial::Hook } else { trial(&engine, &prepared).await? };
        Ok(Inspected { prepared, producers, origin, trusted, trial })
    }
}

impl Inspected {
    /// The grants that the component's imports imply, each import with its own.
    fn asks(&self) -> impl Iterator<Item = (&str, &'static [&'static str])> {
        self.prepared.shape.imports.iter().map(|import| {
            let asked = ASKS.iter().find(|(interface, _)| import.starts_with(interface));
            (import.as_str(), asked.map_or(&[][..], |(_, grants)| grants))
        })
    }

    /// The grants that the component could ask for, by their kinds.
    fn asked(&self) -> impl Iterator<Item = &'static str> {
        let imports = &self.prepared.shape.imports;
        let is_imported = |interface: &str| imports.iter().any(|import| import.starts_with(interface));
        ASKS.into_iter().filter(move |(interface, _)| is_imported(interface)).flat_map(|(_, grants)| grants).copied()
    }
}

/// What a signature beside the file says.
fn origin(file: &Path) -> Origin {
    let signature = signature_of(file);
    if !signature.exists() {
        return Origin::Unsigned;
    }
    match fs::read_to_string(&signature) {
        Err(error) => Origin::Illegible(format!("can't be read ({error})")),
        Ok(text) => match trust::signed(&text) {
            Ok(signed) => Origin::Signed(signed),
            Err(why) => Origin::Illegible(why.to_string()),
        },
    }
}

/// Runs the component once, with nothing.
async fn trial(engine: &Arc<Engine>, prepared: &Arc<Prepared>) -> Result<Trial> {
    let check = read_check("inspect", TRIAL)?;
    let (examiner, _) = examiner(&check, engine, prepared)?;
    let attempt = examiner.attempt(&[]).await;
    examiner.close().await;
    Ok(match attempt.outcome {
        Outcome::Verdict(_) => Trial::Judged(attempt.usage),
        Outcome::Fault(fault) if fault.kind == FaultKind::Denied => Trial::Stopped(attempt.usage),
        Outcome::Fault(fault) => Trial::Unknown(format!("{}: {}", fault.kind, fault.message)),
    })
}
