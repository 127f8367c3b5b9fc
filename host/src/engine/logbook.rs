//! What a guest logs, as far as the runner takes it down.

use super::{bindings::log::Level, output};
use crate::limits::Limits;

/// Bytes of one line: what a person reads at a glance, and more.
const LINE: usize = 1_024;

/// What a run has logged so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logbook {
    most_lines: u64,
    most_bytes: u64,
    lines: u64,
    bytes: u64,
    dropped: u64,
}

impl Logbook {
    pub(super) fn new(limits: &Limits) -> Logbook {
        Logbook { most_lines: limits.log_lines, most_bytes: limits.log_bytes, lines: 0, bytes: 0, dropped: 0 }
    }

    /// Counts anew, for the next run.
    pub(super) fn begin_run(&mut self) {
        (self.lines, self.bytes) = (0, 0);
    }

    /// Writes a line, if there is room for it.
    pub(super) fn write(&mut self, check: &str, level: Level, message: &str) {
        let (line, is_cut) = output::cut(message, LINE);
        let bytes = self.bytes.saturating_add(line.len() as u64);
        if self.lines >= self.most_lines || bytes > self.most_bytes {
            self.dropped += 1;
            return;
        }
        self.lines += 1;
        self.bytes = bytes;
        if is_cut {
            let (kept, all) = (line.len(), message.len());
            put(check, level, format_args!("{line}… (captured {kept} of {all} bytes)"));
        } else {
            put(check, level, format_args!("{line}"));
        }
    }

    /// Counts lines that never came here.
    pub(super) fn lose(&mut self, lines: u64) {
        self.dropped += lines;
    }

    /// Says how many lines were dropped since this was last asked.
    pub(super) fn tell_dropped(&mut self, check: &str) {
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let (lines, bytes) = (self.most_lines, self.most_bytes);
            tracing::warn!(
                target: "probe",
                check,
                "{dropped} more lines were dropped: a run may log {lines} lines and {bytes} bytes; if they are worth \
                 reading, raise `limits.log_lines` or `limits.log_bytes`"
            );
        }
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
