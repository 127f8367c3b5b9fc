//! `probity export`

use std::{
    io::{BufWriter, ErrorKind, Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use probity_core::{
    outcome::{Measurement, Outcome},
    time::nanoseconds,
};
use serde::Serialize;

use crate::{
    app::Configuration,
    clock::Clock,
    config::Overrides,
    store::{Asked, Recorded, Store},
};

/// The configuration that is used where none is named.
const CONFIG: &str = "probity.toml";
/// The columns of CSV.
const COLUMNS: &str =
    "check,number,started,took,latency,status,health,fault,message,generation,reported,fuel,peak_memory,phases";
/// How many results are read at a time.
const PAGE: usize = 10_000;

/// Writes out what a runner has kept of its results, the oldest first.
///
/// It reads the files of a runner that is not running; of one that is, ask /health/checks/{name}/history. Durations are in
/// nanoseconds, as there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity export --data-dir /var/lib/probity > results.csv\n  \
                        probity export orders-db --config probity.toml --format jsonl\n  \
                        probity export --from 2026-03-01T00:00:00Z --to 2026-04-01T00:00:00Z")]
pub(super) struct Export {
    /// The checks whose results are wanted; all that there are, unless some are named.
    #[arg(value_name = "CHECK")]
    checks: Vec<String>,
    /// The runner's configuration, for its `data_dir`; without it `probity.toml` in the working directory is used if there is one.
    #[arg(long, env = "PROBITY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the runner keeps its history.
    #[arg(long, env = "PROBITY_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How to write it.
    #[arg(long, default_value = "csv", value_name = "FORMAT")]
    format: Format,
    /// Only results of runs that started then or later, as RFC 3339 has it.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only results of runs that started before that.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Comma-separated values with a line of names, as RFC 4180 has them.
    Csv,
    /// A JSON object on each line.
    Jsonl,
}

/// A result, as it is written.
#[derive(Serialize)]
struct Row<'a> {
    check: &'a str,
    number: u64,
    started: Timestamp,
    took: u64,
    latency: u64,
    status: &'static str,
    health: &'static str,
    fault: Option<&'static str>,
    message: &'a str,
    generation: u64,
    reported: bool,
    fuel: u64,
    peak_memory: u64,
    #[serde(serialize_with = "write_phases")]
    phases: &'a [Measurement],
}

impl Export {
    pub(super) fn execute(self) -> Result<ExitCode> {
        let folder = self.data_dir()?.join("history");
        let store = Store::look(&folder, Clock::new())?;
        let known = store.checks();
        if let Some(unknown) = self.checks.iter().find(|check| !known.iter().any(|known| **known == ***check)) {
            let known = known.join(", ");
            bail!("nothing is kept of a check `{unknown}`; there are {known}");
        }
        let wanted =
            known.iter().filter(|check| self.checks.is_empty() || self.checks.iter().any(|it| **it == ***check));
        let mut out = BufWriter::new(stdout().lock());
        let write = || {
            if let Format::Csv = self.format {
                write!(out, "{COLUMNS}\r\n")?;
            }
            for check in wanted {
                self.write(&store, check, &mut out)?;
            }
            Ok(out.flush()?)
        };
        match write() {
            // Whoever has read enough of it closes it, and that is no failure.
            Err(error) if is_closed(&error) => Ok(ExitCode::SUCCESS),
            written => written.context("can't write to standard output").map(|()| ExitCode::SUCCESS),
        }
    }

    fn data_dir(&self) -> Result<PathBuf> {
        if let Some(data_dir) = &self.data_dir {
            return Ok(data_dir.clone());
        }
        let here = PathBuf::from(CONFIG);
        let config = self.config.clone().or_else(|| here.exists().then_some(here));
        let (config, _) = Configuration { path: config, overrides: Overrides::default() }.read(None)?;
        Ok(config.data_dir)
    }

    /// Writes the results of a check.
    fn write(&self, store: &Store, check: &str, out: &mut impl Write) -> Result<()> {
        let times = self.from.unwrap_or(Timestamp::MIN)..self.to.unwrap_or(Timestamp::MAX);
        let mut pages = Vec::new();
        let mut before = None;
        loop {
            let asked = Asked { times: times.clone(), before, limit: PAGE };
            let page = store.results(check, &asked, |_| true)?.context("the check is gone")?;
            before = page.next;
            pages.push(page.entries);
            if before.is_none() {
                break;
            }
        }
        for recorded in pages.iter().flatten().rev() {
            let row = Row::of(check, recorded);
            match self.format {
                Format::Csv => row.write_csv(out)?,
                Format::Jsonl => {
                    serde_json::to_writer(&mut *out, &row)?;
                    writeln!(out)?;
                }
            }
        }
        Ok(())
    }
}

impl<'a> Row<'a> {
    fn of(check: &'a str, recorded: &'a Recorded) -> Row<'a> {
        let run = &recorded.run;
        let (fault, phases) = match &run.outcome {
            Outcome::Verdict(verdict) => (None, verdict.measurements.as_slice()),
            Outcome::Fault(fault) => (Some(fault.kind.as_str()), [].as_slice()),
        };
        Row {
            check,
            number: recorded.number,
            started: run.started,
            took: nanoseconds(run.took),
            latency: nanoseconds(run.latency()),
            status: recorded.status().as_str(),
            health: recorded.health.as_str(),
            fault,
            message: run.outcome.message(),
            generation: recorded.generation,
            reported: recorded.reported,
            fuel: run.usage.fuel,
            peak_memory: run.usage.peak_memory,
            phases,
        }
    }

    fn write_csv(&self, out: &mut impl Write) -> std::io::Result<()> {
        let phases: Vec<String> =
            self.phases.iter().map(|phase| format!("{}={}", phase.name, in_nanoseconds(phase))).collect();
        let Row {
            check, number, started, took, latency, status, health, generation, reported, fuel, peak_memory, ..
        } = self;
        write!(
            out,
            "{check},{number},{started},{took},{latency},{status},{health},{},{},{generation},{reported},{fuel},{peak_memory},{}\r\n",
            self.fault.unwrap_or_default(),
            quoted(self.message),
            quoted(&phases.join(" "))
        )
    }
}

fn in_nanoseconds(phase: &Measurement) -> u64 {
    (phase.value * 1e9).round() as u64
}

fn write_phases<S: serde::Serializer>(phases: &&[Measurement], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(phases.iter().map(|phase| (&phase.name, in_nanoseconds(phase))))
}

/// A field of CSV. What a spreadsheet would take for a formula is made a text by an apostrophe, as OWASP advises: messages come
/// from probes, and from what they talk to.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn is_closed(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    let json = error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    io.or(json) == Some(ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_are_quoted_where_they_must_be_and_formulas_are_texts() {
        let table = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("says \"hi\"", "\"says \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+2", "'=1+2"),
            ("-1, say", "\"'-1, say\""),
            ("", ""),
        ];
        for (text, field) in table {
            assert_eq!(quoted(text), field);
        }
    }
}
