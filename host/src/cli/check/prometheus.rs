//! What came of the runs, as metrics in the text format of Prometheus: with the names that `/metrics` has for the same, and
//! fit for the node exporter's textfile collector.

use probity_core::{
    health::Health,
    outcome::{Attempt, Calls, Outcome},
};

use super::{Told, health};
use crate::http::exposition::{Exposition, Format, Kind, Labels, Number};

/// Writes the figures of the last run, and how many runs came to what.
pub(super) fn write(told: &Told<'_>) -> String {
    let mut out = Exposition::text(Format::Prometheus);
    let Some(last) = told.runs.last() else { return String::new() };
    let Attempt { outcome, usage, calls, .. } = &last.attempt;
    let check = ("check", told.check);
    let words = Health::ALL.map(Health::as_str);
    out.family("probity_check_status", Kind::Gauge, "What is known of the target: 1 for the status it has.")
        .by("status", words)
        .one_hot(&Labels::of(&[check, ("probe", told.probe)]), health(outcome).as_str());
    if let Outcome::Verdict(verdict) = outcome {
        let help = "Whether the target is of use, healthy or degraded. Absent while that is not known.";
        out.family("probity_check_up", Kind::Gauge, help).sample(&[check], u64::from(verdict.status.is_up()));
    }
    let mut runs =
        out.family("probity_check_run_results", Kind::Gauge, "Runs, by what is known of the target after each.");
    for word in Health::ALL {
        let count = told.runs.iter().filter(|run| health(&run.attempt.outcome) == word).count();
        runs.sample(&[check, ("status", word.as_str())], count as u64);
    }
    let mut one = |name, help, value: Number| out.family(name, Kind::Gauge, help).sample(&[check], value);
    let started = last.started.as_millisecond() as f64 / 1e3;
    one(
        "probity_check_last_run_timestamp_seconds",
        "When the last run ended.",
        Number::Real(started + last.took.as_secs_f64()),
    );
    let help = "Time that the last run took, from start to outcome.";
    one("probity_check_last_duration_seconds", help, Number::Real(last.took.as_secs_f64()));
    one("probity_check_last_fuel", "Fuel that the last run used.", Number::Whole(usage.fuel));
    let help = "The largest total size of the probe's memories in the last run.";
    one("probity_check_peak_memory_bytes", help, Number::Whole(usage.peak_memory));
    let Calls { lookups, connections, requests, bytes_sent, bytes_received, .. } = calls;
    one("probity_check_last_lookups", "Names that the last run looked up.", Number::Whole(*lookups));
    one("probity_check_last_connections", "TCP connections that the last run began.", Number::Whole(*connections));
    one("probity_check_last_requests", "HTTP requests of the last run.", Number::Whole(*requests));
    one("probity_check_last_sent_bytes", "Bytes that the last run sent.", Number::Whole(*bytes_sent));
    one("probity_check_last_received_bytes", "Bytes that the last run received.", Number::Whole(*bytes_received));
    if let Outcome::Verdict(verdict) = outcome {
        let help = "What the last run measured, by UCUM unit.";
        out.family("probity_check_measurement", Kind::Gauge, help).measurements(
            &Labels::of(&[check]),
            &verdict.measurements,
            |_| true,
        );
    }
    out.into_text()
}
