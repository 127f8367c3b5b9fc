//! What is to come of a case.

use probity_core::outcome::{Attempt, Outcome, Value as Fact};
use serde::Deserialize;
use toml::{Table, Value};

use super::target::{Target, fill};
use crate::cli::check::health;

/// What is to come of a case; what is not said may be anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    /// `healthy`, `degraded`, `unhealthy`, or `unknown` for a fault.
    status: Word,
    /// The kind of fault.
    fault: Option<String>,
    /// A part of the message.
    message: Option<String>,
    /// Details that there must be, each with its value.
    #[serde(default)]
    details: Table,
    /// The names of measurements that there must be.
    #[serde(default)]
    measurements: Vec<String>,
    /// The grants that it must miss, all of them.
    missing: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Healthy,
    Degraded,
    Unhealthy,
    Unknown,
}

impl Word {
    fn as_str(self) -> &'static str {
        match self {
            Word::Healthy => "healthy",
            Word::Degraded => "degraded",
            Word::Unhealthy => "unhealthy",
            Word::Unknown => "unknown",
        }
    }
}

impl Expectation {
    /// All that came out otherwise.
    pub(super) fn flaws(&self, attempt: &Attempt, targets: &[Target]) -> Vec<String> {
        let mut flaws = Vec::new();
        let (outcome, message) = (&attempt.outcome, attempt.outcome.message());
        let (wanted, found) = (self.status.as_str(), health(outcome).as_str());
        if wanted != found {
            flaws.push(format!("expected {wanted}, found {found} ({message})"));
        }
        let (fault, verdict) = match outcome {
            Outcome::Fault(fault) => (fault.kind.as_str(), None),
            Outcome::Verdict(verdict) => ("none", Some(verdict)),
        };
        if let Some(wanted) = &self.fault
            && wanted != fault
        {
            flaws.push(format!("expected the fault {wanted}, found {fault}"));
        }
        if let Some(part) = &self.message {
            let part = fill(&Value::from(part.as_str()), targets);
            let part = part.as_str().map_or_else(|| part.to_string(), str::to_owned);
            if !message.contains(&part) {
                flaws.push(format!("expected {part:?} in the message, found {:?}", &**message));
            }
        }
        for (key, wanted) in &self.details {
            let wanted = fill(wanted, targets);
            let details = verdict.map_or(&[][..], |verdict| &verdict.details);
            // Of two with the same key, the latter counts.
            match details.iter().rev().find(|detail| detail.key == *key) {
                None => flaws.push(format!("expected the detail {key}, found none")),
                Some(detail) if as_toml(&detail.value) == wanted => {}
                Some(detail) => flaws.push(format!("expected {key} = {wanted}, found {}", as_toml(&detail.value))),
            }
        }
        for name in &self.measurements {
            if !verdict.is_some_and(|verdict| verdict.measurements.iter().any(|measured| measured.name == *name)) {
                flaws.push(format!("expected the measurement {name}, found none"));
            }
        }
        if let Some(wanted) = &self.missing {
            let wanted: Vec<_> = wanted.iter().map(|grant| fill(&Value::from(grant.as_str()), targets)).collect();
            let found: Vec<_> = attempt.calls.missing.iter().map(|grant| Value::from(grant.as_str())).collect();
            if wanted != found {
                let (wanted, found) = (Value::Array(wanted), Value::Array(found));
                flaws.push(format!("expected it to miss {wanted}, found {found}"));
            }
        }
        flaws
    }
}

fn as_toml(fact: &Fact) -> Value {
    match fact {
        Fact::Text(text) => text.as_str().into(),
        Fact::Integer(number) => (*number).into(),
        Fact::Number(number) => (*number).into(),
        Fact::Boolean(boolean) => (*boolean).into(),
    }
}
