//! How late runs start, from the counts that a runner keeps of it.
#![allow(dead_code, reason = "no bench uses all of it")]

use probity::board::LAG_BUCKETS;

/// How many runs were how late: a count for each bucket, and one for what is beyond the last.
pub type Counts = [u64; LAG_BUCKETS.len() + 1];

/// What `/metrics` says.
pub fn counts(metrics: &str) -> Counts {
    let buckets = metrics.lines().filter(|line| line.starts_with("probity_schedule_lag_seconds_bucket"));
    let up_to: Vec<u64> =
        buckets.map(|line| line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a count")).collect();
    let mut before = 0;
    let mut each = up_to.into_iter().map(|count| count - std::mem::replace(&mut before, count));
    std::array::from_fn(|_| each.next().expect("a count for each bucket"))
}

/// Those that were counted since.
pub fn since(now: Counts, then: Counts) -> Counts {
    std::array::from_fn(|bucket| now[bucket] - then[bucket])
}

/// The lag, in seconds, that this share of runs did not exceed, if those in one bucket are spread over it evenly. What lies
/// in the last bucket, which has no end, counts as its beginning.
pub fn quantile(counts: &Counts, share: f64) -> f64 {
    let mut left = counts.iter().sum::<u64>() as f64 * share;
    let mut lower = 0.0;
    for (count, upper) in counts.iter().zip(LAG_BUCKETS) {
        let count = *count as f64;
        if left <= count {
            return lower + (upper - lower) * left / count;
        }
        (left, lower) = (left - count, upper);
    }
    lower
}
