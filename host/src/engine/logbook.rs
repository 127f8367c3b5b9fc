//! What a guest logs, as far as the runner takes it down.

use std::sync::Arc;

use super::{
    bindings::log::Level,
    follow::Lines,
    output::{self, Redactor},
};
use crate::limits::Limits;

/// Bytes of one line: what a person reads at a glance, and more.
const LINE: usize = 1_024;

/// What a run of a check has logged so far.
pub(super) struct Logbook {
    check: Arc<str>,
    redact: Redactor,
    most_lines: u64,
    most_bytes: u64,
    lines: u64,
    bytes: u64,
    dropped: u64,
    /// Where lines are put down too.
    copies: Option<Lines>,
}

impl Logbook {
    pub(super) fn new(check: Arc<str>, redact: Redactor, limits: &Limits) -> Logbook {
        let (most_lines, most_bytes) = (limits.log_lines, limits.log_bytes);
        Logbook { check, redact, most_lines, most_bytes, lines: 0, bytes: 0, dropped: 0, copies: None }
    }

    /// The name of the check.
    pub(super) fn check(&self) -> &str {
        &self.check
    }

    /// Has lines put down elsewhere too, from now on.
    pub(super) fn copy_to(&mut self, copies: Option<&Lines>) {
        self.copies = copies.cloned();
    }

    /// Counts anew, for the next run.
    pub(super) fn begin_run(&mut self) {
        (self.lines, self.bytes) = (0, 0);
    }

    /// Writes a line without its secrets, if there is room for it.
    pub(super) fn write(&mut self, level: Level, message: String) {
        if self.lines >= self.most_lines {
            self.dropped += 1;
            return;
        }
        // Before it is cut: of a secret that is cut through, the rest would not be known for one.
        let message = self.redact.apply(message);
        let (line, is_cut) = output::cut(&message, LINE);
        let bytes = self.bytes.saturating_add(line.len() as u64);
        if bytes > self.most_bytes {
            self.dropped += 1;
            return;
        }
        self.lines += 1;
        self.bytes = bytes;
        if let Some(copies) = &self.copies {
            copies.put(format!("{} {line}", word(level)));
        }
        if is_cut {
            let (kept, all) = (line.len(), message.len());
            put(&self.check, level, format_args!("{line}… (captured {kept} of {all} bytes)"));
        } else {
            put(&self.check, level, format_args!("{line}"));
        }
    }

    /// Counts lines that never came here.
    pub(super) fn lose(&mut self, lines: u64) {
        self.dropped += lines;
    }

    /// Says how many lines were dropped since this was last asked.
    pub(super) fn tell_dropped(&mut self) {
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let (lines, bytes) = (self.most_lines, self.most_bytes);
            tracing::warn!(
                target: "probe",
                check = &*self.check,
                "{dropped} more lines were dropped: a run may log {lines} lines and {bytes} bytes; if they are worth \
                 reading, raise `limits.log_lines` or `limits.log_bytes`"
            );
        }
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

fn put(check: &str, level: Level, line: std::fmt::Arguments<'_>) {
    match level {
        Level::Debug => tracing::debug!(target: "probe", check, "{line}"),
        Level::Info => tracing::info!(target: "probe", check, "{line}"),
        Level::Warn => tracing::warn!(target: "probe", check, "{line}"),
        Level::Error => tracing::error!(target: "probe", check, "{line}"),
    }
}
