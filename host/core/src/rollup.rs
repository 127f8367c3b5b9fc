//! What a stretch of a check's life came to: how often it ran, how long its target was how, and how long it took to answer.
//!
//! Whatever is told of a longer time is the sum of shorter ones, so all figures here can be added.

mod latencies;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::latencies::Latencies;
use crate::{
    health::Health,
    outcome::{Outcome, Run, Status},
};

/// How long a stretch is that is summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Level {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day, of UTC.
    Day,
}

impl Level {
    /// Every level, the shortest first.
    pub const ALL: [Level; 3] = [Level::Minute, Level::Hour, Level::Day];

    /// How long a stretch is, in milliseconds.
    #[must_use]
    pub const fn length(self) -> i64 {
        match self {
            Level::Minute => 60_000,
            Level::Hour => 3_600_000,
            Level::Day => 86_400_000,
        }
    }

    /// How many stretches are kept: those of an hour, of thirty days, of two years, and the one that is under way.
    #[must_use]
    pub const fn kept(self) -> i64 {
        match self {
            Level::Minute => 60 + 1,
            Level::Hour => 30 * 24 + 1,
            Level::Day => 2 * 366 + 1,
        }
    }

    /// Which stretch this time belongs to, in milliseconds since 1970: they are counted from there.
    #[must_use]
    pub const fn index(self, at: i64) -> i64 {
        at.div_euclid(self.length())
    }
}

/// What a stretch of a check's life came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rollup {
    /// Runs that came to an end.
    pub results: u64,
    /// Those whose verdict was that the target is of no use.
    pub failures: u64,
    /// Those in which the probe failed.
    pub faults: u64,
    /// Milliseconds in which the target counted as healthy.
    pub up: u64,
    /// Milliseconds in which it counted as degraded.
    pub degraded: u64,
    /// Milliseconds in which it counted as unhealthy.
    pub down: u64,
    /// Milliseconds in which nothing was known though it was watched, those included in which there was no runner.
    pub unknown: u64,
    /// Incidents that began.
    pub incidents: u64,
    /// Incidents that ended with the target being of use again.
    pub repairs: u64,
    /// Milliseconds that those had lasted, together.
    pub repair: u64,
    /// How long the target took, of the runs with a verdict.
    pub latencies: Latencies,
}

impl Rollup {
    /// Counts a run in.
    pub fn count(&mut self, run: &Run) {
        self.results += 1;
        match &run.outcome {
            Outcome::Verdict(verdict) => self.verdict(verdict.status, run.latency()),
            Outcome::Fault(fault) => self.faults += u64::from(fault.kind.is_failure()),
        }
    }

    /// Counts what a verdict adds to a result that is counted already.
    fn verdict(&mut self, status: Status, latency: Duration) {
        self.failures += u64::from(status == Status::Unhealthy);
        self.latencies.record(latency);
    }

    /// Adds time in which this was known.
    pub fn pass(&mut self, health: Health, milliseconds: u64) {
        let total = match health {
            // Nobody watches the target, or there is nothing to judge yet: that is no time of its life.
            Health::Pending => return,
            Health::Unknown => &mut self.unknown,
            Health::Healthy => &mut self.up,
            Health::Degraded => &mut self.degraded,
            Health::Unhealthy => &mut self.down,
        };
        *total = total.saturating_add(milliseconds);
    }

    /// Adds another stretch.
    pub fn add(&mut self, other: &Rollup) {
        self.results += other.results;
        self.failures += other.failures;
        self.faults += other.faults;
        self.up += other.up;
        self.degraded += other.degraded;
        self.down += other.down;
        self.unknown += other.unknown;
        self.incidents += other.incidents;
        self.repairs += other.repairs;
        self.repair += other.repair;
        self.latencies.add(&other.latencies);
    }

    /// Takes another stretch out again that is part of this one.
    pub fn take_out(&mut self, other: &Rollup) {
        let take = |total: &mut u64, part: u64| *total = total.saturating_sub(part);
        take(&mut self.results, other.results);
        take(&mut self.failures, other.failures);
        take(&mut self.faults, other.faults);
        take(&mut self.up, other.up);
        take(&mut self.degraded, other.degraded);
        take(&mut self.down, other.down);
        take(&mut self.unknown, other.unknown);
        take(&mut self.incidents, other.incidents);
        take(&mut self.repairs, other.repairs);
        take(&mut self.repair, other.repair);
        self.latencies.take_out(&other.latencies);
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Rollup::default()
    }

