//! What a command says of its target, as the guidelines for monitoring plug-ins have it: one line, figures behind a `|`, and
//! then more lines of both (<https://www.monitoring-plugins.org/doc/guidelines.html>, and for further lines
//! <https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/pluginapi.html>).

use probity_core::outcome::FaultKind;

use super::perfdata::{self, Figures};
use crate::engine::{
    bindings::types::{Detail, Problem, Status, Value, Verdict},
    exit::Exit,
    run::Said,
};

/// What stands in the message of a command that said nothing.
const SILENT: &str = "the command said nothing";
/// The words by which plug-ins begin their line, in capitals, and what they mean.
const WORDS: [(&str, Level); 8] = [
    ("WARNING", Level::Status(Status::Degraded)),
    ("WARN", Level::Status(Status::Degraded)),
    ("DEGRADED", Level::Status(Status::Degraded)),
    ("CRITICAL", Level::Status(Status::Unhealthy)),
    ("CRIT", Level::Status(Status::Unhealthy)),
    ("DOWN", Level::Status(Status::Unhealthy)),
    ("UNHEALTHY", Level::Status(Status::Unhealthy)),
    ("UNKNOWN", Level::Unknown),
];

/// What a command makes of its target.
#[derive(Clone, Copy)]
enum Level {
    Status(Status),
    /// It can't say.
    Unknown,
}

/// A command's output, taken apart.
#[derive(Debug)]
pub(super) struct Report {
    message: String,
    /// The lines after the first, without the figures.
    more: String,
    figures: Figures,
}

impl Report {
    /// Takes a command's standard output apart. If there is nothing in it, the last line of its standard error stands in.
    pub(super) fn read(output: &str, complaints: &str) -> Report {
        let mut lines = output.lines().skip_while(|line| line.trim().is_empty());
        let (message, figures) = halves(lines.next().unwrap_or_default());
        let mut perfdata = figures.unwrap_or_default().to_owned();
        let mut more = String::new();
        let mut are_figures = false;
        for line in lines {
            let (text, figures) = if are_figures { ("", Some(line)) } else { halves(line) };
            if !are_figures && (figures.is_none() || !text.is_empty()) {
                more += text;
                more.push('\n');
            }
            if let Some(figures) = figures {
                are_figures = true;
                perfdata.push(' ');
                perfdata += figures;
            }
        }
        let complaint = || complaints.lines().rev().map(str::trim).find(|line| !line.is_empty());
        let message = message.trim();
        let message = if message.is_empty() { complaint().unwrap_or(SILENT) } else { message };
        Report { message: message.to_owned(), more: more.trim().to_owned(), figures: perfdata::read(&perfdata) }
    }

    /// What it comes to if the command ended so.
    pub(super) fn judged(self, exit: Exit) -> Said<Result<Verdict, Problem>> {
        let level = match exit {
            Exit::Succeeded | Exit::Code(0) => Level::Status(Status::Healthy),
            Exit::Code(1) => Level::Status(Status::Degraded),
            Exit::Code(2) => Level::Status(Status::Unhealthy),
            Exit::Code(3) => Level::Unknown,
            Exit::Failed => self.word(),
            Exit::Code(code) => {
                let message = format!(
                    "the command ended with exit code {code}, and that of a probe is 0 (healthy), 1 (degraded), 2 (unhealthy) \
                     or 3 (unknown); it said: {}",
                    self.message
                );
                return Err((FaultKind::Trap, message));
            }
        };
        Ok(match level {
            Level::Status(status) => Ok(self.verdict(status)),
            Level::Unknown => Err(Problem::Other(self.message)),
        })
    }

    /// How bad it is, for a command that can say no more by its end than that it failed, as those of Rust and C for
    /// `wasm32-wasip2`: what the first word in capitals says, and otherwise that the target does not do what it is for.
    fn word(&self) -> Level {
        let words = self.message.split(|letter: char| !letter.is_ascii_alphanumeric());
        let known = words.filter_map(|word| WORDS.into_iter().find(|(known, _)| *known == word));
        known.map(|(_, level)| level).next().unwrap_or(Level::Status(Status::Unhealthy))
    }

