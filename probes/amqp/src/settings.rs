//! What the operator configures; settings.schema.json says what each setting means.

use probity_guest::{
    SettingProblem,
    settings::{Host, Port},
};
use serde::Deserialize;

use crate::queue::Queue;

/// Bytes of a name: its length is told by one byte (AMQP 0-9-1, section 4.2.5.3).
const MOST_NAME: usize = 255;
/// Bytes of what the name of the probe's own queue begins with: a `.` and a channel of up to 64 bytes follow.
const MOST_PREFIX: usize = 128;
/// Queues of one check: more would be an inventory and no examination.
const MOST_QUEUES: usize = 20;
/// The user that brokers come with, and its password. They let it in from their own machine alone.
pub(crate) const USUAL_USER: &str = "guest";

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) host: Host,
    #[serde(default = "usual_port")]
    pub(crate) port: Port,
    #[serde(default)]
    pub(crate) tls: bool,
    #[serde(default = "usual_vhost")]
    pub(crate) vhost: String,
    #[serde(default = "usual_user")]
    pub(crate) user: String,
    #[serde(default = "usual_user")]
    pub(crate) password: String,
    pub(crate) exchange: Option<String>,
    pub(crate) queue_prefix: Option<String>,
    #[serde(default)]
    pub(crate) queues: Vec<Queue>,
}

/// The port that AMQP is registered for (IANA).
fn usual_port() -> Port {
    Port(5672)
}

fn usual_vhost() -> String {
    "/".to_owned()
}

fn usual_user() -> String {
    USUAL_USER.to_owned()
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut wrong = |pointer: String, message| problems.push(SettingProblem::new(pointer, message));
        let is_name = |name: &str| (1..=MOST_NAME).contains(&name.len());
        let names = [("/vhost", Some(&self.vhost)), ("/user", Some(&self.user)), ("/exchange", self.exchange.as_ref())];
        for (pointer, name) in names {
            if name.is_some_and(|name| !is_name(name)) {
                wrong(pointer.to_owned(), "empty or too long; give 1 to 255 bytes");
            }
        }
        // A NUL parts it from the user's name (RFC 4616).
        for (pointer, text) in [("/user", &self.user), ("/password", &self.password)] {
            if text.contains('\0') {
                wrong(pointer.to_owned(), "has a NUL, which the mechanism PLAIN can't send; give it without one");
            }
        }
        let is_prefix = |prefix: &String| (1..=MOST_PREFIX).contains(&prefix.len()) && !prefix.starts_with("amq.");
        if self.queue_prefix.as_ref().is_some_and(|prefix| !is_prefix(prefix)) {
            let message = "no beginning of a queue's name; give 1 to 128 bytes that do not begin with `amq.`";
            wrong("/queue_prefix".to_owned(), message);
        }
        if self.queues.len() > MOST_QUEUES {
            wrong("/queues".to_owned(), "too many; give up to 20, and the others to another check");
        }
        for (index, queue) in self.queues.iter().enumerate() {
            let mut wrong = |key: &str, message| wrong(format!("/queues/{index}/{key}"), message);
            if !is_name(&queue.name) {
                wrong("name", "empty or too long; give 1 to 255 bytes");
            } else if self.queues[..index].iter().any(|other| other.word() == queue.word()) {
                wrong("name", "measured by the same name as another; give it to another check");
            }
            for (key, message) in queue.problems() {
                wrong(key, message);
            }
        }
        problems
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
        for right in [
            r#""user": "u", "password": """#,
            r#""exchange": "amq.topic", "queue_prefix": "probity", "vhost": "v""#,
            r#""queues": [{ "name": "a" }, { "name": "b", "degraded_messages_above": 1, "unhealthy_messages_above": 1 }]"#,
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", {right} }}"#)), Vec::<String>::new(), "{right}");
        }
        let long = format!(r#""vhost": "{}""#, "x".repeat(256));
        let many: Vec<String> = (0..21).map(|number| format!(r#"{{ "name": "q{number}" }}"#)).collect();
        let many = format!(r#""queues": [{}]"#, many.join(","));
        for (wrong, pointer) in [
            (r#""port": 0"#, "/port"),
            (long.as_str(), "/vhost"),
            (r#""vhost": """#, "/vhost"),
            (r#""user": """#, "/user"),
            (r#""user": "a\u0000b""#, "/user"),
            (r#""password": "a\u0000b""#, "/password"),
            (r#""exchange": """#, "/exchange"),
            (r#""queue_prefix": """#, "/queue_prefix"),
            (r#""queue_prefix": "amq.x""#, "/queue_prefix"),
            (many.as_str(), "/queues"),
            (r#""queues": [{ "name": "" }]"#, "/queues/0/name"),
            (r#""queues": [{ "name": "a" }, { "name": "b" }, { "name": "A" }]"#, "/queues/2/name"),
            (r#""queues": [{ "name": "a", "lag": 1 }]"#, "/queues/0/lag"),
            (
                r#""queues": [{ "name": "a", "degraded_messages_above": 2, "unhealthy_messages_above": 1 }]"#,
                "/queues/0/degraded_messages_above",
            ),
            (
                r#""queues": [{ "name": "a", "degraded_consumers_below": 1, "unhealthy_consumers_below": 2 }]"#,
                "/queues/0/degraded_consumers_below",
            ),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", {wrong} }}"#)), [pointer], "{wrong}");
        }
        assert_eq!(pointers(r#"{ "host": "" }"#), ["/host"]);
    }
}
