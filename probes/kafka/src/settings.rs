//! What the operator configures; settings.schema.json says what each setting means.

use std::num::NonZeroU32;

use probity_guest::{
    SettingProblem,
    scram::{Hash, Sha256, Sha512},
    settings::{Host, Port, Span},
};
use serde::Deserialize;

/// The longest name of a topic (Kafka's `Topic.MAX_NAME_LENGTH`).
const LONGEST_TOPIC: usize = 249;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) host: Host,
    #[serde(default = "usual_port")]
    pub(crate) port: Port,
    #[serde(default)]
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) mechanism: Option<Mechanism>,
    pub(crate) brokers: Option<NonZeroU32>,
    pub(crate) topics: Option<Vec<String>>,
    pub(crate) min_in_sync: Option<NonZeroU32>,
    #[serde(default)]
    pub(crate) under_replicated: UnderReplicated,
    pub(crate) degraded_after: Option<Span>,
}

/// How to log in (SASL).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mechanism {
    Plain,
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

impl Mechanism {
    /// As brokers call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => Sha256::MECHANISM,
            Self::ScramSha512 => Sha512::MECHANISM,
        }
    }
}

/// What partitions come to that have replicas which are not in sync.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnderReplicated {
    Ignore,
    #[default]
    Degraded,
    Unhealthy,
}

/// Who logs in, and how.
#[derive(Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) mechanism: Mechanism,
}

/// The port of a broker in Kafka's own examples.
fn usual_port() -> Port {
    Port(9092)
}

impl Settings {
    /// How to log in, if that is to be done.
    pub(crate) fn login(&self) -> Option<Login<'_>> {
        Some(Login { user: self.user.as_ref()?, password: self.password.as_ref()?, mechanism: self.mechanism? })
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut wrong = |pointer: &str, message: &str| problems.push(SettingProblem::new(pointer, message));
        let given = [
            ("/user", self.user.is_some(), "to log in takes a name; give it as `user`"),
            ("/password", self.password.is_some(), "to log in takes a password; give it as `password`"),
            (
                "/mechanism",
                self.mechanism.is_some(),
                "to log in takes a mechanism; give `scram-sha-512`, `scram-sha-256` or `plain`, as the broker has it",
            ),
        ];
        if given.iter().any(|(_, is_given, _)| *is_given) {
            for (pointer, _, message) in given.iter().filter(|(_, is_given, _)| !is_given) {
                wrong(pointer, message);
            }
        }
        if self.user.as_deref() == Some("") {
            wrong("/user", "empty; give the name of a user such as `probe`");
        }
        for (pointer, text) in [("/user", &self.user), ("/password", &self.password)] {
            if text.as_ref().is_some_and(|text| text.contains('\0')) {
                wrong(pointer, "has the character U+0000, which ends a text when logging in; leave it out");
            }
        }
        let topics = self.topics.as_deref();
        if topics.is_some_and(<[String]>::is_empty) {
            wrong("/topics", "empty; name at least one, or leave it out to look at all");
        }
        for (index, name) in topics.unwrap_or_default().iter().enumerate() {
            if !is_topic(name) {
                let message = "not the name of a topic: up to 249 letters, digits, `.`, `_` and `-`";
                wrong(&format!("/topics/{index}"), message);
            }
        }
        problems
    }
}

/// Whether a topic may have this name (Kafka's `Topic.validate`).
fn is_topic(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !matches!(name, "" | "." | "..") && name.len() <= LONGEST_TOPIC && name.bytes().all(is_legal)
}

#[cfg(test)]
mod tests {
    use probity_guest::settings;

    use super::*;

    fn pointers(more: &str) -> Vec<String> {
        settings::pointers(&format!(r#"{{ "host": "a" {more} }}"#), Settings::problems)
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        let all = r#", "user": "u", "password": "", "mechanism": "plain""#;
        for right in ["", all, r#", "topics": ["a", "__b", "c.d-1"], "under_replicated": "ignore""#] {
            assert_eq!(pointers(right), Vec::<String>::new(), "{right}");
        }
        let long = format!(r#", "topics": ["a", "{}"]"#, "x".repeat(250));
        for (wrong, expected) in [
            (r#", "port": 0"#, vec!["/port"]),
            (r#", "user": "u""#, vec!["/password", "/mechanism"]),
            (r#", "password": "p""#, vec!["/user", "/mechanism"]),
            (r#", "mechanism": "plain""#, vec!["/user", "/password"]),
            (r#", "mechanism": "gssapi""#, vec!["/mechanism"]),
            (&all.replace("\"u\"", "\"\""), vec!["/user"]),
            (&all.replace("\"\"", "\"a\\u0000b\""), vec!["/password"]),
            (r#", "brokers": 0"#, vec!["/brokers"]),
            (r#", "min_in_sync": -1"#, vec!["/min_in_sync"]),
            (r#", "topics": []"#, vec!["/topics"]),
            (r#", "topics": [".", "", "a b", "ok", "ä"]"#, vec!["/topics/0", "/topics/1", "/topics/2", "/topics/4"]),
            (&long, vec!["/topics/1"]),
            (r#", "under_replicated": "fine""#, vec!["/under_replicated"]),
            (r#", "degraded_after": "5""#, vec!["/degraded_after"]),
        ] {
            assert_eq!(pointers(wrong), expected, "{wrong}");
        }
        assert_eq!(pointers(r#", "host": """#), ["/host"]);
    }
}
