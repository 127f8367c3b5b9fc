//! What the operator configures; settings.schema.json says what each setting means.

use probity_guest::{
    SettingProblem,
    certificate::Lifetime,
    settings::{Host, Port, Span},
};
use serde::Deserialize;

use crate::starttls::StartTls;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) host: Host,
    #[serde(default = "https")]
    pub(crate) port: Port,
    server_name: Option<String>,
    pub(crate) starttls: Option<StartTls>,
    #[serde(default = "three_weeks")]
    warn_days: u32,
    #[serde(default = "a_week")]
    critical_days: u32,
    pub(crate) min_version: Option<Version>,
    pub(crate) degraded_after: Option<Span>,
}

fn https() -> Port {
    Port(443)
}

fn three_weeks() -> u32 {
    21
}

fn a_week() -> u32 {
    7
}

/// A version of TLS, from the oldest.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

impl Version {
    /// The version that the runner calls so.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Tls12, Self::Tls13].into_iter().find(|version| version.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

impl Settings {
    /// Who the server must prove to be, unless the check's own configuration knows better.
    pub(crate) fn server_name(&self) -> &str {
        match &self.server_name {
            Some(name) => name,
            None => self.host.trim_start_matches('[').trim_end_matches(']'),
        }
    }

    pub(crate) fn lifetime(&self) -> Lifetime {
        Lifetime { warn_days: Some(self.warn_days), critical_days: Some(self.critical_days) }
    }

    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        if self.server_name.as_deref() == Some("") {
            problems.push(SettingProblem::new("/server_name", "empty; leave it out if it is the host"));
        }
        problems.extend(self.lifetime().problems());
        problems
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::{self, parse};

    use super::*;

    fn problems(json: &str) -> Vec<String> {
        settings::pointers(json, Settings::problems)
    }

    #[test]
    fn settings_must_make_sense() {
        assert_eq!(problems(r#"{ "host": "a" }"#), Vec::<String>::new());
        assert_eq!(problems(r#"{ "host": "a", "server_name": "" }"#), ["/server_name"]);
        assert_eq!(problems(r#"{ "host": "a", "warn_days": 6 }"#), ["/critical_days"]);
        assert_eq!(problems(r#"{ "host": "a", "warn_days": 4000 }"#), ["/warn_days"]);
        assert!(parse::<Settings>(r#"{ "host": "a", "starttls": "ftp" }"#).is_err());
        assert!(parse::<Settings>(r#"{ "host": "a", "min_version": "1.1" }"#).is_err());
    }

    #[test]
    fn the_server_is_called_as_it_is_dialled_unless_told() {
        let name = |json: &str| parse::<Settings>(json).unwrap().server_name().to_owned();
        assert_eq!(name(r#"{ "host": "[::1]" }"#), "::1");
        assert_eq!(name(r#"{ "host": "10.0.0.1", "server_name": "a.test" }"#), "a.test");
    }
}
