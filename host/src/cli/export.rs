//! `probity export`

use std::{
    collections::BTreeMap,
    io::{BufWriter, ErrorKind, Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::remote::{Access, Runner};
use crate::{
    app::Configuration,
    clock::Clock,
    config::Overrides,
    http::KeptResult,
    store::{Asked, Store, Unavailable, Unheld},
};

/// The configuration that is used where none is named.
const CONFIG: &str = "probity.toml";
/// The columns, and the keys.
const COLUMNS: [&str; 14] = [
    "check",
    "number",
    "started",
    "took",
    "latency",
    "status",
    "health",
    "fault",
    "message",
    "generation",
    "reported",
    "fuel",
    "peak_memory",
    "phases",
];
/// How many results a runner is asked for at a time: as many as it tells.
const PAGE: usize = 1_000;

/// Writes out what a runner has kept of its results, the oldest first.
///
/// It reads the files of a runner that is not running, or asks one that is (`--url`). Durations are in nanoseconds.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity export --data-dir /var/lib/probity > results.csv\n  \
                        probity export orders-db --url http://127.0.0.1:8081 --format jsonl\n  \
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
    /// A runner that is running, to be asked in place of files.
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "data_dir"])]
    url: Option<String>,
    #[command(flatten)]
    access: Access,
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

/// Where results come from.
enum Source {
    Files(Store),
    Runner(Box<Runner>),
}

/// A result, by the names of its columns.
type Row = Map<String, Value>;

impl Export {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let mut source = match &self.url {
            Some(url) => Source::Runner(Box::new(self.access.runner(url)?)),
            None => {
                let is_alone = self.access == Access::default();
                ensure!(is_alone, "files take neither tokens nor certificates; name the runner that does by --url");
                let store = Store::look(&self.data_dir()?.join("history"), Clock::new());
                Source::Files(store.map_err(|unavailable| match unavailable {
                    Unavailable::Held(held @ Unheld::ByAnother { .. }) => {
                        anyhow!("{held}; ask it with --url http://ADDRESS:PORT, or stop it first")
                    }
                    unavailable => unavailable.into(),
                })?)
            }
        };
        let known = source.checks().await?;
        if let Some(unknown) = self.checks.iter().find(|check| !known.contains(check)) {
            bail!("nothing is kept of a check `{unknown}`; there are {}", known.join(", "));
        }
        let written = self.write(&mut source, &known).await;
        match written {
            // Whoever has read enough of it closes it, and that is no failure.
            Err(error) if is_closed(&error) => Ok(ExitCode::SUCCESS),
            written => written.map(|()| ExitCode::SUCCESS),
        }
    }

    async fn write(&self, source: &mut Source, known: &[String]) -> Result<()> {
        let mut out = BufWriter::new(stdout());
        if let Format::Csv = self.format {
            write!(out, "{}\r\n", COLUMNS.join(","))?;
        }
        for check in known.iter().filter(|check| self.checks.is_empty() || self.checks.contains(check)) {
            for row in source.results(check, self.from, self.to).await? {
                match self.format {
                    Format::Csv => write!(out, "{}\r\n", csv(&row))?,
                    Format::Jsonl => {
                        serde_json::to_writer(&mut out, &row)?;
                        writeln!(out)?;
                    }
                }
            }
        }
        Ok(out.flush()?)
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
}

impl Source {
    /// The checks of which anything may be kept.
    async fn checks(&mut self) -> Result<Vec<String>> {
        match self {
            Source::Files(store) => Ok(store.checks().iter().map(|check| check.to_string()).collect()),
            Source::Runner(runner) => {
                #[derive(Deserialize)]
                struct Checks {
                    checks: BTreeMap<String, IgnoredAny>,
                }
                Ok(runner.ask::<Checks>("/health/checks").await?.checks.into_keys().collect())
            }
        }
    }

    /// The results of a check in that time, the oldest first.
    async fn results(&mut self, check: &str, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        match self {
            Source::Files(store) => {
                let times = from.unwrap_or(Timestamp::MIN)..to.unwrap_or(Timestamp::MAX);
                let asked = Asked { times, before: None, limit: usize::MAX };
                let page = store.results(check, &asked, |_| true)?.context("the check is gone")?;
                for recorded in &page.entries {
                    rows.push(row(check, serde_json::to_value(KeptResult::of(recorded))?));
                }
            }
            Source::Runner(runner) => {
                #[derive(Deserialize)]
                struct Page {
                    results: Vec<Value>,
                    next: Option<String>,
                }
                let mut query = format!("limit={PAGE}");
                for (name, time) in [("from", from), ("to", to)] {
                    query += &time.map(|time| format!("&{name}={time}")).unwrap_or_default();
                }
                let mut cursor = String::new();
                loop {
                    let path = format!("/health/checks/{check}/history?{query}{cursor}");
                    let page: Page = runner.ask(&path).await?;
                    rows.extend(page.results.into_iter().map(|result| row(check, result)));
                    match page.next {
                        Some(next) => cursor = format!("&cursor={next}"),
                        None => break,
                    }
                }
            }
        }
        rows.reverse();
        Ok(rows)
    }
}

/// A result under all of the columns' names, in their order.
fn row(check: &str, mut result: Value) -> Row {
    result["check"] = check.into();
    COLUMNS.iter().map(|column| ((*column).to_owned(), result[*column].take())).collect()
}

/// A result as a line of CSV.
fn csv(row: &Row) -> String {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => quoted(text),
        Value::Object(phases) => {
            let phases: Vec<String> = phases.iter().map(|(name, took)| format!("{name}={took}")).collect();
            quoted(&phases.join(" "))
        }
        other => other.to_string(),
    };
    row.values().map(text).collect::<Vec<_>>().join(",")
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
