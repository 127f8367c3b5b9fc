//! How well a target does, as one number from 0 to 1, and how well all of them do together.
//!
//! The score of one check is a weighted sum of three parts, each from 0 to 1:
//!
//! - *success*, 0.6: the mean of its latest verdicts, a healthy one being worth 1, a degraded one 0.75, an unhealthy one 0;
//! - *streak*, 0.25: 1 less the share of `fall` that the failures in a row have come to, so that it is 0 for one that is down;
//! - *latency*, 0.15: 1 as long as the last run took at most twice as long as is usual for this target, 0 from ten times on,
//!   and in a straight line between. It is 0 if the last verdict was a failure, and 1 while nobody knows what is usual.
//!
//! Of a check that is pending there is no score. One of which nothing is known has 0.5: nobody can vouch for it, and nobody
//! says that it is down. What the operator decreed is taken at their word.
//!
//! The score of all is the mean of those that there are, those of critical checks counting three times.

use std::time::Duration;

use crate::{
    health::{Health, Mode, Overall, Phase, Tally},
    history::{Entry, Result},
    outcome::Status,
    snapshot::Snapshot,
};

/// What success is worth: it is what a check is for.
const SUCCESS: f64 = 0.6;
/// What it is worth not to have failed just now.
const STREAK: f64 = 0.25;
/// What it is worth to be as fast as usual.
const LATENCY: f64 = 0.15;
/// What a degraded verdict is worth beside a healthy one: as little as the whole may have and still be degraded.
const DEGRADED: f64 = Limits::USUAL.degraded;
/// The score of a check of which nothing is known.
const UNKNOWN: f64 = 0.5;
/// How many times a critical check counts.
const CRITICAL: f64 = 3.0;
/// How many times as long as usual is still as fast as usual: targets vary.
const USUAL: f64 = 2.0;
/// How many times as long as usual is as bad as not to answer.
const SLOW: f64 = 10.0;
/// How many latencies it takes to say what is usual.
const ENOUGH: usize = 5;
/// Whatever is faster than this counts as this: what varies there is the machine that measures.
const GRAIN: Duration = Duration::from_millis(10);

/// From which score on the whole is what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Healthy from here on.
    pub healthy: f64,
    /// Degraded from here on, and unhealthy below.
    pub degraded: f64,
}

impl Limits {
    /// Those of the health package whose summary this one takes after.
    pub const USUAL: Limits = Limits { healthy: 0.95, degraded: 0.75 };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::USUAL
    }
}

/// The score of one check, by what was published of it and by its latest results, the oldest first; `None` if it is pending.
pub fn of_check<'a>(
    snapshot: &Snapshot,
    fall: u32,
    results: impl DoubleEndedIterator<Item = &'a Entry> + Clone,
) -> Option<f64> {
    match snapshot.mode {
        Mode::ForcedUp => return Some(1.0),
        Mode::ForcedDown => return Some(0.0),
        Mode::Disabled => return None,
        Mode::Auto => {}
    }
    match snapshot.health {
        Health::Pending => None,
        Health::Unknown => Some(UNKNOWN),
        Health::Healthy | Health::Degraded | Health::Unhealthy => {
            let verdicts = results.filter_map(|entry| match entry.result {
                Result::Verdict(status) => Some((status, entry.latency)),
                Result::Fault(_) => None,
            });
            let fall = u64::from(fall.max(1));
            let failures = snapshot.stats.consecutive_failures.min(fall);
            let streak = 1.0 - failures as f64 / fall as f64;
            Some(SUCCESS * success(verdicts.clone()) + STREAK * streak + LATENCY * latency(verdicts))
        }
    }
}

/// The mean worth of verdicts; 1 if there are none.
fn success(verdicts: impl Iterator<Item = (Status, Duration)>) -> f64 {
    let (sum, count) = verdicts.fold((0.0, 0_u32), |(sum, count), (status, _)| {
        let worth = match status {
            Status::Healthy => 1.0,
            Status::Degraded => DEGRADED,
            Status::Unhealthy => 0.0,
        };
        (sum + worth, count + 1)
    });
    if count == 0 { 1.0 } else { sum / f64::from(count) }
}

