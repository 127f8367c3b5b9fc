//! The one place that reads the clocks.

use jiff::Timestamp;
use probity_core::time::Now;
use tokio::time::Instant;

/// Both clocks, counted from the runner's start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts counting.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "when it is made matters")]
    pub fn new() -> Clock {
        Clock { start: Instant::now() }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { elapsed: self.start.elapsed(), wall: Timestamp::now() }
    }

    /// The instant at which so much time will have passed since the start.
    #[must_use]
    pub fn at(&self, elapsed: std::time::Duration) -> Instant {
        self.start + elapsed
    }
}
