//! `probity status`

use std::{
    fmt::{self, Write as _},
    io::stdout,
    process::ExitCode,
};

use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Deserialize;
use unicode_width::UnicodeWidthStr;

use super::{
    out,
    remote::Remote,
    standing::{CONDITIONS, Entry, Standing, one_line},
};
use crate::telemetry;

/// Shows how the checks of a running runner are.
///
/// The exit code tells of the whole as that of monitoring plug-ins: 0 healthy, 1 degraded, 2 unhealthy, 3 nothing known (the runner is
/// starting, stopping, or not to be reached).
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity status\n  probity status https://probity.example.com --problems\n  \
                        probity status http://127.0.0.1:8081 --group storage -o json")]
pub(super) struct Status {
    #[command(flatten)]
    remote: Remote,
    /// Show the checks of this group alone; the exit code is still that of the whole.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Show what is not well alone.
    #[arg(long)]
    problems: bool,
    /// How to say it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// How the checks are shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A table, for people.
    Text,
    /// One JSON object: what the runner says at `/health`.
    Json,
}

impl Status {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let mut runner = self.remote.runner()?;
        let mut document: serde_json::Value = runner.ask("/health").await?;
        let mut standing = Standing::deserialize(&document)?;
        standing.checks.retain(|_, entry| self.wants(entry));
        match self.output {
            Format::Text => {
                let mut text = String::new();
                write(&mut text, &standing, telemetry::wants_colours(&stdout()))?;
                out::say(text)?;
            }
            Format::Json => {
                if let Some(checks) = document["checks"].as_object_mut() {
                    checks.retain(|name, _| standing.checks.contains_key(name));
                }
                out::say_json(&document)?;
            }
        }
        Ok(ExitCode::from(standing.exit_code()))
    }

    fn wants(&self, entry: &Entry) -> bool {
        let is_well = CONDITIONS[entry.condition()].label == "healthy";
        !(self.problems && is_well) && (self.group.is_none() || self.group == entry.group)
    }
}

/// A row of the table, but for its message, which is last and as long as it is.
type Row = [String; 5];

fn write(text: &mut String, standing: &Standing, colours: bool) -> fmt::Result {
    let Standing { status, message, node_id, .. } = standing;
    writeln!(text, "{} is {}: {}", one_line(node_id), one_line(status), one_line(message))?;
    let checks = standing.by_gravity();
    if checks.is_empty() {
        return Ok(());
    }
    let now = Timestamp::now();
    let head: Row = ["STATUS", "CHECK", "GROUP", "LATENCY", "LAST RUN"].map(str::to_owned);
    let rows = checks.iter().map(|(name, entry)| -> Row {
        let condition = &CONDITIONS[entry.condition()];
        let critical = if entry.critical { "*" } else { "" };
        [
            format!("{} {}", condition.shape, condition.label),
            format!("{}{critical}", one_line(name)),
            entry.group.as_deref().map_or_else(|| "-".into(), |group| one_line(group).into_owned()),
            entry.took(),
            entry.age(now),
        ]
    });
    let rows: Vec<Row> = std::iter::once(head).chain(rows).collect();
    let widths: [usize; 5] = std::array::from_fn(|at| rows.iter().map(|row| row[at].width()).max().unwrap_or_default());
    for (at, row) in rows.iter().enumerate() {
        let entry = at.checked_sub(1).and_then(|at| checks.get(at)).map(|(_, entry)| *entry);
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width - cell.width());
            match (column, entry) {
                (0, Some(entry)) if colours => {
                    write!(text, "\x1b[{}m{cell}\x1b[0m{padding}  ", CONDITIONS[entry.condition()].colour)?;
                }
                // Figures are compared by their ends.
                (3, _) => write!(text, "{padding}{cell}  ")?,
                _ => write!(text, "{cell}{padding}  ")?,
            }
        }
        writeln!(text, "{}", entry.map_or("MESSAGE".into(), |entry| one_line(&entry.message)))?;
    }
    if checks.iter().any(|(_, entry)| entry.critical) {
        text.push_str("* critical\n");
    }
    Ok(())
}