/// How fast the last verdict was, beside the median of those before it that were up.
fn latency(verdicts: impl DoubleEndedIterator<Item = (Status, Duration)>) -> f64 {
    let mut latest_first = verdicts.rev();
    let last = match latest_first.next() {
        None => return 1.0,
        Some((status, _)) if !status.is_up() => return 0.0,
        Some((_, last)) => last,
    };
    let mut usual: Vec<_> =
        latest_first.filter(|(status, _)| status.is_up()).map(|(_, latency)| latency.max(GRAIN)).collect();
    if usual.len() < ENOUGH {
        return 1.0;
    }
    let middle = usual.len() / 2;
    let (_, median, _) = usual.select_nth_unstable(middle);
    let times = last.as_secs_f64() / median.as_secs_f64();
    ((SLOW - times) / (SLOW - USUAL)).clamp(0.0, 1.0)
}

/// Sums up the scores of checks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    scores: f64,
    weights: f64,
}

impl Sum {
    /// Counts one check in.
    pub fn count(&mut self, score: f64, critical: bool) {
        let weight = if critical { CRITICAL } else { 1.0 };
        self.scores += weight * score;
        self.weights += weight;
    }

    /// The score of all that were counted in; 1 if there were none.
    #[must_use]
    pub fn overall(&self) -> f64 {
        if self.weights == 0.0 { 1.0 } else { self.scores / self.weights }
    }

