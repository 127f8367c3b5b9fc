//! What is told of each check.
//!
//! Beyond a number of checks, series are shared: by the name `_overflow`, which no check can have, go the sums of what can be summed
//! up. What can't, such as the time of a last run, is told of no more.

use std::{ops::AddAssign, time::Duration};

use probity_core::{
    circuit, connection,
    health::{Health, Mode},
    latency,
    outcome::{FaultKind, Measurement, Outcome, Run, Status},
    report,
    score::Sum,
};

use super::seconds;
use crate::{
    board::{CheckState, Slot},
    http::{
        exposition::{
            Exposition,
            Kind::{Counter, Gauge, Histogram, Summary},
            Labels, Number,
        },
        summary::rounded,
        view::View,
    },
};

/// The unit of measurements that are phases of a run.
const SECONDS: &str = "s";
/// What stands for all checks that have no series of their own.
const OVERFLOW: &str = "_overflow";

/// A check. What is told of it is held here and not where it is kept: each family goes through all checks, and from one to the next
/// faster than from a pointer to the next.
struct Check<'a> {
    state: CheckState,
    lag: Duration,
    slot: &'a Slot,
    /// Its name, which is what most of its series have.
    labels: Labels<'a>,
    score: Option<f64>,
}

/// The checks, as far as they are told by name.
struct Checks<'a> {
    named: Vec<Check<'a>>,
    others: Vec<Check<'a>>,
    /// What those have in the place of their names.
    overflow: Labels<'a>,
}

pub(super) fn write(out: &mut Exposition, view: &View<'_>) {
    let slots = view.board.checks();
    let mut named: Vec<_> = slots
        .iter()
        .map(|(name, slot)| {
            let labels = Labels::of(&[("check", name)]);
            let state = CheckState::clone(&slot.state());
            Check { state, lag: slot.lag(), slot, labels, score: slot.score() }
        })
        .collect();
    let most = view.board.metric_limits().checks.min(named.len());
    let others = named.split_off(most);
    let checks = Checks { named, others, overflow: Labels::of(&[("check", OVERFLOW)]) };
    health(out, &checks);
    connections(out, &checks);
    runs(out, &checks);
    durations(out, &checks);
    last_run(out, &checks);
    measurements(out, &checks, view);
    score(out, &checks, view);
    let help = "Checks that have no series of their own, as there are too many, and share those of the name _overflow.";
    out.family("probity_checks_overflowed", Gauge, help).sample(&[], checks.others.len() as u64);
    let counts = [checks.named.len() as u64, checks.others.len() as u64];
    out.family("probity_checks", Gauge, "How many checks there are, by whether they have series of their own.")
        .by("series", ["named", "overflow"])
        .put(&Labels::NONE, counts);
}

/// How each target is.
fn health(out: &mut Exposition, checks: &Checks<'_>) {
    let help = "What is known of the target: 1 for the status it has.";
    let words = Health::ALL.map(Health::as_str);
    let mut status = out.family("probity_check_status", Gauge, help).by("status", words);
    for Check { state, .. } in &checks.named {
        let info = &state.info;
        let group = info.group.as_deref().unwrap_or_default();
        let labels = Labels::of(&[("check", &info.name), ("probe", &info.probe), ("group", group)]);
        status.one_hot(&labels, state.snapshot.health.as_str());
    }
    if !checks.others.is_empty() {
        let labels = Labels::of(&[("check", OVERFLOW), ("probe", ""), ("group", "")]);
        status.put(&labels, checks.count(Health::ALL, |check| check.snapshot.health));
    }
    let help = "Whether the target is of use, healthy or degraded. Absent while that is not known.";
    checks.gauge(out, "probity_check_up", help, Shared::Summed, |Check { state, .. }| {
        let known = !matches!(state.snapshot.health, Health::Pending | Health::Unknown);
        known.then(|| u64::from(state.snapshot.health.is_up()))
    });
    let help = "What the operator decreed: 1 for the mode it is in.";
    checks.one_hot(out, "probity_check_mode", help, ("mode", Mode::ALL, Mode::as_str as fn(_) -> _), |check| {
        check.snapshot.mode
    });
    let help = "Whether the target changes its mind too often.";
    checks.gauge(out, "probity_check_flapping", help, Shared::Summed, |check| {
        Some(u64::from(check.state.snapshot.flapping))
    });
    let help = "How often what is known of the target changed.";
    checks.counter(out, "probity_check_transitions_total", help, |check| check.state.snapshot.stats.health_changes);
}

