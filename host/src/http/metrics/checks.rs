//! What is told of each check.
//!
//! Beyond a number of checks, series are shared: by the name `_overflow`, which no check can have, go the sums of what can be summed
//! up. What can't, such as the time of a last run, is told of no more.

use std::{ops::AddAssign, sync::Arc};

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
            Number,
        },
        view::View,
    },
};

/// The unit of measurements that are phases of a run.
const SECONDS: &str = "s";
/// What stands for all checks that have no series of their own.
const OVERFLOW: &str = "_overflow";

/// The checks, as far as they are told by name.
struct Checks<'a> {
    named: Vec<(&'a CheckState, Option<&'a Slot>)>,
    others: Vec<(&'a CheckState, Option<&'a Slot>)>,
}

pub(super) fn write(out: &mut Exposition, view: &View<'_>) {
    let slots = view.board.checks();
    let mut named: Vec<_> =
        view.checks.iter().map(|check| (&**check, slots.get(&check.info.name).map(Arc::as_ref))).collect();
    let most = view.board.metric_limits().checks.min(named.len());
    let others = named.split_off(most);
    let checks = Checks { named, others };
    health(out, &checks);
    connections(out, &checks);
    runs(out, &checks);
    durations(out, &checks);
    last_run(out, &checks);
    measurements(out, &checks, view);
    score(out, &checks, view);
    let help = "Checks that have no series of their own, as there are too many, and share those of the name _overflow.";
    out.family("probity_checks_overflowed", Gauge, help).sample(&[], checks.others.len() as u64);
    let counts = [("named", checks.named.len() as u64), ("overflow", checks.others.len() as u64)];
    out.family("probity_checks", Gauge, "How many checks there are, by whether they have series of their own.")
        .by_word(&[], "series", counts);
}

/// How each target is.
fn health(out: &mut Exposition, checks: &Checks<'_>) {
    let mut status = out.family("probity_check_status", Gauge, "What is known of the target: 1 for the status it has.");
    for (CheckState { info, snapshot }, _) in &checks.named {
        let group = info.group.as_deref().unwrap_or_default();
        let labels = [("check", &*info.name), ("probe", &info.probe), ("group", group)];
        status.one_hot(&labels, "status", Health::ALL.map(Health::as_str), snapshot.health.as_str());
    }
    if !checks.others.is_empty() {
        let labels = [("check", OVERFLOW), ("probe", ""), ("group", "")];
        status.by_word(&labels, "status", checks.count(Health::ALL, |check| check.snapshot.health, Health::as_str));
    }
    let help = "Whether the target is of use, healthy or degraded. Absent while that is not known.";
    checks.gauge(out, "probity_check_up", help, Shared::Summed, |check, _| {
        let known = !matches!(check.snapshot.health, Health::Pending | Health::Unknown);
        known.then(|| u64::from(check.snapshot.health.is_up()))
    });
    let help = "What the operator decreed: 1 for the mode it is in.";
    let mut mode = out.family("probity_check_mode", Gauge, help);
    for (check, _) in &checks.named {
        mode.one_hot(&[("check", &check.info.name)], "mode", Mode::ALL.map(Mode::as_str), check.snapshot.mode.as_str());
    }
    if !checks.others.is_empty() {
        let counts = checks.count(Mode::ALL, |check| check.snapshot.mode, Mode::as_str);
        mode.by_word(&[("check", OVERFLOW)], "mode", counts);
    }
    let help = "Whether the target changes its mind too often.";
    checks.gauge(out, "probity_check_flapping", help, Shared::Summed, |check, _| {
        Some(u64::from(check.snapshot.flapping))
    });
    let help = "How often what is known of the target changed.";
    checks.counter(out, "probity_check_transitions_total", help, |_, slot| Some(slot?.tallies().health_changes));
}

