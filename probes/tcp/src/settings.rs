//! What the operator configures; settings.schema.json says what each setting means.

use std::fmt;

use probity_guest::{
    SettingProblem,
    pattern::Pattern,
    settings::{Host, Port, Span},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

/// Steps of a dialogue: more are a test of the target, and not of its health.
const MOST_STEPS: usize = 32;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) host: Host,
    pub(crate) port: Port,
    #[serde(default)]
    pub(crate) tls: bool,
    send: Option<String>,
    expect: Option<Expected>,
    #[serde(default)]
    dialogue: Vec<Step>,
    pub(crate) degraded_after: Option<Span>,
}

/// One exchange of a dialogue.
#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) send: Option<String>,
    pub(crate) expect: Option<Expected>,
    /// Whether the conversation goes on over TLS.
    #[serde(default)]
    pub(crate) starttls: bool,
}

/// What an answer must have in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    /// This, anywhere.
    Text(String),
    /// A line that matches.
    Line(Pattern),
}

impl Settings {
    /// What is said and heard, in turn.
    pub(crate) fn steps(&self) -> Vec<Step> {
        if self.send.is_none() && self.expect.is_none() {
            return self.dialogue.clone();
        }
        vec![Step { send: self.send.clone(), expect: self.expect.clone(), starttls: false }]
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut complain = |pointer: &str, message: &str| problems.push(SettingProblem::new(pointer, message));
        if !self.dialogue.is_empty() && (self.send.is_some() || self.expect.is_some()) {
            complain("/dialogue", "excludes `send` and `expect`; write them as its first step");
        }
        if self.dialogue.len() > MOST_STEPS {
            complain("/dialogue", "more than 32 steps");
        }
        let mut secure = self.tls;
        for (at, step) in self.dialogue.iter().enumerate() {
            if *step == Step::default() {
                complain(
                    &format!("/dialogue/{at}"),
                    "empty; say what to `send`, what to `expect`, or `starttls = true`",
                );
            }
            if step.starttls && secure {
                complain(&format!("/dialogue/{at}/starttls"), "the connection is secure by then; leave it out");
            }
            secure |= step.starttls;
        }
        problems
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        enum Operator {
            #[serde(rename = "matches")]
            Matches,
        }

        struct ExpectedVisitor;

        impl<'de> Visitor<'de> for ExpectedVisitor {
            type Value = Expected;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a regular expression such as { matches = \"^220 \" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Expected, E> {
                Ok(Expected::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expected, A::Error> {
                let mut expected = None;
                while let Some(Operator::Matches) = map.next_key()? {
                    expected = Some(Expected::Line(map.next_value()?));
                }
                expected.ok_or_else(|| de::Error::invalid_length(0, &self))
            }
        }

        deserializer.deserialize_any(ExpectedVisitor)
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings;

    use super::*;

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        let pointers =
            |more: &str| settings::pointers(&format!(r#"{{ "host": "a", "port": 1{more} }}"#), Settings::problems);
        for right in [
            "",
            r#", "send": "a", "expect": """#,
            r#", "tls": true, "expect": { "matches": "^2" }"#,
            r#", "dialogue": [{ "expect": "a" }, { "send": "b", "starttls": true }, { "send": "c" }]"#,
        ] {
            assert_eq!(pointers(right), Vec::<String>::new(), "{right}");
        }
        for (wrong, pointer) in [
            (r#", "expect": 5"#, "/expect"),
            (r#", "expect": {}"#, "/expect"),
            (r#", "expect": { "match": "a" }"#, "/expect/match"),
            (r#", "expect": { "matches": "(" }"#, "/expect/matches"),
            (r#", "send": "a", "dialogue": [{ "send": "b" }]"#, "/dialogue"),
            (r#", "dialogue": [{ "send": "a" }, {}]"#, "/dialogue/1"),
            (r#", "dialogue": [{ "say": "a" }]"#, "/dialogue/0/say"),
            (r#", "tls": true, "dialogue": [{ "starttls": true }]"#, "/dialogue/0/starttls"),
            (r#", "dialogue": [{ "starttls": true }, { "starttls": true }]"#, "/dialogue/1/starttls"),
            (r#", "degraded_after": "500""#, "/degraded_after"),
        ] {
            assert_eq!(pointers(wrong), [pointer], "{wrong}");
        }
        let many = vec![r#"{ "send": "a" }"#; 33].join(",");
        assert_eq!(pointers(&format!(r#", "dialogue": [{many}]"#)), ["/dialogue"]);
        let with_port = r#"{ "host": "db.internal:5432", "port": 1 }"#;
        assert_eq!(settings::pointers(with_port, Settings::problems), ["/host"]);
    }
}
