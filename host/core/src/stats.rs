//! Counters of one check's life.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    latency::Histogram,
    outcome::{FaultKind, Outcome, Run, Status},
};

/// What a check has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Runs whose verdict was healthy.
    pub healthy: u64,
    /// Runs whose verdict was degraded.
    pub degraded: u64,
    /// Runs whose verdict was unhealthy.
    pub unhealthy: u64,
    /// Outcomes of others' calls to the target that were reported as successes.
    pub reported_successes: u64,
    /// Outcomes of others' calls to the target that were reported as failures.
    pub reported_failures: u64,
    /// Runs that ended in a fault, by [`FaultKind::index`].
    #[serde(serialize_with = "write_faults", deserialize_with = "read_faults")]
    pub faults: [u64; FaultKind::ALL.len()],
    /// Scheduled ticks that passed while the run before was still going.
    pub missed_ticks: u64,
    /// Failures in a row, of the target, up to the last verdict or report.
    pub consecutive_failures: u64,
    /// Faults in a row, of the probe, up to the last run.
    pub consecutive_faults: u64,
    /// Fuel used by all runs.
    pub fuel: u64,
    /// Time that all runs took together.
    pub took: Duration,
    /// How long the target took, in those runs that had a verdict.
    pub latency: Histogram,
    /// How often what is known of the target changed.
    pub health_changes: u64,
    /// How often the connection to the target changed its state.
    pub state_changes: u64,
}

impl Stats {
    /// Counts one run.
    pub fn count(&mut self, run: &Run) {
        self.fuel = self.fuel.saturating_add(run.usage.fuel);
        self.took = self.took.saturating_add(run.took);
        match &run.outcome {
            Outcome::Verdict(verdict) => {
                self.consecutive_faults = 0;
                self.latency.count(run.latency());
                self.count_in_a_row(verdict.status);
                match verdict.status {
                    Status::Healthy => self.healthy += 1,
                    Status::Degraded => self.degraded += 1,
                    Status::Unhealthy => self.unhealthy += 1,
                }
            }
            Outcome::Fault(fault) => {
                self.consecutive_faults = if fault.kind.is_failure() { self.consecutive_faults + 1 } else { 0 };
                self.faults[fault.kind.index()] += 1;
            }
        }
    }

    /// Counts what somebody else's call to the target came to.
    pub fn count_report(&mut self, status: Status) {
        self.count_in_a_row(status);
        let counter = if status.is_up() { &mut self.reported_successes } else { &mut self.reported_failures };
        *counter += 1;
    }

    /// Counts in what was counted before. What came in a row is told by what came last.
    pub fn add_earlier(&mut self, earlier: &Stats) {
        self.healthy += earlier.healthy;
        self.degraded += earlier.degraded;
        self.unhealthy += earlier.unhealthy;
        self.reported_successes += earlier.reported_successes;
        self.reported_failures += earlier.reported_failures;
        self.faults.iter_mut().zip(earlier.faults).for_each(|(count, more)| *count += more);
        self.missed_ticks += earlier.missed_ticks;
        self.fuel = self.fuel.saturating_add(earlier.fuel);
        self.took = self.took.saturating_add(earlier.took);
        self.latency.add(&earlier.latency);
        self.health_changes += earlier.health_changes;
        self.state_changes += earlier.state_changes;
    }

    fn count_in_a_row(&mut self, status: Status) {
        self.consecutive_failures = if status.is_up() { 0 } else { self.consecutive_failures + 1 };
    }

    /// Runs whose verdict was that the target is of use.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.healthy + self.degraded
    }

    /// The share of runs with a verdict whose target was of use, from 0 to 1; `None` before the first.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        let verdicts = self.successes() + self.unhealthy;
        (verdicts > 0).then(|| self.successes() as f64 / verdicts as f64)
    }

    /// Runs whose probe failed, so that nothing is known of the target.
    #[must_use]
    pub fn failed(&self) -> u64 {
        FaultKind::ALL.into_iter().filter(|kind| kind.is_failure()).map(|kind| self.faults[kind.index()]).sum()
    }

    /// All runs that came to an end.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.healthy + self.degraded + self.unhealthy + self.faults.iter().sum::<u64>()
    }
}

/// As a list: one that was written when there were fewer kinds can still be read.
fn write_faults<S: Serializer>(faults: &[u64; FaultKind::ALL.len()], serializer: S) -> Result<S::Ok, S::Error> {
    faults.as_slice().serialize(serializer)
}

fn read_faults<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u64; FaultKind::ALL.len()], D::Error> {
    let mut faults = [0; FaultKind::ALL.len()];
    for (fault, count) in faults.iter_mut().zip(Vec::<u64>::deserialize(deserializer)?) {
        *fault = count;
    }
    Ok(faults)
}