/// How the connection to each target stands.
fn connections(out: &mut Exposition, checks: &Checks<'_>) {
    let help = "Where the connection to the target stands: 1 for the state it is in.";
    let states = ("state", connection::State::ALL, connection::State::as_str as fn(_) -> _);
    checks.one_hot(out, "probity_connection_state", help, states, |check| check.snapshot.connection.state());
    let help = "Whether calls to the target are let through: 1 for the state of its circuit.";
    let states = ("state", circuit::State::ALL, circuit::State::as_str as fn(_) -> _);
    checks.one_hot(out, "probity_circuit_state", help, states, |check| check.snapshot.circuit.state());
    let help = "How often the connection to the target changed its state.";
    checks.counter(out, "probity_connection_transitions_total", help, |check| check.state.snapshot.stats.state_changes);
    let help = "How often the connection to the target was made.";
    checks
        .counter(out, "probity_connections_total", help, |check| check.state.snapshot.connection.totals().connections);
    let help = "How often the connection to the target was made again after it had been lost.";
    checks.counter(out, "probity_reconnections_total", help, |check| {
        check.state.snapshot.connection.totals().reconnections
    });
    let help = "How often the target was found down, each failed attempt included.";
    checks.counter(out, "probity_connection_failures_total", help, |check| {
        check.state.snapshot.connection.totals().failures
    });
}

/// What each check has done.
fn runs(out: &mut Exposition, checks: &Checks<'_>) {
    let words = [Status::Healthy, Status::Degraded, Status::Unhealthy].map(Status::as_str);
    let mut runs =
        out.family("probity_check_runs_total", Counter, "Runs that ended in a verdict.").by("outcome", words);
    let verdicts = |check: &CheckState| {
        let stats = &check.snapshot.stats;
        [stats.healthy, stats.degraded, stats.unhealthy]
    };
    checks.each_array(verdicts, |labels, counts| runs.put(labels, counts));
    // Those that never happened are there as well: from nothing to one is no rise that Prometheus would notice.
    let help = "Runs in which the probe failed, in whatever way.";
    checks.counter(out, "probity_check_failed_runs_total", help, |check| check.state.snapshot.stats.failed());
    // Each kind once it has happened: there are many, and most never do. From nothing to one is no rise that Prometheus would
    // notice, which is what the count of all is for.
    let mut faults = out.family("probity_check_faults_total", Counter, "Runs in which the probe failed, by how.");
    checks.each_array(
        |check| check.snapshot.stats.faults,
        |labels, counts| {
            let kinds = FaultKind::ALL.into_iter().filter(|kind| kind.is_failure());
            for (kind, count) in kinds.map(|kind| (kind, counts[kind.index()])).filter(|(_, count)| *count > 0) {
                faults.put(labels, &[("kind", kind.as_str())], count);
            }
        },
    );
    let help = "What others reported of the target, of those checks whose probe wants to know.";
    let words = report::Kind::ALL.map(report::Kind::as_str);
    let mut reports = out.family("probity_check_reports_total", Counter, help).by("kind", words);
    for (check, counts) in checks.named.iter().filter_map(|check| Some((check, check.slot.reported()?))) {
        reports.put(&check.labels, report::Kind::ALL.map(|kind| counts[kind.index()]));
    }
    checks.counter(out, "probity_check_fuel_total", "Fuel used by all runs.", |check| check.state.snapshot.stats.fuel);
    let help = "Scheduled ticks that passed while the run before was still going.";
    checks.counter(out, "probity_check_missed_ticks_total", help, |check| check.state.snapshot.stats.missed_ticks);
    let help = "Failures in a row, of the target, up to the last verdict.";
    checks.gauge(out, "probity_check_consecutive_failures", help, Shared::Not, |check| {
        Some(check.state.snapshot.stats.consecutive_failures)
    });
    let help = "Faults in a row, of the probe, up to the last run.";
    checks.gauge(out, "probity_check_consecutive_faults", help, Shared::Not, |check| {
        Some(check.state.snapshot.stats.consecutive_faults)
    });
}