    fn verdict(self, status: Status) -> Verdict {
        let text = |key: &str, text: String| Detail { key: key.to_owned(), value: Value::Text(text) };
        let mut details = Vec::new();
        if !self.more.is_empty() {
            details.push(text("output", self.more));
        }
        if !self.figures.unreadable.is_empty() {
            details.push(text("unreadable-perfdata", self.figures.unreadable.join(" ")));
        }
        details.extend(self.figures.bounds.into_iter().map(|(label, bounds)| text(&label, bounds)));
        Verdict {
            status,
            message: self.message,
            details,
            measurements: self.figures.measurements,
            latency: None,
            permanent: false,
            state: Vec::new(),
        }
    }
}

/// What stands before the first `|` of a line, and what stands behind it.
fn halves(line: &str) -> (&str, Option<&str>) {
    match line.split_once('|') {
        Some((text, figures)) => (text.trim(), Some(figures)),
        None => (line.trim_end(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(report: &Report) -> Vec<&str> {
        report.figures.measurements.iter().map(|measurement| measurement.name.as_str()).collect()
    }

    #[test]
    fn a_line_and_figures_and_more_of_both() {
        // The example of the page on the plug-in API.
        let output = "DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968\n\
                      / 15272 MB (77%);\n/boot 68 MB (69%);\n/home 69357 MB (27%);\n/var/log 819 MB (84%); | \
                      /boot=68MB;88;93;0;98\n/home=69357MB;253404;253409;0;253414\n/var/log=818MB;970;975;0;980\n";
        let report = Report::read(output, "");
        assert_eq!(report.message, "DISK OK - free space: / 3326 MB (56%);");
        assert_eq!(report.more, "/ 15272 MB (77%);\n/boot 68 MB (69%);\n/home 69357 MB (27%);\n/var/log 819 MB (84%);");
        assert_eq!(names(&report), ["/", "/boot", "/home", "/var/log"]);
    }

    #[test]
    fn odd_outputs_are_read_as_well_as_can_be() {
        for (output, complaints, message, more) in [
            ("OK", "", "OK", ""),
            ("\n\n OK\r\nmore\r\n\n", "", "OK", "more"),
            ("", "", SILENT, ""),
            ("", "a\nError: refused\n\n", "Error: refused", ""),
            ("| a=1", "", SILENT, ""),
            ("a\n|b=1\nc", "", "a", ""),
            ("a\n\nb", "", "a", "b"),
        ] {
            let report = Report::read(output, complaints);
            assert_eq!((report.message.as_str(), report.more.as_str()), (message, more), "{output:?}");
        }
        assert_eq!(names(&Report::read("a\n|b=1\nc=2", "")), ["b", "c"]);
    }

    #[test]
    fn how_it_ended_is_what_it_comes_to() {
        let judged = |exit, output: &str| match Report::read(output, "").judged(exit) {
            Ok(Ok(verdict)) => format!("{:?}", verdict.status),
            Ok(Err(Problem::Other(message))) => format!("unknown: {message}"),
            Ok(Err(problem)) => format!("{problem:?}"),
            Err((kind, _)) => kind.to_string(),
        };
        for (exit, output, expected) in [
            (Exit::Succeeded, "CRITICAL", "Status::Healthy"),
            (Exit::Code(0), "x", "Status::Healthy"),
            (Exit::Code(1), "CRITICAL", "Status::Degraded"),
            (Exit::Code(2), "x", "Status::Unhealthy"),
            (Exit::Code(3), "no idea", "unknown: no idea"),
            (Exit::Code(4), "x", "trap"),
            (Exit::Code(255), "x", "trap"),
            (Exit::Failed, "x", "Status::Unhealthy"),
            (Exit::Failed, "LOAD WARNING: 5", "Status::Degraded"),
            (Exit::Failed, "LOAD CRITICAL (was WARNING)", "Status::Unhealthy"),
            (Exit::Failed, "a warning", "Status::Unhealthy"),
            (Exit::Failed, "UNKNOWN: no idea", "unknown: UNKNOWN: no idea"),
        ] {
            assert_eq!(judged(exit, output), expected, "{exit:?} {output}");
        }
    }
}
