//! What the operator configures of the server; settings.schema.json says what each setting means.

use std::fmt;

use probity_guest::{
    SettingProblem,
    settings::{Host, Port, Share},
};
use serde::Deserialize;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) host: Host,
    #[serde(default = "usual_port")]
    pub(crate) port: Port,
    #[serde(default)]
    pub(crate) tls: bool,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: Option<u32>,
    pub(crate) prefix: Option<String>,
    pub(crate) role: Option<Role>,
    pub(crate) memory_warn: Option<Share>,
    pub(crate) memory_critical: Option<Share>,
}

/// The port that Redis is registered for (IANA).
fn usual_port() -> Port {
    Port(6379)
}

/// What the keys and channels of the probes begin with, unless the operator says otherwise: such that a user can be held to them.
const USUAL_PREFIX: &str = "probity:";

/// What a server is to its data.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Master,
    Replica,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Replica => "replica",
        })
    }
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        if self.username.is_some() && self.password.is_none() {
            let message = "a user has a password; give it as `password`, or leave the user out";
            problems.push(SettingProblem::new("/username", message));
        }
        if let (Some(warn), Some(critical)) = (self.memory_warn, self.memory_critical)
            && warn > critical
        {
            problems.push(SettingProblem::new("/memory_warn", "more than `memory_critical`; it must come first"));
        }
        problems
    }

    /// The same where nothing is written.
    pub(crate) fn problems_of_reader(&self) -> Vec<SettingProblem> {
        let mut problems = self.problems();
        if self.prefix.is_some() {
            let message = "of no use to `redis`, which has neither keys nor channels of its own; leave it out";
            problems.push(SettingProblem::new("/prefix", message));
        }
        problems
    }

    /// What the name of a key or a channel begins with.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or(USUAL_PREFIX)
    }

    /// Whether the server's own account of itself is needed to judge it.
    pub(crate) fn ask_for_info(&self) -> bool {
        self.role.is_some() || self.memory_warn.is_some() || self.memory_critical.is_some()
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings;

    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        settings::pointers(json, Settings::problems)
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        let all = r#"{ "host": "a", "username": "u", "password": "", "memory_warn": 0.8, "memory_critical": 0.8 }"#;
        assert_eq!(pointers(all), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#""username": "u""#, "/username"),
            (r#""database": -1"#, "/database"),
            (r#""role": "slave""#, "/role"),
            (r#""memory_warn": 80"#, "/memory_warn"),
            (r#""memory_warn": 0.9, "memory_critical": 0.8"#, "/memory_warn"),
            (r#""tls": "yes""#, "/tls"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", {wrong} }}"#)), [pointer], "{wrong}");
        }
        assert_eq!(pointers(r#"{ "host": "" }"#), ["/host"]);
        let prefixed = r#"{ "host": "a", "prefix": "p:" }"#;
        assert_eq!(pointers(prefixed), Vec::<String>::new());
        assert_eq!(settings::pointers(prefixed, Settings::problems_of_reader), ["/prefix"]);
    }
}
