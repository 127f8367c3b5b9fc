//! What the operator configures; settings.schema.json says what each setting means.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use probity_guest::{
    SettingProblem, http,
    settings::{Span, escape},
    url::Url,
};
use serde::{
    Deserialize, Deserializer,
    de::{Unexpected, Visitor},
};

/// Bytes of a body that are allowed unless the operator says otherwise.
const USUAL_BODY: u32 = 1024 * 1024;

/// Bytes of a body that can be allowed. A buffer that grows to it takes up to four times as much, and runners usually give a
/// probe 64 MiB.
const MOST_BODY: u32 = 8 * 1024 * 1024;

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
    #[serde(default)]
    pub(crate) body: String,
    #[serde(default = "success")]
    pub(crate) expect_status: Vec<Statuses>,
    #[serde(default)]
    pub(crate) expect_header: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) expect_body: Vec<String>,
    #[serde(default)]
    pub(crate) reject_body: Vec<String>,
    #[serde(default = "usual_body")]
    pub(crate) max_body: u32,
    #[serde(default)]
    pub(crate) follow_redirects: u8,
    pub(crate) degraded_after: Option<Span>,
}

fn get() -> String {
    "GET".to_owned()
}

fn success() -> Vec<Statuses> {
    vec![Statuses(200..=299)]
}

fn usual_body() -> u32 {
    USUAL_BODY
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut problem = |pointer: String, message: &str| problems.push(SettingProblem::new(pointer, message));

        if !http::is_token(&self.method) {
            problem("/method".to_owned(), "not a method; write one such as GET, HEAD or POST");
        }
        for (name, value) in &self.headers {
            let pointer = || format!("/headers/{}", escape(name));
            if let Some(message) = http::header_problem(name, value) {
                problem(pointer(), message);
            }
            if name.eq_ignore_ascii_case("content-length") {
                problem(pointer(), "the length of `body` is sent by itself; leave this out");
            }
        }
        if self.expect_status.is_empty() {
            problem("/expect_status".to_owned(), "no status would be right; name one, or leave it out for 200-299");
        }
        for (name, texts) in [("expect_body", &self.expect_body), ("reject_body", &self.reject_body)] {
            for (index, _) in texts.iter().enumerate().filter(|(_, text)| text.is_empty()) {
                problem(format!("/{name}/{index}"), "empty, which every body contains; name a text");
            }
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

/// Status codes that will do: one (`200`), or a range (`"200-299"`).
#[derive(PartialEq)]
pub(crate) struct Statuses(RangeInclusive<u16>);

/// Three digits.
const STATUS_CODES: RangeInclusive<u16> = 100..=999;

impl Statuses {
    pub(crate) fn contain(&self, status: u16) -> bool {
        self.0.contains(&status)
    }

    fn parse_range(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        let code = |text: &str| text.parse().ok().filter(|code| STATUS_CODES.contains(code));
        let range = code(first)?..=code(last)?;
        (!range.is_empty()).then_some(Self(range))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StatusesVisitor;

        impl Visitor<'_> for StatusesVisitor {
            type Value = Statuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status code such as 200, or a range such as \"200-299\"")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Statuses, E> {
                match u16::try_from(number) {
                    Ok(code) if STATUS_CODES.contains(&code) => Ok(Statuses(code..=code)),
                    _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Statuses, E> {
                Statuses::parse_range(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(StatusesVisitor)
    }
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
        assert_eq!(pointers(r#"{ "url": "http://a/" }"#), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#""method": "GET /""#, "/method"),
            (r#""method": """#, "/method"),
            (r#""headers": { "a b": "" }"#, "/headers/a b"),
            (r#""headers": { "a/b": "" }"#, "/headers/a~1b"),
            (r#""headers": { "a": "b\r\nc: d" }"#, "/headers/a"),
            (r#""headers": { "Content-Length": "1" }"#, "/headers/Content-Length"),
            (r#""expect_status": []"#, "/expect_status"),
            (r#""expect_status": [200, 99]"#, "/expect_status/1"),
            (r#""expect_status": ["299-200"]"#, "/expect_status/0"),
            (r#""expect_status": ["2xx"]"#, "/expect_status/0"),
            (r#""expect_body": [""]"#, "/expect_body/0"),
            (r#""reject_body": ["a", ""]"#, "/reject_body/1"),
            (r#""max_body": 8388609"#, "/max_body"),
            (r#""follow_redirects": 21"#, "/follow_redirects"),
            (r#""degraded_after": "500""#, "/degraded_after"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "url": "http://a/", {wrong} }}"#)), [pointer], "{wrong}");
        }
        assert_eq!(pointers(r#"{ "url": "example.org" }"#), ["/url"]);
    }

    #[test]
    fn statuses_are_shown_as_written() {
        let statuses: Vec<Statuses> = parse(r#"[200, "400-499"]"#).unwrap();
        assert!(statuses[1].contain(404) && !statuses[1].contain(500));
        assert_eq!(statuses.iter().map(Statuses::to_string).collect::<Vec<_>>(), ["200", "400-499"]);
    }
}
