//! What came of the runs, as one JSON object for programs.

use probity_core::{
    outcome::{Calls, Detail, Measurement, Outcome, Value as Fact},
    time::nanoseconds,
};
use serde_json::{Map, Value, json};

use super::{Ran, Told, health};

/// Writes it over several lines, so that people can read it as well. Spans of time are in nanoseconds.
pub(super) fn write(told: &Told<'_>) -> serde_json::Result<String> {
    let document = json!({
        "check": told.check,
        "probe": told.probe,
        "digest": told.digest,
        "timeout": nanoseconds(told.timeout),
        "exit_code": told.exit_code(),
        "runs": told.runs.iter().map(run).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn run(Ran { started, took, attempt }: &Ran) -> Value {
    let outcome = &attempt.outcome;
    let (mut fault, mut verdict) = (None, None);
    match outcome {
        Outcome::Fault(why) => fault = Some(why.kind.as_str()),
        Outcome::Verdict(said) => verdict = Some(said),
    }
    let Calls { lookups, connections, requests, bytes_sent, bytes_received, missing, denied } = &attempt.calls;
    json!({
        "started": started,
        "took": nanoseconds(*took),
        "status": health(outcome).as_str(),
        "fault": fault,
        "message": outcome.message(),
        "latency": verdict.and_then(|verdict| verdict.latency).map(nanoseconds),
        "permanent": verdict.is_some_and(|verdict| verdict.permanent),
        "details": details(verdict.map_or(&[], |verdict| &verdict.details)),
        "measurements": verdict.map_or(&[][..], |verdict| &verdict.measurements).iter().map(measurement).collect::<Vec<_>>(),
        "usage": { "fuel": attempt.usage.fuel, "peak_memory": attempt.usage.peak_memory },
        "calls": {
            "lookups": lookups,
            "connections": connections,
            "requests": requests,
            "bytes_sent": bytes_sent,
            "bytes_received": bytes_received,
        },
        "missing": missing,
        "denied": denied,
    })
}

/// Of two with the same key, the latter counts.
fn details(details: &[Detail]) -> Map<String, Value> {
    details.iter().map(|Detail { key, value }| (key.clone(), fact(value))).collect()
}

/// What is no finite number is null.
fn fact(value: &Fact) -> Value {
    match value {
        Fact::Text(text) => json!(text),
        Fact::Integer(number) => json!(number),
        Fact::Number(number) => json!(number),
        Fact::Boolean(boolean) => json!(boolean),
    }
}

fn measurement(Measurement { name, unit, value }: &Measurement) -> Value {
    json!({ "name": name, "unit": unit, "value": value })
}
