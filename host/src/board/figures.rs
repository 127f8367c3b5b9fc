//! What is counted of the runner itself, beside the checks: by others than the board, and within bounds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use probity_core::outcome::Measurement;

/// What others than the board count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Connections that are kept open between runs.
    pub live: usize,
    /// Components that were made ready, from the code that was kept of them.
    pub cached: u64,
    /// Components that were compiled.
    pub compiled: u64,
    /// Components that could not be.
    pub compile_failures: u64,
    /// How long all of that took.
    pub compile_time: Duration,
    /// Events since the start.
    pub events: u64,
    /// Those that are still in the log.
    pub events_kept: usize,
    /// Who follows the log.
    pub followers: usize,
    /// Runs that were sent to a collector as spans.
    pub spans_sent: u64,
    /// Those that were not, for want of room or because they were refused.
    pub spans_dropped: u64,
    /// Requests to a collector that failed.
    pub export_failures: u64,
}

/// How notifications fare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notifications {
    /// Alerts that go on.
    pub alerts: u64,
    /// Silences that are not over.
    pub silences: u64,
    /// How each sink fares, by name.
    pub sinks: Vec<SinkFigures>,
}

/// How a sink of messages fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkFigures {
    /// Its name.
    pub sink: Arc<str>,
    /// Messages that it took.
    pub sent: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Messages that were given up.
    pub dropped: u64,
    /// Messages that wait.
    pub queued: u64,
}

/// How many series metrics may have: each costs whoever stores them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricLimits {
    /// Checks with series of their own; the others share theirs.
    pub checks: usize,
    /// Names, with their units, under which measurements are told. Probes make them up.
    pub measurements: usize,
}

impl Default for MetricLimits {
    /// Ten thousand checks are some half a million series, which is what a small Prometheus bears. A house of probes has a hundred names.
    fn default() -> MetricLimits {
        MetricLimits { checks: 10_000, measurements: 1_000 }
    }
}

/// The names under which measurements were told so far. One that was told once goes on being told.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The units of each name.
    names: BTreeMap<String, BTreeSet<String>>,
    /// How many there are, of all names.
    count: usize,
}

impl Names {
    /// Whether this measurement's name, with its unit, is among the first `most`.
    pub(super) fn admit(&self, Measurement { name, unit, .. }: &Measurement, most: usize) -> bool {
        // What is guarded is whole at any time, so a panic elsewhere does not spoil it.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.names.get(name).is_some_and(|units| units.contains(unit)) {
            return true;
        }
        let has_room = known.count < most;
        if has_room {
            known.names.entry(name.clone()).or_default().insert(unit.clone());
            known.count += 1;
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_admitted_up_to_a_number_and_then_for_ever() {
        let names = Names::default();
        let measured = |name: &str, unit: &str| Measurement { name: name.into(), unit: unit.into(), value: 1.0 };
        for (name, unit, admitted) in
            [("a", "s", true), ("a", "By", true), ("b", "s", false), ("a", "s", true), ("a", "By", true)]
        {
            assert_eq!(names.admit(&measured(name, unit), 2), admitted, "{name} {unit}");
        }
    }
}
