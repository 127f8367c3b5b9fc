//! What the operator configures beside the probe's own settings; settings.schema.json says what each setting means.

use std::time::Duration;

use probity_guest::{
    SettingProblem,
    settings::{Endpoint, Span},
};
use serde::Deserialize;

use crate::id::Id;

/// Values of others that are looked for: each is a look-up of its own, for which there is the time-out of one run.
const MOST_KEYS: usize = 8;
/// Nodes to begin with. Each is asked, and one is enough.
const MOST_BOOTSTRAP: usize = 16;

/// The settings of a check.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) bootstrap: Vec<Endpoint>,
    #[serde(default = "one")]
    pub(crate) min_peers: usize,
    #[serde(default = "one")]
    pub(crate) unhealthy_below: usize,
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    #[serde(default = "usual_wait")]
    pub(crate) wait: Span,
}

fn one() -> usize {
    1
}

/// More than a way around the world and back. A public network has many nodes that are gone, each of which takes that long.
fn usual_wait() -> Span {
    Span(Duration::from_millis(500))
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut complain = |pointer: &str, message: &str| problems.push(SettingProblem::new(pointer, message));
        match self.bootstrap.len() {
            0 => complain("/bootstrap", "empty; name a node to begin with, such as `dht-1.internal:6881`"),
            1..=MOST_BOOTSTRAP => {}
            _ => complain("/bootstrap", "too many; 16 nodes to begin with are enough, and one is"),
        }
        for (pointer, number) in [("/min_peers", self.min_peers), ("/unhealthy_below", self.unhealthy_below)] {
            if number == 0 {
                complain(pointer, "out of range; give 1 or more");
            }
        }
        if self.keys.len() > MOST_KEYS {
            complain("/keys", "too many; a run has time to look for 8");
        }
        for (at, key) in self.keys.iter().enumerate().filter(|(_, key)| Id::parse(key).is_none()) {
            complain(&format!("/keys/{at}"), &format!("{key:?} is not the key of a value: 40 hexadecimal digits"));
        }
        if self.wait.0.is_zero() {
            complain("/wait", "no time at all; give a span such as `1s`");
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::pointers;

    use super::*;

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        let pointers = |json: &str| pointers(json, Settings::problems);
        assert_eq!(pointers(r#"{ "bootstrap": ["a:1"] }"#), Vec::<String>::new());
        let all = r#"{ "bootstrap": [], "min_peers": 0, "unhealthy_below": 0, "wait": "0s" }"#;
        assert_eq!(pointers(all), ["/bootstrap", "/min_peers", "/unhealthy_below", "/wait"]);
        assert_eq!(pointers(r#"{ "bootstrap": ["a:1", "*"] }"#), ["/bootstrap/1"]);
        let keys = |keys: &str| pointers(&format!(r#"{{ "bootstrap": ["a:1"], "keys": [{keys}] }}"#));
        let good = format!("{:?}", "e5f96f6f38320f0f33959cb4d3d656452117aadb");
        assert_eq!(keys(&good), Vec::<String>::new());
        assert_eq!(keys(&format!(r#"{good}, "magnet:", "é""#)), ["/keys/1", "/keys/2"]);
        assert_eq!(keys(&vec![good; 9].join(",")), ["/keys"]);
        let many = vec![r#""a:1""#; 17].join(",");
        assert_eq!(pointers(&format!(r#"{{ "bootstrap": [{many}] }}"#)), ["/bootstrap"]);
    }
}
