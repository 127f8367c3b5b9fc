//! How somebody follows a run: as a part of a trace, and by what its probe says meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

/// How somebody follows a run.
#[derive(Clone, Copy, Default)]
pub struct Follow<'a> {
    /// The span that the run is, as W3C Trace Context has it in a header; it goes on to whom the probe asks by `wasi:http`.
    pub traceparent: Option<&'a Arc<str>>,
    /// Where the lines that the probe logs are put down too.
    pub log: Option<&'a Lines>,
}

/// Lines that a probe logged, within the budget of its run. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// All of them, which are not kept any longer.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn put(&self, line: String) {
        // What is guarded is whole at any time, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}
