//! The phases of a run, laid out in time.

use std::time::Duration;

use probity_core::outcome::{Measurement, Outcome, Run, Verdict};

/// So many of a run are told, the last of them: the longest of our own probes has eight.
const MOST: usize = 16;
/// What every SDK calls the whole of an attempt: it is no phase of it.
const TOTAL: &str = "total";
/// What SDKs call the time from a request to the head of its answer, and those that it consists of, which are told after it.
const FIRST_BYTE: (&str, [&str; 4]) = ("first-byte", ["resolve", "connect", "tls", "wait"]);

/// A phase of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Phase<'a> {
    pub(super) name: &'a str,
    /// Since the start of the run.
    pub(super) begins: Duration,
    /// Likewise.
    pub(super) ends: Duration,
}

/// The phases of a run, each beginning where the one before it ended. A probe tells how long they took and in which order, but not
/// when; so what else it measured in seconds, which SDKs tell before them, is taken for one as far as there is time for it.
pub(super) fn of(run: &Run) -> Vec<Phase<'_>> {
    let Outcome::Verdict(Verdict { measurements, .. }) = &run.outcome else { return Vec::new() };
    let total = measurements.iter().rfind(|measurement| measurement.name == TOTAL).and_then(Measurement::duration);
    let mut left = total.unwrap_or(run.took).min(run.took);
    let (whole, parts) = FIRST_BYTE;
    let mut in_parts = false;
    let spans = measurements.iter().rev().filter_map(|measurement| {
        let name = measurement.name.as_str();
        in_parts |= parts.contains(&name);
        let is_none = name == TOTAL || name == whole && in_parts;
        let took = measurement.duration().filter(|_| !is_none)?;
        left = left.checked_sub(took)?;
        Some((name, took))
    });
    let mut spans: Vec<_> = spans.take(MOST).collect();
    spans.reverse();
    let mut now = Duration::ZERO;
    let phase = |(name, took)| {
        let begins = now;
        now += took;
        Phase { name, begins, ends: now }
    };
    spans.into_iter().map(phase).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_core::outcome::{Fault, FaultKind, Status, Usage};

    use super::*;

    fn run(measured: &[(&str, &str, f64)]) -> Run {
        let measurements = measured
            .iter()
            .map(|(name, unit, value)| Measurement { name: (*name).into(), unit: (*unit).into(), value: *value })
            .collect();
        Run {
            started: "2026-03-02T12:00:00Z".parse().unwrap(),
            took: Duration::from_secs(10),
            outcome: Outcome::Verdict(Verdict { measurements, ..Verdict::new(Status::Healthy, "well") }),
            usage: Usage::default(),
        }
    }

    fn told(run: &Run) -> Vec<(&str, u64, u64)> {
        of(run).iter().map(|phase| (phase.name, phase.begins.as_secs(), phase.ends.as_secs())).collect()
    }

    #[test]
    fn phases_follow_each_other_in_their_order() {
        let parts = [("connect", "s", 1.0), ("wait", "s", 3.0), ("body", "s", 1.0), ("total", "s", 9.0)];
        let http = run(&[&[("size", "By", 7.0), ("first-byte", "s", 4.0)], &parts[..]].concat());
        assert_eq!(told(&http), [("connect", 0, 1), ("wait", 1, 4), ("body", 4, 5)]);
        let tcp = run(&[("connect", "s", 1.0), ("first-byte", "s", 2.0), ("total", "s", 3.0)]);
        assert_eq!(told(&tcp), [("connect", 0, 1), ("first-byte", 1, 3)], "it consists of nothing else");
    }

    #[test]
    fn what_is_no_phase_has_no_place() {
        // A lag of an hour, an offset, and what is no number.
        let odd = [("lag", "s", 3600.0), ("offset", "s", -1.0), ("none", "s", f64::NAN), ("never", "s", f64::INFINITY)];
        let other = run(&[&odd[..], &[("resolve", "s", 10.0), ("total", "s", 10.0)]].concat());
        assert_eq!(told(&other), [("resolve", 0, 10)]);
        let mut fault = run(&[]);
        fault.outcome = Outcome::Fault(Fault::new(FaultKind::Trap, "it crashed"));
        assert_eq!(of(&fault), []);
    }

    #[test]
    fn there_are_only_so_many() {
        let many: Vec<_> = (0..100).map(|_| ("step", "s", 0.01)).collect();
        assert_eq!(of(&run(&many)).len(), MOST);
    }
}