    /// Milliseconds in which it was known how the target is.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.up + self.degraded + self.down
    }

    /// The share of the known time in which the target was of use, from 0 to 1; `None` if nothing was known.
    #[must_use]
    pub fn availability(&self) -> Option<f64> {
        share(self.up + self.degraded, self.known())
    }

    /// The share of the watched time in which nothing was known, from 0 to 1; `None` if the target was not watched.
    #[must_use]
    pub fn unknown_share(&self) -> Option<f64> {
        share(self.unknown, self.known() + self.unknown)
    }

    /// Mean time to repair: how long incidents lasted that ended; `None` if none did.
    #[must_use]
    pub fn mttr(&self) -> Option<Duration> {
        self.repair.checked_div(self.repairs).map(Duration::from_millis)
    }

    /// Mean time between failures: how long the target was of use for each incident that began (IEC 60050-192, operating
    /// time between failures); `None` if none did.
    #[must_use]
    pub fn mtbf(&self) -> Option<Duration> {
        (self.up + self.degraded).checked_div(self.incidents).map(Duration::from_millis)
    }

    /// The worst that it was; `None` if it was not watched.
    #[must_use]
    pub fn worst(&self) -> Option<Health> {
        let worst = [
            (self.down, Health::Unhealthy),
            (self.degraded, Health::Degraded),
            (self.unknown, Health::Unknown),
            (self.up, Health::Healthy),
        ];
        worst.into_iter().find_map(|(time, health)| (time > 0).then_some(health))
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Fault, FaultKind, Usage, Verdict};

    #[test]
    fn figures_follow_from_the_sums() {
        let mut rollup = Rollup::default();
        assert_eq!(
            (rollup.availability(), rollup.unknown_share(), rollup.mttr(), rollup.mtbf()),
            (None, None, None, None)
        );
        assert_eq!((rollup.worst(), rollup.is_empty()), (None, true));
        for (health, milliseconds) in [
            (Health::Healthy, 50_000),
            (Health::Degraded, 10_000),
            (Health::Unhealthy, 20_000),
            (Health::Unknown, 20_000),
            (Health::Pending, 1_000_000),
        ] {
            rollup.pass(health, milliseconds);
        }
        (rollup.incidents, rollup.repairs, rollup.repair) = (2, 2, 20_000);
        assert_eq!(rollup.availability(), Some(0.75));
        assert_eq!(rollup.unknown_share(), Some(0.2));
        assert_eq!(rollup.mttr(), Some(Duration::from_secs(10)));
        assert_eq!(rollup.mtbf(), Some(Duration::from_secs(30)));
        assert_eq!(rollup.worst(), Some(Health::Unhealthy));
    }

    #[test]
    fn a_fault_is_no_failure_of_the_target_and_waiting_none_at_all() {
        let mut rollup = Rollup::default();
        let run = |outcome| Run {
            started: jiff::Timestamp::UNIX_EPOCH,
            took: Duration::from_millis(3),
            outcome,
            usage: Usage::default(),
        };
        rollup.count(&run(Outcome::Verdict(Verdict::from(Status::Unhealthy))));
        rollup.count(&run(Outcome::Verdict(Verdict::from(Status::Degraded))));
        rollup.count(&run(Outcome::Fault(Fault::new(FaultKind::Trap, "crashed"))));
        rollup.count(&run(Outcome::Fault(Fault::new(FaultKind::Waiting, "no report yet"))));
        assert_eq!((rollup.results, rollup.failures, rollup.faults, rollup.latencies.count()), (4, 1, 1, 2));
        let twice = {
            let mut sum = rollup.clone();
            sum.add(&rollup);
            sum
        };
        assert_eq!((twice.results, twice.latencies.count()), (8, 4));
    }

    #[test]
    fn stretches_are_counted_from_1970_and_before() {
        assert_eq!([Level::Minute.index(59_999), Level::Minute.index(60_000), Level::Minute.index(-1)], [0, 1, -1]);
        assert_eq!(Level::Day.index(86_400_000 * 3 + 5), 3);
    }
}
