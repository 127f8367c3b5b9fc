//! What the operator configures beside the adapter's settings; settings.schema.json says what each setting means.

use probity_guest::{
    Description, SettingProblem,
    generic::{Own, pubsub},
    settings::Span,
};
use serde::Deserialize;

use crate::letter::LEAST;

/// Messages of one run: more would be a load and no examination.
const MOST_MESSAGES: usize = 100;
/// Bytes of one message: brokers usually take a megabyte, but a run's memory and fuel are for all messages together.
const MOST_BYTES: usize = 64 * 1024;
/// Characters of a channel's name: topics, subjects and queues may all be so long.
const MOST_CHANNEL: usize = 64;

/// The settings of a check.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "one")]
    pub(crate) messages: usize,
    #[serde(default = "usual_bytes")]
    pub(crate) payload_bytes: usize,
    pub(crate) channel: Option<String>,
    #[serde(default)]
    pub(crate) ignore_duplicates: bool,
    pub(crate) wait: Option<Span>,
    pub(crate) degraded_after: Option<Span>,
}

fn one() -> usize {
    1
}

fn usual_bytes() -> usize {
    64
}

impl Own for Settings {
    const SCHEMA: &str = include_str!("settings.schema.json");

    fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut problem = |pointer, message| problems.push(SettingProblem::new(pointer, message));
        if !(1..=MOST_MESSAGES).contains(&self.messages) {
            problem("/messages", format!("out of range; give 1 to {MOST_MESSAGES}"));
        }
        if !(LEAST..=MOST_BYTES).contains(&self.payload_bytes) {
            problem("/payload_bytes", format!("out of range; give {LEAST} to {MOST_BYTES}"));
        }
        let is_word = |name: &String| {
            (1..=MOST_CHANNEL).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if self.channel.as_ref().is_some_and(|name| !is_word(name)) {
            problem("/channel", format!("not a word; give 1 to {MOST_CHANNEL} letters, digits and `-`"));
        }
        if self.wait.is_some_and(|Span(wait)| wait.is_zero()) {
            problem("/wait", "nothing; leave it out, or give a span such as `2s`".to_owned());
        }
        problems
    }

    fn adapter() -> Description {
        pubsub::describe()
    }

    fn adapters_problems(adapters: &str) -> Vec<SettingProblem> {
        pubsub::validate(adapters)
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::{schema, settings};

    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(schema::between::<Settings>(Settings::SCHEMA), Ok(Vec::new()));
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        let pointers = |json| settings::pointers(json, Settings::problems);
        assert_eq!(pointers("{}"), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#"{ "messages": 0 }"#, "/messages"),
            (r#"{ "messages": 101 }"#, "/messages"),
            (r#"{ "payload_bytes": 31 }"#, "/payload_bytes"),
            (r#"{ "payload_bytes": 65537 }"#, "/payload_bytes"),
            (r#"{ "channel": "a.b" }"#, "/channel"),
            (r#"{ "channel": "" }"#, "/channel"),
            (r#"{ "wait": "0s" }"#, "/wait"),
            (r#"{ "degraded_after": "500" }"#, "/degraded_after"),
        ] {
            assert_eq!(pointers(wrong), [pointer], "{wrong}");
        }
    }
}
