//! What is made of the health of all checks together.

use probity_core::score::Limits;
use serde_json::{Value, json};
use toml::de::DeValue;

use super::{
    kind::{At, Flaw, Scalar},
    layout,
    report::{Report, Source},
};

/// A critical failure is shown, and nothing more.
const REPORT: &str = "report";
/// A critical failure ends the runner.
const SHUTDOWN: &str = "shutdown";

/// What is made of the health of all checks together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// From which score on the whole is what.
    pub limits: Limits,
    /// What happens when a critical check fails.
    pub on_critical_failure: OnCriticalFailure,
}

/// What happens when a critical check fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnCriticalFailure {
    /// It is shown.
    #[default]
    Report,
    /// The runner stops.
    Shutdown,
    /// A program is run, with these arguments.
    Command(Vec<String>),
}

/// How that is written.
pub(super) struct Reaction;

impl Scalar for Reaction {
    type Value = OnCriticalFailure;

    fn parse(&self, value: &DeValue<'_>) -> Result<OnCriticalFailure, Flaw> {
        let words = value.as_array().and_then(|array| {
            let words = array.iter().map(|word| word.get_ref().as_str().map(str::to_owned));
            words.collect::<Option<Vec<_>>>()
        });
        match (value.as_str(), words) {
            (Some(REPORT), _) => Ok(OnCriticalFailure::Report),
            (Some(SHUTDOWN), _) => Ok(OnCriticalFailure::Shutdown),
            // A word with a zero in it can't be handed to a program.
            (_, Some(words))
                if words.first().is_some_and(|program| !program.is_empty())
                    && !words.iter().any(|word| word.contains('\0')) =>
            {
                Ok(OnCriticalFailure::Command(words))
            }
            _ => Err(Flaw::Not(format!(
                "\"{REPORT}\", \"{SHUTDOWN}\", or a program and its arguments as a list of texts"
            ))),
        }
    }

    fn schema(&self) -> Value {
        let program = json!({ "type": "array", "minItems": 1, "items": { "type": "string" } });
        json!({ "anyOf": [{ "enum": [REPORT, SHUTDOWN] }, program] })
    }
}

impl Health {
    /// Reads a section, and reports what contradicts itself.
    pub(super) fn read(section: layout::Health, source: &Source<'_>, problems: &mut Report) -> Health {
        let usual = Limits::USUAL;
        let at = section.degraded_score.as_ref().or(section.healthy_score.as_ref()).map(|score| score.at);
        let limits = Limits {
            healthy: At::value(section.healthy_score).unwrap_or(usual.healthy),
            degraded: At::value(section.degraded_score).unwrap_or(usual.degraded),
        };
        if let Some(at) = at.filter(|_| limits.degraded > limits.healthy) {
            let Limits { healthy, degraded } = limits;
            let message =
                format!("`degraded_score` is {degraded}, and must not be above `healthy_score`, which is {healthy}");
            problems.push(source.origin(at), message);
        }
        Health { limits, on_critical_failure: At::value(section.on_critical_failure).unwrap_or_default() }
    }
}
