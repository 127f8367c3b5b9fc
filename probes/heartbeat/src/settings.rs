//! What the operator configures; settings.schema.json says what each setting means.

use std::time::Duration;

use probity_guest::{SettingProblem, settings::Span};
use serde::Deserialize;

use crate::due::Expectation;

/// How late a report may come that is expected by the calendar: most jobs have ended by then.
const GRACE: Duration = Duration::from_secs(3600);
/// An expression that is right, to find out whether a time zone is.
const RIGHT: &str = "@hourly";

/// The settings of a check.
#[derive(Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    every: Option<Span>,
    cron: Option<String>,
    timezone: Option<String>,
    grace: Option<Span>,
    pub(crate) max_duration: Option<Span>,
    #[serde(default)]
    pub(crate) exit_codes: ExitCodes,
}

/// What exit codes mean.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExitCodes {
    /// What they mean to monitoring plug-ins.
    #[default]
    Nagios,
    /// What they mean to a shell.
    Unix,
}

impl Settings {
    /// When reports are expected.
    pub(crate) fn expectation(&self) -> Expectation<'_> {
        match (&self.cron, self.every) {
            (Some(cron), _) => Expectation::Cron(cron, self.timezone.as_deref()),
            (None, Some(Span(span))) => Expectation::Every(span),
            // Settings without either are refused.
            (None, None) => Expectation::Every(Duration::MAX),
        }
    }

    /// How late a report may come.
    pub(crate) fn grace(&self) -> Duration {
        match (self.grace, self.expectation()) {
            (Some(Span(grace)), _) => grace,
            (None, Expectation::Every(span)) => span,
            (None, Expectation::Cron(..)) => GRACE,
        }
    }

    /// All that is wrong with them beside their form. `next_tick` knows the calendar.
    pub(crate) fn problems(
        &self,
        next_tick: impl Fn(&str, Option<&str>) -> Result<Option<i64>, String>,
    ) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut complain = |pointer: &str, message: &str| problems.push(SettingProblem::new(pointer, message));
        match (self.every, &self.cron) {
            (None, None) => {
                complain("/every", "missing; say how often reports are expected, such as `1h`, or when, with `cron`")
            }
            (Some(_), Some(_)) => complain("/cron", "excludes `every`; leave one out"),
            (Some(Span(Duration::ZERO)), None) => {
                complain("/every", "nobody can report all the time; give a span such as `1m`")
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        if let Some(Span(Duration::ZERO)) = self.max_duration {
            complain("/max_duration", "no job takes no time; give a span such as `1h`");
        }
        let zone = self.timezone.as_deref();
        match (&self.cron, zone.map(|zone| next_tick(RIGHT, Some(zone)))) {
            (None, Some(_)) => complain("/timezone", "only `cron` has a time zone; leave it out"),
            (_, Some(Err(error))) => complain("/timezone", &error),
            (Some(cron), _) => match next_tick(cron, zone) {
                Ok(Some(_)) => {}
                Ok(None) => complain("/cron", "never occurs again; leave out the year, or name a later one"),
                Err(error) => complain("/cron", &error),
            },
            (None, None) => {}
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A calendar that knows one zone and few expressions.
    fn tick(cron: &str, zone: Option<&str>) -> Result<Option<i64>, String> {
        match (cron, zone) {
            (_, Some(zone)) if zone != "Europe/Stockholm" => Err(format!("`{zone}` is no zone")),
            ("@hourly" | "@daily", _) => Ok(Some(0)),
            ("0 0 0 1 1 * 2020", _) => Ok(None),
            _ => Err(format!("`{cron}` is no expression")),
        }
    }

    fn settings(json: &str) -> Settings {
        probity_guest::settings::parse(json).map_err(|problem| problem.message).unwrap()
    }

    #[test]
    fn settings_are_sound_or_said_to_be_not() {
        let problems =
            |json: &str| settings(json).problems(tick).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>();
        assert_eq!(problems(r#"{"every": "1m"}"#), Vec::<String>::new());
        assert_eq!(problems(r#"{"cron": "@daily", "timezone": "Europe/Stockholm"}"#), Vec::<String>::new());
        assert_eq!(problems("{}"), ["/every"]);
        assert_eq!(problems(r#"{"every": "0s", "max_duration": "0s"}"#), ["/every", "/max_duration"]);
        assert_eq!(problems(r#"{"every": "1m", "cron": "@daily"}"#), ["/cron"]);
        assert_eq!(problems(r#"{"every": "1m", "timezone": "Europe/Stockholm"}"#), ["/timezone"]);
        assert_eq!(problems(r#"{"cron": "@daily", "timezone": "Mars"}"#), ["/timezone"]);
        assert_eq!(problems(r#"{"cron": "sometimes"}"#), ["/cron"]);
        assert_eq!(problems(r#"{"cron": "0 0 0 1 1 * 2020"}"#), ["/cron"]);
    }

    #[test]
    fn a_grace_follows_what_is_expected() {
        assert_eq!(settings(r#"{"every": "90s"}"#).grace(), Duration::from_secs(90));
        assert_eq!(settings(r#"{"cron": "@daily"}"#).grace(), GRACE);
        assert_eq!(settings(r#"{"cron": "@daily", "grace": "0s"}"#).grace(), Duration::ZERO);
    }
}
