//! What the operator configures; settings.schema.json says what each setting means.

use probity_guest::{SettingProblem, settings::Span};
use serde::Deserialize;

use crate::quorum::Quorum;

/// The settings of a check.
#[derive(Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    pub(crate) checks: Vec<String>,
    pub(crate) group: Option<String>,
    #[serde(default = "all")]
    pub(crate) healthy_at_least: Quorum,
    degraded_at_least: Option<Quorum>,
    #[serde(default)]
    pub(crate) degraded_counts_as: DegradedAs,
    #[serde(default)]
    pub(crate) unknown_counts_as: UnknownAs,
    pub(crate) max_age: Option<Span>,
}

fn all() -> Quorum {
    Quorum::Percent(100)
}

/// What a degraded check counts as.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DegradedAs {
    Healthy,
    #[default]
    Degraded,
    Unhealthy,
}

/// What a check counts as of whose target nothing is known.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownAs {
    Healthy,
    #[default]
    Degraded,
    Unhealthy,
    Nothing,
}

impl Settings {
    pub(crate) fn degraded_at_least(&self) -> Quorum {
        self.degraded_at_least.unwrap_or(self.healthy_at_least)
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut complain = |pointer: String, message: &str| problems.push(SettingProblem::new(pointer, message));
        if self.checks.is_empty() && self.group.is_none() {
            complain("/checks".to_owned(), "missing; name the checks to go by, or a `group` of them");
        }
        if self.group.as_deref() == Some("") {
            complain("/group".to_owned(), "empty; name a group of checks, or leave it out");
        }
        for (at, name) in self.checks.iter().enumerate() {
            if !is_name(name) {
                let message = "not the name of a check: lower-case letters, digits, `-`, `_` and `.`";
                complain(format!("/checks/{at}"), message);
            } else if self.checks[..at].contains(name) {
                complain(format!("/checks/{at}"), "named twice; a check counts once");
            }
        }
        // How many a group has, it is early to say.
        let most = if self.group.is_none() { self.checks.len() } else { usize::MAX };
        let numbers =
            [("/healthy_at_least", Some(self.healthy_at_least)), ("/degraded_at_least", self.degraded_at_least)];
        for (pointer, quorum) in numbers {
            if let Some(Quorum::Number(number)) = quorum
                && usize::try_from(number).unwrap_or(usize::MAX) > most.max(1)
            {
                complain(pointer.to_owned(), "more than there are `checks`");
            }
        }
        let is_more = match (self.degraded_at_least, self.healthy_at_least) {
            (Some(Quorum::Number(degraded)), Quorum::Number(healthy)) => degraded > healthy,
            (Some(Quorum::Percent(degraded)), Quorum::Percent(healthy)) => degraded > healthy,
            _ => false,
        };
        if is_more {
            complain(
                "/degraded_at_least".to_owned(),
                "more than `healthy_at_least`, so that nothing would ever be degraded",
            );
        }
        problems
    }
}

/// Whether a check can be called so.
fn is_name(text: &str) -> bool {
    let letter = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (1..=100).contains(&text.len()) && text.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_sound_or_said_to_be_not() {
        let problems = |json: &str| {
            let settings: Settings = probity_guest::settings::parse(json).map_err(|problem| problem.message).unwrap();
            settings.problems().into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
        };
        assert_eq!(problems(r#"{"checks": ["a", "b"], "healthy_at_least": 2, "degraded_at_least": 1}"#), [""; 0]);
        assert_eq!(problems(r#"{"group": "The Shop", "healthy_at_least": 20}"#), [""; 0]);
        assert_eq!(problems("{}"), ["/checks"]);
        assert_eq!(problems(r#"{"group": ""}"#), ["/group"]);
        assert_eq!(problems(r#"{"checks": ["a", "A b", "a"]}"#), ["/checks/1", "/checks/2"]);
        assert_eq!(problems(r#"{"checks": ["*"]}"#), ["/checks/0"]);
        assert_eq!(
            problems(r#"{"checks": ["a"], "healthy_at_least": 2, "degraded_at_least": 3}"#),
            ["/healthy_at_least", "/degraded_at_least", "/degraded_at_least"]
        );
        assert_eq!(
            problems(r#"{"group": "g", "healthy_at_least": "50%", "degraded_at_least": "60%"}"#),
            ["/degraded_at_least"]
        );
    }
}
