//! One check, as the documents about all of them show it.

use std::sync::Arc;

use jiff::Timestamp;
use probity_core::{
    health::Mode,
    outcome::{Detail, Fault, Outcome, Run, Value},
    time::nanoseconds,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use utoipa::ToSchema;

use super::schema;
use crate::board::CheckState;

/// What is said of a check that has not run.
pub(super) const NOT_RUN: &str = "not run yet";

/// What is known of one check's target.
#[derive(Serialize, ToSchema)]
pub(super) struct Entry<'a> {
    /// Whether the target counts as being of use: it is known to be healthy or degraded, or the operator decreed so.
    healthy: bool,
    /// What the last run, or the last report of somebody's own call, said.
    message: &'a str,
    /// Facts about the target, from the last run. Of two with the same key, the latter counts.
    #[serde(serialize_with = "write_details")]
    #[schema(schema_with = schema::details)]
    details: &'a [Detail],
    /// How long the target took, in nanoseconds; null before the first run.
    #[schema(required)]
    latency: Option<u64>,
    /// When the last run ended; null before the first.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    timestamp: Option<Timestamp>,
    /// What is known. It takes some failures in a row to call a target unhealthy; a fault makes it unknown.
    #[schema(schema_with = schema::health)]
    status: &'static str,
    /// Whether its failure makes the whole unhealthy.
    critical: bool,
    /// Where the connection to the target stands.
    #[schema(schema_with = schema::state)]
    state: &'static str,
    /// What the operator decreed, whatever is found.
    #[schema(schema_with = schema::mode)]
    mode: &'static str,
    /// Why the last run has no verdict, if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<FaultEntry<'a>>,
    /// The group it is shown in, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
}

/// A probe's failure to give a verdict.
#[derive(Serialize, ToSchema)]
#[schema(as = Fault)]
struct FaultEntry<'a> {
    /// What kind of failure.
    #[schema(schema_with = schema::fault_kind)]
    kind: &'static str,
    /// What happened, and what can be done about it.
    message: &'a str,
}

impl<'a> Entry<'a> {
    pub(super) fn of(check: &'a CheckState) -> Entry<'a> {
        let last = check.snapshot.last.as_deref();
        let outcome = last.map(|run| &run.outcome);
        Entry {
            healthy: check.snapshot.counts_as().is_up(),
            message: outcome.map_or(NOT_RUN, |outcome| outcome.message()),
            details: match outcome {
                Some(Outcome::Verdict(verdict)) => &verdict.details,
                _ => &[],
            },
            latency: last.map(|run| nanoseconds(run.latency())),
            timestamp: last.map(Run::ended),
            status: check.snapshot.health.as_str(),
            critical: check.info.critical,
            mode: check.snapshot.mode.as_str(),
            state: check.snapshot.connection.state().as_str(),
            fault: match outcome {
                Some(Outcome::Fault(Fault { kind, message })) => Some(FaultEntry { kind: kind.as_str(), message }),
                _ => None,
            },
            group: check.info.group.as_deref(),
        }
    }
}

/// Why a check counts as it does, which is beside what its last run said if its operator decreed otherwise.
pub(super) fn reason(check: &CheckState) -> &str {
    match check.snapshot.mode {
        Mode::ForcedUp => "forced up by its operator",
        Mode::ForcedDown => "forced down by its operator",
        Mode::Disabled => "not watched, as its operator disabled it",
        Mode::Auto => check.snapshot.last.as_deref().map_or(NOT_RUN, |run| run.outcome.message()),
    }
}

/// Writes checks by their names, each as `write` shows it.
pub(super) fn write_map<'a, S: Serializer, T: Serialize>(
    checks: &'a [Arc<CheckState>],
    show: impl Fn(&'a CheckState) -> T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(checks.iter().map(|check| (&*check.info.name, show(check))))
}

fn write_details<S: Serializer>(details: &[Detail], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (at, Detail { key, value }) in details.iter().enumerate() {
        // There are 64 at most, so looking is cheaper than remembering.
        if details[at + 1..].iter().any(|later| later.key == *key) {
            continue;
        }
        match value {
            Value::Text(text) => map.serialize_entry(key, text),
            Value::Integer(integer) => map.serialize_entry(key, integer),
            // What is no finite number becomes null.
            Value::Number(number) => map.serialize_entry(key, number),
            Value::Boolean(boolean) => map.serialize_entry(key, boolean),
        }?;
    }
    map.end()
}