/// How long runs took, and targets.
fn durations(out: &mut Exposition, checks: &Checks<'_>) {
    let help = "Time that runs took, from start to outcome.";
    let mut durations = out.family("probity_check_duration_seconds", Summary, help);
    let took = |check: &Check<'_>| {
        let stats = &check.state.snapshot.stats;
        (stats.took.as_secs_f64(), stats.runs())
    };
    for check in &checks.named {
        let (sum, count) = took(check);
        durations.summary(&check.labels, sum, count);
    }
    if !checks.others.is_empty() {
        let all = checks.others.iter().map(took);
        let (sum, count) = all.fold((0.0, 0), |(sum, count), (more, runs)| (sum + more, count + runs));
        durations.summary(&checks.overflow, sum, count);
    }
    let help =
        "Time that the target took, by its probe's own timing or else that of the run, where there was a verdict.";
    let mut latencies = out.family("probity_check_latency_seconds", Histogram, help).histogram(&latency::BOUNDS);
    for Check { state, labels, .. } in &checks.named {
        let latency = &state.snapshot.stats.latency;
        latencies.put(labels, &latency.counts(), latency.sum().as_secs_f64());
    }
    if !checks.others.is_empty() {
        let mut counts = [0; latency::BOUNDS.len() + 1];
        let mut sum = 0.0;
        for Check { state, .. } in &checks.others {
            let latency = &state.snapshot.stats.latency;
            counts.iter_mut().zip(latency.counts()).for_each(|(count, more)| *count += more);
            sum += latency.sum().as_secs_f64();
        }
        latencies.put(&checks.overflow, &counts, sum);
    }
}

/// What the last run of each check was like.
fn last_run(out: &mut Exposition, checks: &Checks<'_>) {
    fn last<'a>(check: &'a Check<'_>) -> Option<&'a Run> {
        check.state.snapshot.last.as_deref()
    }
    let help = "When the last run ended.";
    checks.gauge(out, "probity_check_last_run_timestamp_seconds", help, Shared::Not, |check| {
        last(check).map(|run| seconds(run.ended()))
    });
    let help = "Time that the last run took, from start to outcome.";
    checks.gauge(out, "probity_check_last_duration_seconds", help, Shared::Not, |check| {
        last(check).map(|run| run.took.as_secs_f64())
    });
    let help = "Time that the target took in the last run.";
    checks.gauge(out, "probity_check_last_latency_seconds", help, Shared::Not, |check| {
        last(check).map(|run| run.latency().as_secs_f64())
    });
    let help = "Fuel that the last run used.";
    checks.gauge(out, "probity_check_last_fuel", help, Shared::Not, |check| last(check).map(|run| run.usage.fuel));
    let help = "The largest total size of the probe's memories in the last run.";
    checks.gauge(out, "probity_check_peak_memory_bytes", help, Shared::Not, |check| {
        last(check).map(|run| run.usage.peak_memory)
    });
    let help = "How late the last run started.";
    checks.gauge(out, "probity_check_schedule_lag_seconds", help, Shared::Not, |check| {
        last(check).map(|_| check.lag.as_secs_f64())
    });
}

/// What the last run of each check measured. Names are made up by probes, so there may be only so many.
fn measurements(out: &mut Exposition, checks: &Checks<'_>, view: &View<'_>) {
    let told = || {
        checks.named.iter().filter_map(|check| match &check.state.snapshot.last.as_deref()?.outcome {
            Outcome::Verdict(verdict) => Some((&check.labels, &verdict.measurements)),
            Outcome::Fault(_) => None,
        })
    };
    let help = "What the last run measured, by UCUM unit.";
    let mut family = out.family("probity_check_measurement", Gauge, help);
    let mut left_out = 0_u64;
    for (labels, measurements) in told() {
        family.measurements(labels, measurements, |measurement| {
            let admits = view.board.admits(measurement);
            left_out += u64::from(!admits);
            admits
        });
    }
    let help =
        "How long the phases of the last run took, of those probes that tell of them: what they measured in seconds.";
    let mut phases = out.family("probity_check_phase_seconds", Gauge, help);
    for (labels, measurements) in told() {
        for (at, measurement) in measurements.iter().enumerate() {
            let Measurement { name, unit, value } = measurement;
            let again = |later: &Measurement| later.unit == SECONDS && later.name == *name;
            if unit == SECONDS && !measurements[at + 1..].iter().any(again) && view.board.admits(measurement) {
                phases.put(labels, &[("phase", name)], *value);
            }
        }
    }
    let help = "Measurements that are not told, as probes have made up too many names.";
    out.family("probity_measurements_overflowed", Gauge, help).sample(&[], left_out);
}

