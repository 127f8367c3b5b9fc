//! What the operator configures; settings.schema.json says what each setting means.

use std::collections::BTreeMap;

use probity_guest::{
    SettingProblem,
    certificate::Lifetime,
    comparison::Comparison,
    http,
    json::Pointer,
    settings::{Span, escape},
    url::Url,
};
use serde::Deserialize;

use crate::statuses::Statuses;

/// Bytes of a body that are allowed unless the operator says otherwise.
const USUAL_BODY: u32 = 1024 * 1024;

/// Bytes of a body that can be allowed. A buffer that grows to it takes up to four times as much, and runners usually give a
/// probe 64 MiB.
const MOST_BODY: u32 = 8 * 1024 * 1024;

/// Values that can be looked for in one body: more are a test of the target, and not of its health.
const MOST_VALUES: usize = 50;

/// Headers that the runner has a use of its own for, in lower case.
const KEPT: [&str; 8] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// Redirects that can be followed, as many as browsers do.
const MOST_REDIRECTS: u8 = 20;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) url: Url,
    #[serde(default = "get")]
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    #[serde(default)]
    pub(crate) body: String,
    #[serde(default = "success")]
    pub(crate) expect_status: Vec<Statuses>,
    #[serde(default)]
    pub(crate) expect_header: BTreeMap<String, Comparison>,
    #[serde(default)]
    pub(crate) expect_body: Vec<Comparison>,
    #[serde(default)]
    pub(crate) reject_body: Vec<String>,
    #[serde(default)]
    pub(crate) expect_json: BTreeMap<String, Comparison>,
    #[serde(default = "usual_body")]
    pub(crate) max_body: u32,
    #[serde(default)]
    pub(crate) follow_redirects: u8,
    warn_days: Option<u32>,
    critical_days: Option<u32>,
    pub(crate) degraded_after: Option<Span>,
}

fn get() -> String {
    "GET".to_owned()
}

fn success() -> Vec<Statuses> {
    vec![Statuses::SUCCESS]
}

fn usual_body() -> u32 {
    USUAL_BODY
}

