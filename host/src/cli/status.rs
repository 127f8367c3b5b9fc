//! `probity status`

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    io::{IsTerminal, stdout},
    process::ExitCode,
};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Deserialize;
use unicode_width::UnicodeWidthStr;

use super::{
    out,
    remote::Remote,
    standing::{CONDITIONS, Entry, Standing, fit, one_line},
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
        self.find_group(&standing, &runner.url)?;
        standing.checks.retain(|_, entry| self.wants(entry));
        match self.output {
            Format::Text => {
                let mut text = String::new();
                write(&mut text, &standing, telemetry::wants_colours(&stdout()), columns())?;
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

    /// Whether there is what is asked for: a table with nothing in it would look as if all were well.
    fn find_group(&self, standing: &Standing, url: &str) -> Result<()> {
        let Some(wanted) = &self.group else { return Ok(()) };
        let groups: BTreeSet<&str> = standing.checks.values().filter_map(|entry| entry.group.as_deref()).collect();
        let there = match groups.len() {
            0 => "no check there has one".into(),
            _ => format!("there are {}", groups.iter().map(|name| one_line(name)).collect::<Vec<_>>().join(", ")),
        };
        ensure!(groups.contains(wanted.as_str()), "{url} has no group `{}`; {there}", one_line(wanted));
        Ok(())
    }

    fn wants(&self, entry: &Entry) -> bool {
        let is_well = CONDITIONS[entry.condition()].label == "healthy";
        !(self.problems && is_well) && (self.group.is_none() || self.group == entry.group)
    }
}

/// Columns between two of the table.
const GAP: usize = 2;
/// Columns that a name has however narrow the terminal is: with less nobody knows which it is.
const NAME: usize = 8;

/// A row of the table, but for its message, which is last and as long as it is.
type Row = [String; 5];

/// Columns of the terminal; `None`: it is no terminal, and lines are as long as they are.
fn columns() -> Option<usize> {
    let (columns, _) = stdout().is_terminal().then(termion::terminal_size)?.ok()?;
    Some(columns.into())
}

/// Columns that a table of these rows leaves to names, if it is to be no wider than `columns` and leave as much to messages.
fn room_for_names(rows: &[Row], columns: usize) -> usize {
    let others = [0, 2, 3, 4].map(|at| rows.iter().map(|row| row[at].width()).max().unwrap_or_default());
    let over = columns.saturating_sub(others.iter().sum::<usize>() + GAP * others.len() + GAP);
    (over / 2).max(NAME)
}

fn write(text: &mut String, standing: &Standing, colours: bool, columns: Option<usize>) -> fmt::Result {
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
    let mut rows: Vec<Row> = std::iter::once(head).chain(rows).collect();
    if let Some(room) = columns.map(|columns| room_for_names(&rows, columns)) {
        for row in rows.iter_mut().filter(|row| row[1].width() > room) {
            row[1] = match row[1].strip_suffix('*') {
                Some(name) => fit(name, room - 1) + "*",
                None => fit(&row[1], room),
            };
        }
    }
    let widths: [usize; 5] = std::array::from_fn(|at| rows.iter().map(|row| row[at].width()).max().unwrap_or_default());
    for (at, row) in rows.iter().enumerate() {
        let entry = at.checked_sub(1).and_then(|at| checks.get(at)).map(|(_, entry)| *entry);
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width - cell.width());
            match (column, entry) {
                (0, Some(entry)) if colours => {
                    write!(text, "\x1b[{}m{cell}\x1b[0m{padding}{:GAP$}", CONDITIONS[entry.condition()].colour, "")?;
                }
                // Figures are compared by their ends.
                (3, _) => write!(text, "{padding}{cell}{:GAP$}", "")?,
                _ => write!(text, "{cell}{padding}{:GAP$}", "")?,
            }
        }
        writeln!(text, "{}", entry.map_or("MESSAGE".into(), |entry| one_line(&entry.message)))?;
    }
    if checks.iter().any(|(_, entry)| entry.critical) {
        text.push_str("* critical\n");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_names_are_shortened_where_the_terminal_is_narrow() {
        let entry = |critical: bool| {
            json!({ "status": "healthy", "mode": "auto", "critical": critical, "latency": null, "message": "fine",
                    "timestamp": null, "group": "storage" })
        };
        let long = "a-name-that-is-much-longer-than-any-that-anybody-wants-to-read";
        let standing = json!({
            "status": "healthy", "message": "all is well", "node_id": "node-1",
            "checks": { long: entry(true), "short": entry(false), format!("{long}-2"): entry(false) },
        });
        let standing = Standing::deserialize(&standing).unwrap();
        let table = |columns| {
            let mut text = String::new();
            write(&mut text, &standing, false, columns).unwrap();
            text
        };
        let narrow = table(Some(80));
        assert!(narrow.lines().all(|line| line.width() <= 80), "{narrow}");
        assert!(narrow.contains("  a-name-that-is-mu…*  ") && narrow.contains("  a-name-that-is-muc…  "), "{narrow}");
        assert!(narrow.contains(" short ") && narrow.contains("fine"), "{narrow}");
        for wide in [table(None), table(Some(200))] {
            assert!(wide.contains(&format!("{long}*  ")) && wide.contains(&format!("{long}-2  ")), "{wide}");
        }
        assert!(table(Some(1)).contains("  a-name…*  "), "some of it is always there");
    }
}
