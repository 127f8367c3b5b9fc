//! What the operator configures beside the adapter's settings; settings.schema.json says what each setting means.

use probity_guest::{
    Description, SettingProblem,
    generic::{Own, dht},
    settings::Span,
};
use serde::Deserialize;

/// Bytes of the shortest value: what it takes to be unlike any other.
const LEAST_BYTES: usize = 16;
/// Bytes of the longest: what all stores take, of which the mainline DHT takes the least (1000 bytes, BEP 44) and has to put some
/// around it.
const MOST_BYTES: usize = 900;

/// The settings of a check.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "usual_bytes")]
    pub(crate) value_bytes: usize,
    #[serde(default = "one")]
    pub(crate) min_nodes: usize,
    #[serde(default = "one")]
    pub(crate) min_copies: usize,
    pub(crate) degraded_after: Option<Span>,
}

fn one() -> usize {
    1
}

fn usual_bytes() -> usize {
    32
}

impl Own for Settings {
    const SCHEMA: &str = include_str!("settings.schema.json");

    fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        if !(LEAST_BYTES..=MOST_BYTES).contains(&self.value_bytes) {
            let message = format!("out of range; give {LEAST_BYTES} to {MOST_BYTES}");
            problems.push(SettingProblem::new("/value_bytes", message));
        }
        for (pointer, number) in [("/min_nodes", self.min_nodes), ("/min_copies", self.min_copies)] {
            if number == 0 {
                problems.push(SettingProblem::new(pointer, "out of range; give 1 or more"));
            }
        }
        problems
    }

    fn adapter() -> Description {
        dht::describe()
    }

    fn adapters_problems(adapters: &str) -> Vec<SettingProblem> {
        dht::validate(adapters)
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
        assert_eq!(
            pointers(r#"{ "value_bytes": 15, "min_nodes": 0, "min_copies": 0 }"#),
            ["/value_bytes", "/min_nodes", "/min_copies"]
        );
        assert_eq!(pointers(r#"{ "value_bytes": 901 }"#), ["/value_bytes"]);
        assert_eq!(pointers(r#"{ "degraded_after": "500" }"#), ["/degraded_after"]);
    }
}