/// How the connection to each target stands.
fn connections(out: &mut Exposition, checks: &Checks<'_>) {
    let help = "Where the connection to the target stands: 1 for the state it is in.";
    let mut state = out.family("probity_connection_state", Gauge, help);
    let words = connection::State::ALL.map(connection::State::as_str);
    for (check, _) in &checks.named {
        let present = check.snapshot.connection.state().as_str();
        state.one_hot(&[("check", &check.info.name)], "state", words, present);
    }
    if !checks.others.is_empty() {
        let of = |check: &CheckState| check.snapshot.connection.state();
        let counts = checks.count(connection::State::ALL, of, connection::State::as_str);
        state.by_word(&[("check", OVERFLOW)], "state", counts);
    }
    let help = "Whether calls to the target are let through: 1 for the state of its circuit.";
    let mut circuit = out.family("probity_circuit_state", Gauge, help);
    let words = circuit::State::ALL.map(circuit::State::as_str);
    for (check, _) in &checks.named {
        let present = check.snapshot.circuit.state().as_str();
        circuit.one_hot(&[("check", &check.info.name)], "state", words, present);
    }
    if !checks.others.is_empty() {
        let of = |check: &CheckState| check.snapshot.circuit.state();
        let counts = checks.count(circuit::State::ALL, of, circuit::State::as_str);
        circuit.by_word(&[("check", OVERFLOW)], "state", counts);
    }
    let help = "How often the connection to the target changed its state.";
    checks.counter(out, "probity_connection_transitions_total", help, |_, slot| Some(slot?.tallies().state_changes));
    let help = "How often the connection to the target was made.";
    checks.counter(out, "probity_connections_total", help, |check, _| {
        Some(check.snapshot.connection.totals().connections)
    });
    let help = "How often the connection to the target was made again after it had been lost.";
    checks.counter(out, "probity_reconnections_total", help, |check, _| {
        Some(check.snapshot.connection.totals().reconnections)
    });
    let help = "How often the target was found down, each failed attempt included.";
    checks.counter(out, "probity_connection_failures_total", help, |check, _| {
        Some(check.snapshot.connection.totals().failures)
    });
}

/// What each check has done.
fn runs(out: &mut Exposition, checks: &Checks<'_>) {
    let mut runs = out.family("probity_check_runs_total", Counter, "Runs that ended in a verdict.");
    let verdicts = |check: &CheckState| {
        let stats = &check.snapshot.stats;
        [stats.healthy, stats.degraded, stats.unhealthy]
    };
    let words = [Status::Healthy, Status::Degraded, Status::Unhealthy].map(Status::as_str);
    checks.each_array(verdicts, |check, counts| {
        for (word, count) in words.into_iter().zip(counts) {
            runs.sample(&[("check", check), ("outcome", word)], count);
        }
    });
    let mut faults = out.family("probity_check_faults_total", Counter, "Runs in which the probe failed.");
    checks.each_array(
        |check| check.snapshot.stats.faults,
        |check, counts| {
            // Those that never happened are there as well: from nothing to one is no rise that Prometheus would notice.
            for kind in FaultKind::ALL.into_iter().filter(|kind| kind.is_failure()) {
                faults.sample(&[("check", check), ("kind", kind.as_str())], counts[kind.index()]);
            }
        },
    );
    let help = "What others reported of the target, of those checks whose probe wants to know.";
    let mut reports = out.family("probity_check_reports_total", Counter, help);
    for (check, counts) in checks.named.iter().filter_map(|(check, slot)| Some((check, slot.as_ref()?.reported()?))) {
        for kind in report::Kind::ALL {
            reports.sample(&[("check", &check.info.name), ("kind", kind.as_str())], counts[kind.index()]);
        }
    }
    checks
        .counter(out, "probity_check_fuel_total", "Fuel used by all runs.", |check, _| Some(check.snapshot.stats.fuel));
    let help = "Scheduled ticks that passed while the run before was still going.";
    checks.counter(out, "probity_check_missed_ticks_total", help, |check, _| Some(check.snapshot.stats.missed_ticks));
    let help = "Failures in a row, of the target, up to the last verdict.";
    checks.gauge(out, "probity_check_consecutive_failures", help, Shared::Not, |check, _| {
        Some(check.snapshot.stats.consecutive_failures)
    });
    let help = "Faults in a row, of the probe, up to the last run.";
    checks.gauge(out, "probity_check_consecutive_faults", help, Shared::Not, |check, _| {
        Some(check.snapshot.stats.consecutive_faults)
    });
}

