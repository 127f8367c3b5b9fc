//! What the operator configures; settings.schema.json says what each setting means.

use probity_guest::{
    SettingProblem,
    settings::{Host, Port},
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
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) token: Option<String>,
    #[serde(default = "usual_subject")]
    pub(crate) subject: String,
    pub(crate) stream: Option<String>,
    pub(crate) consumer: Option<String>,
    pub(crate) lag_warn: Option<u64>,
    pub(crate) lag_critical: Option<u64>,
}

/// The port that NATS is registered for (IANA).
fn usual_port() -> Port {
    Port(4222)
}

/// Below what clients get answers at, which users that may do little else are usually permitted.
fn usual_subject() -> String {
    "_INBOX.probity".to_owned()
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut wrong = |pointer, message| problems.push(SettingProblem::new(pointer, message));
        match (&self.user, &self.password) {
            (Some(_), None) => wrong("/user", "a user has a password; give it as `password`"),
            (None, Some(_)) => wrong("/password", "a password is a user's; give it as `user`"),
            _ => {}
        }
        if self.token.is_some() && self.user.is_some() {
            wrong("/token", "in the place of a user and a password; leave one of the two out");
        }
        if !self.subject.split('.').all(is_token) {
            wrong("/subject", "not a subject without wildcards, such as `_INBOX.probity`");
        }
        if self.stream.as_deref().is_some_and(|name| !is_name(name)) {
            wrong("/stream", "not a name; it has no spaces, `.`, `*`, `>`, `/` and `\\`");
        }
        if self.consumer.as_deref().is_some_and(|name| !is_name(name)) {
            wrong("/consumer", "not a name; it has no spaces, `.`, `*`, `>`, `/` and `\\`");
        }
        if self.consumer.is_some() && self.stream.is_none() {
            wrong("/consumer", "of no stream; give that as `stream`");
        }
        if self.consumer.is_none() {
            for (pointer, limit) in [("/lag_warn", self.lag_warn), ("/lag_critical", self.lag_critical)] {
                if limit.is_some() {
                    wrong(pointer, "the lag of nobody; give the consumer as `consumer`");
                }
            }
        }
        if let (Some(warn), Some(critical)) = (self.lag_warn, self.lag_critical)
            && warn > critical
        {
            wrong("/lag_warn", "more than `lag_critical`; it must come first");
        }
        problems
    }

    /// Names of the fields that log in, and their values.
    pub(crate) fn credentials(&self) -> Vec<(&'static str, &str)> {
        let all = [("user", &self.user), ("pass", &self.password), ("auth_token", &self.token)];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

/// Whether this is one part of a subject, and no wildcard.
fn is_token(token: &str) -> bool {
    !token.is_empty() && !token.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | '>'))
}

/// Whether a stream or a consumer may have this name.
fn is_name(name: &str) -> bool {
    is_token(name) && !name.contains(['.', '/', '\\'])
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::{self, parse};

    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        settings::pointers(json, Settings::problems)
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        for right in [
            r#""user": "u", "password": "", "subject": "a""#,
            r#""stream": "S", "consumer": "c", "lag_warn": 0, "lag_critical": 0"#,
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", {right} }}"#)), Vec::<String>::new(), "{right}");
        }
        for (wrong, pointer) in [
            (r#""user": "u""#, "/user"),
            (r#""password": "p""#, "/password"),
            (r#""token": "t", "user": "u", "password": "p""#, "/token"),
            (r#""subject": """#, "/subject"),
            (r#""subject": "a..b""#, "/subject"),
            (r#""subject": "a.*""#, "/subject"),
            (r#""subject": "a b""#, "/subject"),
            (r#""subject": "a\r\nPUB b 0""#, "/subject"),
            (r#""stream": "a.b""#, "/stream"),
            (r#""stream": """#, "/stream"),
            (r#""stream": "S", "consumer": "c>""#, "/consumer"),
            (r#""consumer": "c""#, "/consumer"),
            (r#""stream": "S", "lag_warn": 1"#, "/lag_warn"),
            (r#""stream": "S", "lag_critical": 1"#, "/lag_critical"),
            (r#""stream": "S", "consumer": "c", "lag_warn": -1"#, "/lag_warn"),
            (r#""stream": "S", "consumer": "c", "lag_warn": 2, "lag_critical": 1"#, "/lag_warn"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", {wrong} }}"#)), [pointer], "{wrong}");
        }
        assert_eq!(pointers(r#"{ "host": "" }"#), ["/host"]);
    }

    #[test]
    fn credentials_are_those_that_are_given() {
        let fields = |json: &str| {
            let settings: Settings = parse(&format!(r#"{{ "host": "a" {json} }}"#)).unwrap();
            settings.credentials().into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(fields(""), Vec::<String>::new());
        assert_eq!(fields(r#", "user": "u", "password": "p""#), ["user=u", "pass=p"]);
        assert_eq!(fields(r#", "token": "t""#), ["auth_token=t"]);
    }
}
