//! The present, as an argument.

use std::time::Duration;

use jiff::Timestamp;

/// One moment, on both clocks that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Time since the runner started, on a clock that never steps. Intervals and delays are measured on it.
    pub elapsed: Duration,
    /// The time of day, which may step. Cron and everything shown to people uses it.
    pub wall: Timestamp,
}

impl Now {
    /// The moment `span` later, if neither clock steps in between.
    #[must_use]
    pub fn plus(self, span: Duration) -> Now {
        Now {
            elapsed: self.elapsed.saturating_add(span),
            wall: jiff::SignedDuration::try_from(span)
                .ok()
                .and_then(|span| self.wall.checked_add(span).ok())
                .unwrap_or(Timestamp::MAX),
        }
    }
}

/// A span in nanoseconds, up to 584 years of them.
#[must_use]
pub fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
