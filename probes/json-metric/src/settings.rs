//! What the operator configures; settings.schema.json says what each setting means.

use std::collections::BTreeMap;

use probity_guest::{
    SettingProblem,
    comparison::Comparison,
    expected::{Expected, Number},
    http,
    json::Pointer,
    settings::{Span, escape},
    url::Url,
};
use serde::Deserialize;

/// Rules of one check: each figure becomes a time series, of which a verdict has 64, the phases among them.
const MOST_RULES: usize = 50;
/// What the probe measures itself, under names that no figure can have beside them.
const OWN_MEASUREMENTS: [&str; 7] = ["resolve", "connect", "tls", "wait", "first-byte", "body", "total"];

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) url: Url,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) degraded_after: Option<Span>,
}

/// What one figure should be.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) pointer: Option<Pointer>,
    pub(crate) metric: Option<String>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) of_several: OfSeveral,
    #[serde(default)]
    pub(crate) change: bool,
    pub(crate) expect: Option<Comparison>,
    degraded_below: Option<Number>,
    degraded_above: Option<Number>,
    unhealthy_below: Option<Number>,
    unhealthy_above: Option<Number>,
}

/// What several series of one metric come to.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OfSeveral {
    #[default]
    Sum,
    Min,
    Max,
    Count,
}

impl Rule {
    pub(crate) fn limits(&self) -> Expected<'_> {
        Expected {
            text: None,
            degraded_below: self.degraded_below,
            degraded_above: self.degraded_above,
            unhealthy_below: self.unhealthy_below,
            unhealthy_above: self.unhealthy_above,
        }
    }

    /// The names of those limits.
    fn limits_below_zero(&self) -> impl Iterator<Item = &'static str> {
        let limits = [
            ("degraded_below", self.degraded_below),
            ("degraded_above", self.degraded_above),
            ("unhealthy_below", self.unhealthy_below),
            ("unhealthy_above", self.unhealthy_above),
        ];
        limits.into_iter().filter(|(_, limit)| limit.is_some_and(|Number(limit)| limit < 0.0)).map(|(name, _)| name)
    }

    /// Whether its name can be that of a measurement: lower-case words joined by `-`.
    fn has_a_name(&self) -> bool {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !self.name.is_empty() && self.name.bytes().all(letter)
    }
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        for (name, value) in &self.headers {
            if let Some(message) = http::header_problem(name, value) {
                problems.push(SettingProblem::new(format!("/headers/{}", escape(name)), message));
            }
        }
        if self.rules.is_empty() || self.rules.len() > MOST_RULES {
            problems.push(SettingProblem::new("/rules", "there must be from 1 to 50 rules"));
        }
        for (at, rule) in self.rules.iter().enumerate() {
            let mut problem = |key: &str, message: &str| {
                problems.push(SettingProblem::new(format!("/rules/{at}/{key}"), message));
            };
            if !rule.has_a_name() {
                problem("name", "must be of lower-case letters, digits and `-`, such as `queue-depth`");
            }
            if self.rules[..at].iter().any(|other| other.name == rule.name) {
                problem("name", "another rule has it; give each a name of its own");
            }
            if OWN_MEASUREMENTS.contains(&rule.name.as_str()) {
                problem("name", "is what a measurement of the probe's own is called; give another");
            }
            match (&rule.pointer, &rule.metric) {
                (None, None) => problem("pointer", "missing; name a `pointer` into JSON, or a `metric` of Prometheus"),
                (Some(_), Some(_)) => problem("metric", "excludes `pointer`; leave one out"),
                (Some(_), None) if !rule.labels.is_empty() => problem("labels", "only metrics have labels"),
                _ => {}
            }
            if rule.change && rule.expect.is_some() {
                problem("expect", "a change is a number; give limits instead");
            }
            for limit in rule.limits_below_zero().filter(|_| rule.change) {
                problem(limit, "below 0, and a change never is: what fell is counted anew; give 0 or more");
            }
            for SettingProblem { pointer, message } in rule.limits().problems() {
                problem(pointer.trim_start_matches('/'), &message);
            }
        }
        problems
    }
}
