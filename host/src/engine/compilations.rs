//! How often components were made ready, and what that took.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use probity_core::time::nanoseconds;

/// What became of the components that were to be made ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compilations {
    /// Those whose code had been kept.
    pub cached: u64,
    /// Those that were compiled.
    pub compiled: u64,
    /// Those that came to nothing.
    pub failed: u64,
    /// How long all of them took.
    pub took: Duration,
}

/// Counts them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    found: AtomicU64,
    good: AtomicU64,
    failed: AtomicU64,
    took: AtomicU64,
}

impl Counters {
    /// The code of one had been kept.
    pub(super) fn found(&self) {
        self.found.fetch_add(1, Relaxed);
    }

    /// One came to its end.
    pub(super) fn count(&self, good: bool, took: Duration) {
        if good { &self.good } else { &self.failed }.fetch_add(1, Relaxed);
        self.took.fetch_add(nanoseconds(took), Relaxed);
    }

    pub(super) fn read(&self) -> Compilations {
        let (found, good) = (self.found.load(Relaxed), self.good.load(Relaxed));
        Compilations {
            cached: found,
            // One whose kept code was of no use, for its imports say, is counted as found and as failed.
            compiled: good.saturating_sub(found),
            failed: self.failed.load(Relaxed),
            took: Duration::from_nanos(self.took.load(Relaxed)),
        }
    }
}
