//! How long a target took, many times: a histogram whose buckets grow with what they hold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::nanoseconds;

/// Each power of two is cut into so many buckets: what is read out of one is off by a sixteenth at most.
const PER_OCTAVE_BITS: u32 = 3;

/// A histogram of latencies. Only buckets that hold something take room.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// The number of a bucket, and how many it holds; in the order of the buckets.
    buckets: Vec<(u16, u64)>,
    /// The sum of all, in nanoseconds.
    sum: u64,
    /// The shortest, in nanoseconds; 0 if there is none.
    min: u64,
    /// The longest, in nanoseconds.
    max: u64,
}

impl Latencies {
    /// Takes one in.
    pub fn record(&mut self, latency: Duration) {
        let nanos = nanoseconds(latency);
        let bucket = bucket(nanos);
        self.min = if self.buckets.is_empty() { nanos } else { self.min.min(nanos) };
        self.max = self.max.max(nanos);
        self.sum = self.sum.saturating_add(nanos);
        self.put(bucket, 1);
    }

    /// Takes all of another histogram in.
    pub fn add(&mut self, other: &Latencies) {
        if other.buckets.is_empty() {
            return;
        }
        self.min = if self.buckets.is_empty() { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.sum = self.sum.saturating_add(other.sum);
        for (bucket, count) in &other.buckets {
            self.put(*bucket, *count);
        }
    }

    /// Takes all of another histogram out that are part of this one. The shortest and the longest stay what they were while any are
    /// left.
    pub fn take_out(&mut self, other: &Latencies) {
        self.sum = self.sum.saturating_sub(other.sum);
        for (bucket, count) in &other.buckets {
            if let Ok(at) = self.buckets.binary_search_by_key(bucket, |(number, _)| *number) {
                self.buckets[at].1 = self.buckets[at].1.saturating_sub(*count);
            }
        }
        self.buckets.retain(|(_, count)| *count > 0);
        if self.buckets.is_empty() {
            *self = Latencies::default();
        }
    }

    fn put(&mut self, bucket: u16, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |(number, _)| *number) {
            Ok(at) => self.buckets[at].1 += count,
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// The shortest; `None` if there is none.
    #[must_use]
    pub fn min(&self) -> Option<Duration> {
        (!self.buckets.is_empty()).then(|| Duration::from_nanos(self.min))
    }

    /// The longest; `None` if there is none.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (!self.buckets.is_empty()).then(|| Duration::from_nanos(self.max))
    }

    /// The mean; `None` if there is none.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.sum.checked_div(self.count()).map(Duration::from_nanos)
    }

    /// The shortest latency that at least this share of all do not exceed (the nearest rank), to a sixteenth of it. `share` is from 0
    /// to 1; `None` if there is none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        // What is no share at all is taken for the nearest that is.
        let rank = ((share * count as f64).ceil() as u64).clamp(1, count);
        let mut before = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            before += count;
            before >= rank
        });
        // The middle of a bucket may be beyond all that it holds.
        found.map(|(bucket, _)| Duration::from_nanos(middle(*bucket).clamp(self.min, self.max)))
    }
}

/// Which bucket this belongs to: its power of two, and the bits that follow the highest. Small numbers have one each.
fn bucket(nanos: u64) -> u16 {
    let octave = (u64::BITS - 1).saturating_sub(nanos.leading_zeros()).saturating_sub(PER_OCTAVE_BITS);
    let within = (nanos >> octave) as u16;
    ((octave as u16) << PER_OCTAVE_BITS) + within
}

/// What stands for all that a bucket holds.
fn middle(bucket: u16) -> u64 {
    let per_octave = 1u16 << PER_OCTAVE_BITS;
    if bucket < 2 * per_octave {
        return bucket.into();
    }
    let octave = u32::from(bucket / per_octave) - 1;
    let within = u64::from(bucket % per_octave + per_octave);
    // A number that nobody wrote may stand for more than there is room for.
    within.checked_shl(octave).map_or(u64::MAX, |low| low.saturating_add((1u64 << octave.min(63)) / 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(latencies: impl IntoIterator<Item = u64>) -> Latencies {
        let mut all = Latencies::default();
        latencies.into_iter().for_each(|nanos| all.record(Duration::from_nanos(nanos)));
        all
    }

    #[test]
    fn of_none_there_is_nothing_to_tell() {
        let none = Latencies::default();
        assert_eq!(
            (none.count(), none.min(), none.max(), none.mean(), none.quantile(0.5)),
            (0, None, None, None, None)
        );
    }

    #[test]
    fn quantiles_are_those_of_the_nearest_rank() {
        let all = of((1..=100).map(|milliseconds| milliseconds * 1_000_000));
        for (share, milliseconds) in [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (0.0, 1.0), (1.0, 100.0)] {
            let found = all.quantile(share).map_or(0.0, |found| found.as_secs_f64() * 1e3);
            assert!((found / milliseconds - 1.0).abs() <= 1.0 / 16.0, "{share}: {found} for {milliseconds}");
        }
        assert_eq!(all.mean(), Some(Duration::from_micros(50_500)));
        assert_eq!((all.min(), all.max()), (Some(Duration::from_millis(1)), Some(Duration::from_millis(100))));
    }

    proptest! {
        #[test]
        fn a_bucket_stands_for_what_it_holds(nanos: u64) {
            let told = middle(bucket(nanos));
            prop_assert!(told.abs_diff(nanos) as f64 <= nanos as f64 / 16.0 + 0.5, "{} for {}", told, nanos);
        }

        #[test]
        fn larger_ones_are_in_no_lower_bucket(a: u64, b: u64) {
            prop_assert!(bucket(a.min(b)) <= bucket(a.max(b)));
        }

        #[test]
        fn sums_are_those_of_all(a in proptest::collection::vec(0u64..1 << 40, 0..50), b in proptest::collection::vec(0u64..1 << 40, 0..50)) {
            let mut sum = of(a.clone());
            sum.add(&of(b.clone()));
            prop_assert_eq!(sum, of(a.into_iter().chain(b)));
        }
    }
}
