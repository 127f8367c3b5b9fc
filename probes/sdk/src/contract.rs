//! The contract's own words, made easy to write.

use std::time::Duration;

use crate::{
    Description, Detail, Measurement, Problem, SettingProblem, Status, Value, Verdict,
    bindings::probity::probe::types::Nanoseconds,
};

/// Saturates after 584 years.
pub(crate) fn nanoseconds(span: Duration) -> Nanoseconds {
    span.as_nanos().try_into().unwrap_or(Nanoseconds::MAX)
}

impl Verdict {
    /// The target does what it is for.
    pub fn healthy(message: impl Into<String>) -> Self {
        Self::new(Status::Healthy, message)
    }

    /// The target works, but not as well as it should.
    pub fn degraded(message: impl Into<String>) -> Self {
        Self::new(Status::Degraded, message)
    }

    /// The target does not do what it is for.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self::new(Status::Unhealthy, message)
    }

    /// `message` is one line for a person.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            details: Vec::new(),
            measurements: Vec::new(),
            latency: None,
            permanent: false,
            state: Vec::new(),
        }
    }

    /// Adds one fact about the target.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.push(Detail { key: key.to_owned(), value: value.into() });
        self
    }

    /// Adds one figure; `unit` is a UCUM code such as `s`, `By`, `1` or `%`.
    #[must_use]
    pub fn measurement(mut self, name: &str, unit: &str, value: f64) -> Self {
        self.measurements.push(Measurement { name: name.to_owned(), unit: unit.to_owned(), value });
        self
    }

    /// Says how long the target took; without it, the time of the whole attempt counts.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = Some(nanoseconds(latency));
        self
    }

    /// Says that this failure will not go away by itself, so that trying again soon is pointless.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// Gives the next run of the same check something to remember this one by.
    #[must_use]
    pub fn state(mut self, state: Vec<u8>) -> Self {
        self.state = state;
        self
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl SettingProblem {
    /// `pointer` is a JSON pointer into the settings, such as `/expect/0`; `message` says what is wrong and what would be
    /// right.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

impl Problem {
    /// The sandbox refused `attempted`, which the probe can't do without.
    pub fn denied(attempted: impl Into<String>) -> Self {
        Self::Denied(attempted.into())
    }

    /// This runner does not offer what the probe needs.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }

    /// Any other reason why nothing is known of the target.
    pub fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }

    /// Nothing is wrong, but there is nothing to judge yet.
    pub fn waiting(message: impl Into<String>) -> Self {
        Self::Waiting(message.into())
    }
}

impl Description {
    /// A probe that is not critical, needs no grant, and leaves interval and time-out to the runner.
    ///
    /// `name` is of lower-case letters, digits and `-`; `version` is as Semantic Versioning writes it; `description` is one
    /// sentence; `settings_schema` is a JSON Schema (2020-12), whose `default`s are filled into the grants.
    pub fn new(name: &str, version: &str, description: &str, settings_schema: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            description: description.to_owned(),
            settings_schema: settings_schema.to_owned(),
            default_interval: None,
            default_timeout: None,
            memory: None,
            critical: false,
            passive: false,
            grants: Vec::new(),
        }
    }

    /// The time between runs where the operator gives none.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.default_interval = Some(nanoseconds(interval));
        self
    }

    /// The time-out of a run where the operator gives none.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.default_timeout = Some(nanoseconds(timeout));
        self
    }

    /// Says that the probe asks nothing of its target, and goes by what the runner was told: its first failure counts, and it
    /// goes on at its interval however often it fails.
    #[must_use]
    pub fn passive(mut self) -> Self {
        self.passive = true;
        self
    }

    /// A grant that each check needs, as a template over its settings: `tcp:{host}:{port}`. For a setting that is a list it is a
    /// grant for each of its elements.
    #[must_use]
    pub fn grant(mut self, template: &str) -> Self {
        self.grants.push(template.to_owned());
        self
    }
}
