//! What the operator configures; settings.schema.json says what each setting means.

use std::{ops::RangeInclusive, time::Duration};

use probity_guest::{
    SettingProblem,
    expected::Number,
    limits::Limits,
    settings::{Share, Span},
};
use serde::Deserialize;

/// How long a sample can be: the kernel counts in hundredths of a second, mostly, and a run is not to last.
const SAMPLE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "half_a_second")]
    pub(crate) sample: Span,
    #[serde(default = "nine_tenths")]
    degraded_busy: Share,
    unhealthy_busy: Option<Share>,
    degraded_iowait: Option<Share>,
    unhealthy_iowait: Option<Share>,
    degraded_steal: Option<Share>,
    unhealthy_steal: Option<Share>,
    degraded_throttled: Option<Share>,
    unhealthy_throttled: Option<Share>,
    degraded_load: Option<Number>,
    unhealthy_load: Option<Number>,
}

fn half_a_second() -> Span {
    Span(Duration::from_millis(500))
}

fn nine_tenths() -> Share {
    Share(0.9)
}

impl Settings {
    pub(crate) fn busy(&self) -> Limits<Share> {
        Limits { degraded: Some(self.degraded_busy), unhealthy: self.unhealthy_busy }
    }

    pub(crate) fn iowait(&self) -> Limits<Share> {
        Limits { degraded: self.degraded_iowait, unhealthy: self.unhealthy_iowait }
    }

    pub(crate) fn steal(&self) -> Limits<Share> {
        Limits { degraded: self.degraded_steal, unhealthy: self.unhealthy_steal }
    }

    pub(crate) fn throttled(&self) -> Limits<Share> {
        Limits { degraded: self.degraded_throttled, unhealthy: self.unhealthy_throttled }
    }

    /// Of the load of a core.
    pub(crate) fn load(&self) -> Limits<Number> {
        Limits { degraded: self.degraded_load, unhealthy: self.unhealthy_load }
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        if !SAMPLE.contains(&self.sample.0) {
            problems.push(SettingProblem::new("/sample", "must be from `100ms` to `60s`"));
        }
        let shares = [
            ("busy", self.busy()),
            ("iowait", self.iowait()),
            ("steal", self.steal()),
            ("throttled", self.throttled()),
        ];
        problems.extend(shares.iter().filter_map(|(name, limits)| limits.problem_down(name)));
        for (pointer, limit) in [("/degraded_load", self.degraded_load), ("/unhealthy_load", self.unhealthy_load)] {
            if limit.is_some_and(|Number(limit)| limit <= 0.0) {
                problems.push(SettingProblem::new(pointer, "must be above 0, such as 1.5"));
            }
        }
        problems.extend(self.load().problem_down("load"));
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        probity_guest::settings::pointers(json, Settings::problems)
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        assert_eq!(pointers("{}"), Vec::<String>::new());
        assert_eq!(pointers(r#"{ "sample": "1m", "degraded_load": 2, "unhealthy_load": 4.5 }"#), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#""sample": "99ms""#, "/sample"),
            (r#""sample": "61s""#, "/sample"),
            (r#""degraded_busy": 90"#, "/degraded_busy"),
            (r#""unhealthy_busy": 0.8"#, "/degraded_busy"),
            (r#""degraded_iowait": 0.5, "unhealthy_iowait": 0.4"#, "/degraded_iowait"),
            (r#""degraded_steal": 0.5, "unhealthy_steal": 0.4"#, "/degraded_steal"),
            (r#""degraded_throttled": 0.5, "unhealthy_throttled": 0.4"#, "/degraded_throttled"),
            (r#""degraded_load": 3, "unhealthy_load": 2"#, "/degraded_load"),
            (r#""unhealthy_load": 0"#, "/unhealthy_load"),
        ] {
            assert_eq!(pointers(&format!("{{ {wrong} }}")), [pointer], "{wrong}");
        }
    }
}
