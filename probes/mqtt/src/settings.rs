//! What the operator configures; settings.schema.json says what each setting means.

use std::fmt;

use probity_guest::{
    SettingProblem,
    settings::{Host, Port},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected, Visitor},
};

/// Bytes of a text: its length is told by two bytes (MQTT 5, section 1.5.4).
const MOST_TEXT: usize = 0xffff;
/// Bytes of what topics begin with: brokers such as AWS IoT Core take 256 in all, and a channel's name follows.
const MOST_TOPIC: usize = 128;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) host: Host,
    #[serde(default = "usual_port")]
    pub(crate) port: Port,
    #[serde(default)]
    pub(crate) tls: bool,
    #[serde(default)]
    pub(crate) protocol: Version,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) client_id: Option<String>,
    #[serde(default = "usual_qos")]
    pub(crate) qos: u8,
    #[serde(default = "usual_topic")]
    pub(crate) topic: String,
    #[serde(default)]
    pub(crate) ask_version: bool,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Version {
    /// MQTT 3.1.1, which every broker speaks.
    #[default]
    V3,
    /// MQTT 5.0.
    V5,
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VersionVisitor;

        impl Visitor<'_> for VersionVisitor {
            type Value = Version;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"3.1.1\" or 5")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Version, E> {
                let known = [Version::V3, Version::V5].into_iter().find(|version| version.name() == text);
                known.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Version, E> {
                if number == 5 { Ok(Version::V5) } else { Err(E::invalid_value(Unexpected::Unsigned(number), &self)) }
            }
        }

        deserializer.deserialize_any(VersionVisitor)
    }
}

impl Version {
    /// As the setting has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V3 => "3.1.1",
            Self::V5 => "5",
        }
    }
}

/// The port that MQTT is registered for (IANA).
fn usual_port() -> Port {
    Port(1883)
}

/// The broker acknowledges what it takes.
fn usual_qos() -> u8 {
    1
}

fn usual_topic() -> String {
    "probity".to_owned()
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut wrong = |pointer, message| problems.push(SettingProblem::new(pointer, message));
        for (pointer, text) in [("/user", &self.user), ("/client_id", &self.client_id)] {
            if text.as_deref().is_some_and(|text| text.is_empty() || !is_text(text)) {
                wrong(pointer, "empty, too long, or with a NUL; leave it out, or give 1 to 65535 bytes without one");
            }
        }
        if self.password.as_ref().is_some_and(|password| password.len() > MOST_TEXT) {
            wrong("/password", "too long; MQTT has 65535 bytes for it");
        }
        if self.protocol == Version::V3 && self.password.is_some() && self.user.is_none() {
            wrong("/password", "a user's, in MQTT 3.1.1; give it as `user`, or set `protocol` to `5`");
        }
        if self.qos > 2 {
            wrong("/qos", "out of range; give 0, 1 or 2");
        }
        let is_topic = (1..=MOST_TOPIC).contains(&self.topic.len()) && is_text(&self.topic);
        if !is_topic || self.topic.starts_with('$') || self.topic.contains(['+', '#']) {
            wrong("/topic", "no topic; give up to 128 bytes without `+`, `#` and NUL that do not begin with `$`");
        }
        problems
    }
}

/// Whether the protocol can carry this as a text (MQTT 5, section 1.5.4).
fn is_text(text: &str) -> bool {
    text.len() <= MOST_TEXT && !text.contains('\0')
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
        for right in [
            r#""user": "u""#,
            r#""user": "u", "password": """#,
            r#""protocol": "5", "password": "p""#,
            r#""protocol": 5, "password": "p""#,
            r#""qos": 0, "topic": "a/b", "client_id": "c""#,
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", {right} }}"#)), Vec::<String>::new(), "{right}");
        }
        let long = format!(r#""topic": "{}""#, "x".repeat(129));
        let longer = format!(r#""user": "{}""#, "x".repeat(65_536));
        let longest = format!(r#""user": "u", "password": "{}""#, "x".repeat(65_536));
        for (wrong, pointer) in [
            (r#""port": 0"#, "/port"),
            (r#""protocol": "3.1""#, "/protocol"),
            (r#""protocol": 3"#, "/protocol"),
            (r#""protocol": 3.1"#, "/protocol"),
            (r#""password": "p""#, "/password"),
            (longest.as_str(), "/password"),
            (r#""user": """#, "/user"),
            (longer.as_str(), "/user"),
            (r#""client_id": """#, "/client_id"),
            (r#""client_id": "a\u0000""#, "/client_id"),
            (r#""qos": 3"#, "/qos"),
            (r#""qos": -1"#, "/qos"),
            (r#""topic": """#, "/topic"),
            (r#""topic": "a/#""#, "/topic"),
            (r#""topic": "+""#, "/topic"),
            (r#""topic": "$SYS""#, "/topic"),
            (r#""topic": "a\u0000""#, "/topic"),
            (long.as_str(), "/topic"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", {wrong} }}"#)), [pointer], "{wrong}");
        }
        assert_eq!(pointers(r#"{ "host": "" }"#), ["/host"]);
    }
}