/// How long runs took, and targets.
fn durations(out: &mut Exposition, checks: &Checks<'_>) {
    let help = "Time that runs took, from start to outcome.";
    let mut durations = out.family("probity_check_duration_seconds", Summary, help);
    let took = |check: &CheckState| (check.snapshot.stats.took.as_secs_f64(), check.snapshot.stats.runs());
    for (check, _) in &checks.named {
        let (sum, count) = took(check);
        durations.summary(&[("check", &check.info.name)], sum, count);
    }
    if !checks.others.is_empty() {
        let all = checks.others.iter().map(|(check, _)| took(check));
        let (sum, count) = all.fold((0.0, 0), |(sum, count), (more, runs)| (sum + more, count + runs));
        durations.summary(&[("check", OVERFLOW)], sum, count);
    }
    let help =
        "Time that the target took, by its probe's own timing or else that of the run, where there was a verdict.";
    let mut latencies = out.family("probity_check_latency_seconds", Histogram, help);
    for (check, _) in &checks.named {
        let latency = &check.snapshot.stats.latency;
        let labels = [("check", &*check.info.name)];
        latencies.histogram(&labels, &latency::BOUNDS, &latency.counts(), latency.sum().as_secs_f64());
    }
    if !checks.others.is_empty() {
        let mut counts = [0; latency::BOUNDS.len() + 1];
        let mut sum = 0.0;
        for (check, _) in &checks.others {
            let latency = &check.snapshot.stats.latency;
            counts.iter_mut().zip(latency.counts()).for_each(|(count, more)| *count += more);
            sum += latency.sum().as_secs_f64();
        }
        latencies.histogram(&[("check", OVERFLOW)], &latency::BOUNDS, &counts, sum);
    }
}

/// What the last run of each check was like.
fn last_run(out: &mut Exposition, checks: &Checks<'_>) {
    fn last(check: &CheckState) -> Option<&Run> {
        check.snapshot.last.as_deref()
    }
    let help = "When the last run ended.";
    checks.gauge(out, "probity_check_last_run_timestamp_seconds", help, Shared::Not, |check, _| {
        last(check).map(|run| seconds(run.ended()))
    });
    let help = "Time that the last run took, from start to outcome.";
    checks.gauge(out, "probity_check_last_duration_seconds", help, Shared::Not, |check, _| {
        last(check).map(|run| run.took.as_secs_f64())
    });
    let help = "Time that the target took in the last run.";
    checks.gauge(out, "probity_check_last_latency_seconds", help, Shared::Not, |check, _| {
        last(check).map(|run| run.latency().as_secs_f64())
    });
    let help = "Fuel that the last run used.";
    checks.gauge(out, "probity_check_last_fuel", help, Shared::Not, |check, _| last(check).map(|run| run.usage.fuel));
    let help = "The largest total size of the probe's memories in the last run.";
    checks.gauge(out, "probity_check_peak_memory_bytes", help, Shared::Not, |check, _| {
        last(check).map(|run| run.usage.peak_memory)
    });
    let help = "How late the last run started.";
    checks.gauge(out, "probity_check_schedule_lag_seconds", help, Shared::Not, |check, slot| {
        last(check).and_then(|_| Some(slot?.tallies().lag.as_secs_f64()))
    });
}

/// What the last run of each check measured. Names are made up by probes, so there may be only so many.
fn measurements(out: &mut Exposition, checks: &Checks<'_>, view: &View<'_>) {
    let told = || {
        checks.named.iter().filter_map(|(check, _)| match &check.snapshot.last.as_deref()?.outcome {
            Outcome::Verdict(verdict) => Some((&*check.info.name, &verdict.measurements)),
            Outcome::Fault(_) => None,
        })
    };
    let help = "What the last run measured, by UCUM unit.";
    let mut family = out.family("probity_check_measurement", Gauge, help);
    let mut left_out = 0_u64;
    let admitted = std::cell::Cell::new(0_u64);
    for (check, measurements) in told() {
        family.measurements(check, measurements, |measurement| {
            let admits = view.board.admits(measurement);
            admitted.set(admitted.get() + u64::from(!admits));
            admits
        });
    }
    left_out += admitted.get();
    let help =
        "How long the phases of the last run took, of those probes that tell of them: what they measured in seconds.";
    let mut phases = out.family("probity_check_phase_seconds", Gauge, help);
    for (check, measurements) in told() {
        for (at, measurement) in measurements.iter().enumerate() {
            let Measurement { name, unit, value } = measurement;
            let again = |later: &Measurement| later.unit == SECONDS && later.name == *name;
            if unit == SECONDS && !measurements[at + 1..].iter().any(again) && view.board.admits(measurement) {
                phases.sample(&[("check", check), ("phase", name)], *value);
            }
        }
    }
    let help = "Measurements that are not told, as probes have made up too many names.";
    out.family("probity_measurements_overflowed", Gauge, help).sample(&[], left_out);
}

