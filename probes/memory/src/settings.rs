//! What the operator configures; settings.schema.json says what each setting means.

use probity_guest::{
    SettingProblem,
    limits::{Limits, Room},
    settings::{Share, Size},
};
use serde::Deserialize;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    pub(crate) of: Whose,
    degraded_available: Option<Share>,
    unhealthy_available: Option<Share>,
    degraded_available_bytes: Option<Size>,
    unhealthy_available_bytes: Option<Size>,
    degraded_swap_used: Option<Share>,
    unhealthy_swap_used: Option<Share>,
}

/// Whose memory is looked at.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Whose {
    /// The machine's, and that of the group as far as there is one that has less.
    #[default]
    Both,
    Machine,
    ControlGroup,
}

impl Settings {
    pub(crate) fn room(&self) -> Room {
        self.own_room().or_usual()
    }

    fn own_room(&self) -> Room {
        Room {
            share: Limits { degraded: self.degraded_available, unhealthy: self.unhealthy_available },
            bytes: Limits { degraded: self.degraded_available_bytes, unhealthy: self.unhealthy_available_bytes },
        }
    }

    pub(crate) fn swap_used(&self) -> Limits<Share> {
        Limits { degraded: self.degraded_swap_used, unhealthy: self.unhealthy_swap_used }
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = self.own_room().problems();
        problems.extend(self.swap_used().problem_down("swap_used"));
        if self.of == Whose::ControlGroup && !self.swap_used().is_none() {
            let message = "excludes limits on swap, which is the machine's; leave `of` out, or the limits";
            problems.push(SettingProblem::new("/of", message));
        }
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
        for (wrong, pointer) in [
            (r#""of": "cgroup""#, "/of"),
            (r#""of": "control-group", "degraded_swap_used": 0.5"#, "/of"),
            (r#""degraded_available": 0"#, "/degraded_available"),
            (r#""degraded_available": 0.1, "unhealthy_available": 0.2"#, "/degraded_available"),
            (r#""unhealthy_available_bytes": "512""#, "/unhealthy_available_bytes"),
            (r#""degraded_swap_used": 0.9, "unhealthy_swap_used": 0.8"#, "/degraded_swap_used"),
        ] {
            assert_eq!(pointers(&format!("{{ {wrong} }}")), [pointer], "{wrong}");
        }
    }
}
