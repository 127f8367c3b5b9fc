//! How late runs start.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the buckets of the start lag, in seconds: from a timer's own grain to a whole missed interval.
pub const LAG_BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0, 10.0];

/// How late runs start, cumulated.
#[derive(Debug, Default)]
pub struct Lag {
    buckets: [AtomicU64; LAG_BUCKETS.len() + 1],
    sum_micros: AtomicU64,
}

impl Lag {
    pub(super) fn record(&self, lag: Duration) {
        let seconds = lag.as_secs_f64();
        let bucket = LAG_BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(LAG_BUCKETS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The number of runs in each bucket (the last has no upper bound), and the sum of all lags in seconds.
    #[must_use]
    pub fn read(&self) -> ([u64; LAG_BUCKETS.len() + 1], f64) {
        let counts = std::array::from_fn(|at| self.buckets[at].load(Ordering::Relaxed));
        (counts, Duration::from_micros(self.sum_micros.load(Ordering::Relaxed)).as_secs_f64())
    }
}