/// How well each target does, and all of them together.
fn score(out: &mut Exposition, checks: &Checks<'_>, view: &View<'_>) {
    let mut sum = Sum::default();
    for (check, slot) in checks.named.iter().chain(&checks.others) {
        if let Some(score) = slot.and_then(Slot::score) {
            sum.count(score, check.info.critical);
        }
    }
    let help = "How well the target does, from 0 to 1, as at /health/summary; absent while it is pending.";
    checks.gauge(out, "probity_check_score", help, Shared::Not, |_, slot| slot.and_then(Slot::score));
    out.family("probity_score", Gauge, "How well all targets do together, from 0 to 1.").sample(&[], sum.overall());
    let word = sum.word(view.board.score_limits(), &view.tally, view.phase);
    let help = "What the score of all comes to: 1 for the status it has.";
    let words = probity_core::health::Overall::ALL.map(probity_core::health::Overall::as_str);
    out.family("probity_score_status", Gauge, help).one_hot(&[], "status", words, word.as_str());
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
    fn counter(
        &self,
        out: &mut Exposition,
        name: &'static str,
        help: &'static str,
        value: impl Fn(&CheckState, Option<&Slot>) -> Option<u64>,
    ) {
        let mut family = out.family(name, Counter, help);
        for (check, slot) in &self.named {
            if let Some(value) = value(check, *slot) {
                family.sample(&[("check", &check.info.name)], value);
            }
        }
        if !self.others.is_empty() {
            let sum = self.others.iter().filter_map(|(check, slot)| value(check, *slot)).fold(0, u64::saturating_add);
            family.sample(&[("check", OVERFLOW)], sum);
        }
    }

    fn gauge<N: Into<Number> + Default + AddAssign>(
        &self,
        out: &mut Exposition,
        name: &'static str,
        help: &'static str,
        shared: Shared,
        value: impl Fn(&CheckState, Option<&Slot>) -> Option<N>,
    ) {
        let mut family = out.family(name, Gauge, help);
        for (check, slot) in &self.named {
            if let Some(value) = value(check, *slot) {
                family.sample(&[("check", &check.info.name)], value);
            }
        }
        if shared == Shared::Summed && !self.others.is_empty() {
            let mut sum = N::default();
            self.others.iter().filter_map(|(check, slot)| value(check, *slot)).for_each(|value| sum += value);
            family.sample(&[("check", OVERFLOW)], sum);
        }
    }

    /// Hands over several counters of each check, and the sums of the others'.
    fn each_array<const N: usize>(&self, of: impl Fn(&CheckState) -> [u64; N], mut write: impl FnMut(&str, [u64; N])) {
        for (check, _) in &self.named {
            write(&check.info.name, of(check));
        }
        if !self.others.is_empty() {
            let mut sums = [0_u64; N];
            for (check, _) in &self.others {
                sums.iter_mut().zip(of(check)).for_each(|(sum, more)| *sum = sum.saturating_add(more));
            }
            write(OVERFLOW, sums);
        }
    }

    /// How many of the others are how.
    fn count<T: Copy + PartialEq, const N: usize>(
        &self,
        all: [T; N],
        of: impl Fn(&CheckState) -> T,
        word: impl Fn(T) -> &'static str,
    ) -> [(&'static str, u64); N] {
        all.map(|one| (word(one), self.others.iter().filter(|(check, _)| of(check) == one).count() as u64))
    }
}
