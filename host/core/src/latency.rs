//! How long a target took, counted by size.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets, in seconds: from a socket on the same machine to the usual time-out. They are those that client
/// libraries of Prometheus have by default, and one below.
pub const BOUNDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Latencies, by size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// By the bucket of [`BOUNDS`]; the last has no upper bound. At one a second, they are full after a hundred years.
    counts: [u32; BOUNDS.len() + 1],
    sum: Duration,
}

impl Histogram {
    /// Counts one in.
    pub fn count(&mut self, latency: Duration) {
        let seconds = latency.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
        self.sum = self.sum.saturating_add(latency);
    }

    /// Counts those of another one in.
    pub fn add(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// How many there were in each bucket, those of smaller ones not included.
    #[must_use]
    pub fn counts(&self) -> [u64; BOUNDS.len() + 1] {
        self.counts.map(u64::from)
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_in_the_first_bucket_that_it_fits() {
        let mut histogram = Histogram::default();
        for micros in [0, 1_000, 1_001, 10_000_000, 10_000_001] {
            histogram.count(Duration::from_micros(micros));
        }
        let counts = histogram.counts();
        assert_eq!([counts[0], counts[1], counts[BOUNDS.len() - 1], counts[BOUNDS.len()]], [2, 1, 1, 1]);
        assert_eq!(counts.iter().sum::<u64>(), 5);
        assert_eq!(histogram.sum(), Duration::from_micros(20_002_002));
    }
}