    /// The one word for all: what the score comes to, and never better than what the checks come to one by one: among many, one
    /// that is down hardly moves a mean.
    #[must_use]
    pub fn word(&self, limits: Limits, tally: &Tally, phase: Phase) -> Overall {
        let one_by_one = tally.overall(phase);
        match (one_by_one, self.overall()) {
            (Overall::Starting | Overall::Stopping | Overall::Unhealthy, _) => one_by_one,
            (_, score) if score < limits.degraded => Overall::Unhealthy,
            (_, score) if score < limits.healthy => Overall::Degraded,
            _ => one_by_one,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        machine::{Machine, Policy},
        outcome::FaultKind,
        schedule::{Every, Schedule},
        time::Now,
    };

    const FALL: u32 = 3;

    fn entry(result: Result, millis: u64) -> Entry {
        Entry {
            started: Timestamp::UNIX_EPOCH,
            latency: Duration::from_millis(millis),
            result,
            message: Arc::from("said"),
        }
    }

    fn verdict(status: Status) -> Entry {
        entry(Result::Verdict(status), 20)
    }

    fn snapshot(health: Health, mode: Mode, consecutive_failures: u64) -> Snapshot {
        let schedule = Schedule::Every(Every::new(Duration::from_secs(30), 0.0, "one").unwrap());
        let now = Now { elapsed: Duration::ZERO, wall: Timestamp::UNIX_EPOCH };
        let mut snapshot = Machine::new(Arc::new(Policy::usual(schedule)), now, 0.0).snapshot();
        (snapshot.health, snapshot.mode) = (health, mode);
        snapshot.stats.consecutive_failures = consecutive_failures;
        snapshot
    }

    fn score(health: Health, failures: u64, entries: &[Entry]) -> Option<f64> {
        of_check(&snapshot(health, Mode::Auto, failures), FALL, entries.iter())
    }

    #[track_caller]
    fn assert_near(score: Option<f64>, expected: f64) {
        assert!(score.is_some_and(|score| (score - expected).abs() < 1e-9), "{score:?} is not {expected}");
    }

    #[test]
    fn each_part_has_its_weight() {
        use Status::{Degraded, Healthy, Unhealthy};
        let of = |statuses: &[Status]| statuses.iter().map(|status| verdict(*status)).collect::<Vec<_>>();
        // The verdicts, the failures in a row, and the score: success, streak and latency.
        let table = [
            (of(&[Healthy; 20]), 0, 0.6 + 0.25 + 0.15),
            (of(&[Degraded; 20]), 0, 0.6 * 0.75 + 0.25 + 0.15),
            ([of(&[Healthy; 19]), of(&[Unhealthy])].concat(), 1, 0.6 * 0.95 + 0.25 * 2.0 / 3.0),
            ([of(&[Healthy; 17]), of(&[Unhealthy; 3])].concat(), 3, 0.6 * 0.85),
            (of(&[Unhealthy; 20]), 20, 0.0),
            ([of(&[Unhealthy; 19]), of(&[Healthy])].concat(), 0, 0.6 * 0.05 + 0.25 + 0.15),
            (of(&[Healthy]), 0, 1.0),
            (vec![], 0, 1.0),
        ];
        for (case, (entries, failures, expected)) in table.into_iter().enumerate() {
            let seen = score(Health::Healthy, failures, &entries);
            assert!(seen.is_some_and(|seen| (seen - expected).abs() < 1e-9), "case {case}: {seen:?}, not {expected}");
        }
    }

    #[test]
    fn a_fault_says_nothing_of_the_target() {
        let fault = entry(Result::Fault(FaultKind::Trap), 1);
        let entries = [verdict(Status::Healthy), fault.clone(), fault, verdict(Status::Healthy)];
        assert_near(score(Health::Healthy, 0, &entries), 1.0);
    }

    #[test]
    fn what_is_slow_is_slow_beside_its_own_past() {
        let past = |usual: u64, count: usize, last: u64| {
            let mut entries = vec![entry(Result::Verdict(Status::Healthy), usual); count];
            entries.push(entry(Result::Verdict(Status::Healthy), last));
            entries
        };
        // What was usual and how often, the last, and what its latency is worth.
        let table = [
            (100, 10, 200, 1.0),
            (100, 10, 600, 0.5),
            (100, 10, 1_000, 0.0),
            (100, 10, 60_000, 0.0),
            (100, 4, 60_000, 1.0),
            // Below the grain, nothing is slow.
            (0, 10, 15, 1.0),
            (1, 10, 60, 0.5),
        ];
        for (usual, count, last, worth) in table {
            let seen = score(Health::Healthy, 0, &past(usual, count, last)).unwrap();
            let expected = 0.85 + 0.15 * worth;
            assert!((seen - expected).abs() < 1e-9, "{usual} ms {count} times, then {last} ms: {seen}, not {expected}");
        }
    }

    #[test]
    fn what_is_not_known_or_decreed_has_a_score_of_its_own() {
        let entries = [verdict(Status::Unhealthy)];
        assert_eq!(score(Health::Pending, 0, &[]), None);
        assert_eq!(score(Health::Unknown, 0, &entries), Some(0.5));
        let decreed = |mode| of_check(&snapshot(Health::Unknown, mode, 0), FALL, entries.iter());
        assert_eq!(decreed(Mode::ForcedUp), Some(1.0));
        assert_eq!(decreed(Mode::ForcedDown), Some(0.0));
        assert_eq!(decreed(Mode::Disabled), None);
    }

    #[test]
    fn critical_checks_count_three_times() {
        let mut sum = Sum::default();
        assert_near(Some(sum.overall()), 1.0);
        sum.count(1.0, false);
        sum.count(0.0, true);
        assert_near(Some(sum.overall()), 0.25);
    }

    #[test]
    fn the_word_is_that_of_the_score_and_never_better_than_that_of_the_checks() {
        use Overall::{Degraded, Healthy, Starting, Stopping, Unhealthy};
        let tally = |health| {
            let mut tally = Tally::default();
            tally.count(health, true);
            tally
        };
        let table = [
            (0.95, Health::Healthy, Phase::Running, Healthy),
            (0.949, Health::Healthy, Phase::Running, Degraded),
            (0.75, Health::Healthy, Phase::Running, Degraded),
            (0.749, Health::Healthy, Phase::Running, Unhealthy),
            (0.99, Health::Degraded, Phase::Running, Degraded),
            (0.99, Health::Unhealthy, Phase::Running, Unhealthy),
            (0.1, Health::Healthy, Phase::Starting, Starting),
            (0.1, Health::Healthy, Phase::Stopping, Stopping),
        ];
        for (score, health, phase, word) in table {
            let mut sum = Sum::default();
            sum.count(score, false);
            assert_eq!(sum.word(Limits::USUAL, &tally(health), phase), word, "{score} {health:?} {phase:?}");
        }
    }
}