impl Settings {
    /// How long the servers' certificates should still be valid; `None` if that is not judged.
    pub(crate) fn lifetime(&self) -> Option<Lifetime> {
        let lifetime = Lifetime { warn_days: self.warn_days, critical_days: self.critical_days };
        (lifetime != Lifetime::default()).then_some(lifetime)
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = self.lifetime().map(Lifetime::problems).unwrap_or_default();
        let mut problem = |pointer: String, message: &str| problems.push(SettingProblem::new(pointer, message));

        if !http::is_token(&self.method) {
            problem("/method".to_owned(), "not a method; write one such as GET, HEAD or POST");
        }
        for (name, value) in &self.headers {
            let pointer = || format!("/headers/{}", escape(name));
            if let Some(message) = http::header_problem(name, value) {
                problem(pointer(), message);
            }
            if KEPT.contains(&name.to_ascii_lowercase().as_str()) {
                problem(pointer(), "the runner sees to this by itself; leave it out");
            }
            if name.eq_ignore_ascii_case("content-length") {
                problem(pointer(), "the length of `body` is sent by itself; leave this out");
            }
            if name.eq_ignore_ascii_case("authorization") && self.username.is_some() {
                problem(pointer(), "excludes `username` and `password`, which are sent in it; leave one out");
            }
        }
        if self.username.is_some() != self.password.is_some() {
            problem("/username".to_owned(), "a user has a password, and a password a user; give both or none");
        }
        if self.username.as_ref().is_some_and(|name| name.contains(':')) {
            problem("/username".to_owned(), "has a colon, after which the server would take it for the password");
        }
        if self.expect_status.is_empty() {
            problem("/expect_status".to_owned(), "no status would be right; name one, or leave it out for 2xx");
        }
        if self.method == "HEAD" && !self.expect_body.is_empty() {
            problem("/expect_body".to_owned(), "there is no body in the answer to HEAD; ask with GET");
        }
        if self.method == "HEAD" && !self.expect_json.is_empty() {
            problem("/expect_json".to_owned(), "there is no body in the answer to HEAD; ask with GET");
        }
        for name in self.expect_header.keys().filter(|name| !http::is_token(name)) {
            problem(format!("/expect_header/{}", escape(name)), "not the name of a header; write one such as `etag`");
        }
        let idle = self.expect_body.iter().map(Comparison::is_idle);
        let empty = self.reject_body.iter().map(String::is_empty);
        for (name, index, is_idle) in (idle.enumerate().map(|(index, is_idle)| ("expect_body", index, is_idle)))
            .chain(empty.enumerate().map(|(index, is_idle)| ("reject_body", index, is_idle)))
        {
            if is_idle {
                problem(format!("/{name}/{index}"), "empty, which every body contains; name a text");
            }
        }
        for pointer in self.expect_json.keys().filter(|pointer| Pointer::parse(pointer).is_none()) {
            let message = "not a JSON pointer; write one such as `/raft/peers` (RFC 6901), of 32 steps at most";
            problem(format!("/expect_json/{}", escape(pointer)), message);
        }
        if self.expect_json.len() > MOST_VALUES {
            problem("/expect_json".to_owned(), "more than 50 values");
        }
        if self.max_body > MOST_BODY {
            problem("/max_body".to_owned(), "more than 8388608 bytes, which a probe has no room for");
        }
        if self.follow_redirects > MOST_REDIRECTS {
            problem("/follow_redirects".to_owned(), "more than 20");
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
        assert_eq!(pointers(r#"{ "url": "http://a/" }"#), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#""method": "GET /""#, "/method"),
            (r#""method": """#, "/method"),
            (r#""headers": { "a b": "" }"#, "/headers/a b"),
            (r#""headers": { "a/b": "" }"#, "/headers/a~1b"),
            (r#""headers": { "a": "b\r\nc: d" }"#, "/headers/a"),
            (r#""headers": { "Content-Length": "1" }"#, "/headers/Content-Length"),
            (r#""headers": { "Connection": "close" }"#, "/headers/Connection"),
            (r#""method": "HEAD", "expect_body": ["a"]"#, "/expect_body"),
            (r#""method": "HEAD", "expect_json": { "/a": 1 }"#, "/expect_json"),
            (r#""username": "a""#, "/username"),
            (r#""password": "a""#, "/username"),
            (r#""username": "a:b", "password": """#, "/username"),
            (r#""headers": { "Authorization": "" }, "username": "a", "password": """#, "/headers/Authorization"),
            (r#""expect_status": []"#, "/expect_status"),
            (r#""expect_status": [200, 99]"#, "/expect_status/1"),
            (r#""expect_status": ["2x"]"#, "/expect_status/0"),
            (r#""expect_header": { "a b": "" }"#, "/expect_header/a b"),
            (r#""expect_header": { "etag": { "matches": "(" } }"#, "/expect_header/etag/matches"),
            (r#""expect_body": [""]"#, "/expect_body/0"),
            (r#""expect_body": ["a", { "contains": "" }]"#, "/expect_body/1"),
            (r#""expect_body": [{ "has": "a" }]"#, "/expect_body/0/has"),
            (r#""expect_body": [{ "matches": "a**b)" }]"#, "/expect_body/0/matches"),
            (r#""reject_body": ["a", ""]"#, "/reject_body/1"),
            (r#""expect_json": { "status": "UP" }"#, "/expect_json/status"),
            (r#""expect_json": { "/a/b": { "<": "many" } }"#, "/expect_json/~1a~1b/<"),
            (r#""max_body": 8388609"#, "/max_body"),
            (r#""follow_redirects": 21"#, "/follow_redirects"),
            (r#""warn_days": 5, "critical_days": 6"#, "/critical_days"),
            (r#""degraded_after": "500""#, "/degraded_after"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "url": "http://a/", {wrong} }}"#)), [pointer], "{wrong}");
        }
        assert_eq!(pointers(r#"{ "url": "example.org" }"#), ["/url"]);
    }
}