/// How well each target does, and all of them together.
fn score(out: &mut Exposition, checks: &Checks<'_>, view: &View<'_>) {
    let mut sum = Sum::default();
    for Check { state, score, .. } in checks.named.iter().chain(&checks.others) {
        if let Some(score) = score {
            sum.count(*score, state.info.critical);
        }
    }
    let help = "How well the target does, from 0 to 1, as at /health/summary; absent while it is pending.";
    checks.gauge(out, "probity_check_score", help, Shared::Not, |check| check.score.map(rounded));
    out.family("probity_score", Gauge, "How well all targets do together, from 0 to 1.")
        .sample(&[], rounded(sum.overall()));
    let word = sum.word(view.board.score_limits(), &view.tally, view.phase);
    let help = "What the score of all comes to: 1 for the status it has.";
    let words = probity_core::health::Overall::ALL.map(probity_core::health::Overall::as_str);
    out.family("probity_score_status", Gauge, help).by("status", words).one_hot(&Labels::NONE, word.as_str());
}

/// What a gauge of many checks together is.
#[derive(Clone, Copy, PartialEq)]
enum Shared {
    /// The sum of those of each.
    Summed,
    /// Nothing.
    Not,
}

impl Checks<'_> {
    fn counter(&self, out: &mut Exposition, name: &'static str, help: &'static str, value: impl Fn(&Check<'_>) -> u64) {
        let mut family = out.family(name, Counter, help);
        for check in &self.named {
            family.put(&check.labels, &[], value(check));
        }
        if !self.others.is_empty() {
            let sum = self.others.iter().map(value).fold(0, u64::saturating_add);
            family.put(&self.overflow, &[], sum);
        }
    }

    fn gauge<N: Into<Number> + Default + AddAssign>(
        &self,
        out: &mut Exposition,
        name: &'static str,
        help: &'static str,
        shared: Shared,
        value: impl Fn(&Check<'_>) -> Option<N>,
    ) {
        let mut family = out.family(name, Gauge, help);
        for check in &self.named {
            if let Some(value) = value(check) {
                family.put(&check.labels, &[], value);
            }
        }
        if shared == Shared::Summed && !self.others.is_empty() {
            let mut sum = N::default();
            self.others.iter().filter_map(value).for_each(|value| sum += value);
            family.put(&self.overflow, &[], sum);
        }
    }

    /// Writes for each check which of some words is true of it, and for how many of the others each is.
    fn one_hot<T: Copy + PartialEq, const N: usize>(
        &self,
        out: &mut Exposition,
        name: &'static str,
        help: &'static str,
        (label, all, word): (&'static str, [T; N], fn(T) -> &'static str),
        of: impl Fn(&CheckState) -> T,
    ) {
        let mut family = out.family(name, Gauge, help).by(label, all.map(word));
        for check in &self.named {
            family.one_hot(&check.labels, word(of(&check.state)));
        }
        if !self.others.is_empty() {
            family.put(&self.overflow, self.count(all, of));
        }
    }

    /// Hands over several counters of each check, and the sums of the others'.
    fn each_array<const N: usize>(
        &self,
        of: impl Fn(&CheckState) -> [u64; N],
        mut write: impl FnMut(&Labels<'_>, [u64; N]),
    ) {
        for check in &self.named {
            write(&check.labels, of(&check.state));
        }
        if !self.others.is_empty() {
            let mut sums = [0_u64; N];
            for check in &self.others {
                sums.iter_mut().zip(of(&check.state)).for_each(|(sum, more)| *sum = sum.saturating_add(more));
            }
            write(&self.overflow, sums);
        }
    }

    /// How many of the others are how.
    fn count<T: Copy + PartialEq, const N: usize>(&self, all: [T; N], of: impl Fn(&CheckState) -> T) -> [u64; N] {
        all.map(|one| self.others.iter().filter(|check| of(&check.state) == one).count() as u64)
    }
}
