//! `database-ping`: logs in to a database, and asks it something. What database that is, is up to the adapter that it is composed
//! with.

use std::fmt;

use probity_guest::{
    Attempt, Description, Failure, Findings, Probe, SettingProblem, Verdict,
    expected::{Expected, Number},
    generic::{
        self, Own, Shared,
        database::{self, Session},
    },
    settings::Span,
    text::first_line,
};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

/// Characters of a value that a detail shows.
const SHOWN: usize = 120;

/// The probe.
pub struct DatabasePing;

/// What the operator configures beside the adapter's settings; settings.schema.json says what each means.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    query: Option<String>,
    expect: Option<Text>,
    degraded_below: Option<Number>,
    degraded_above: Option<Number>,
    unhealthy_below: Option<Number>,
    unhealthy_above: Option<Number>,
    degraded_after: Option<Span>,
}

/// A text, or a number as it is written: that is what a database answers with as text, and what a person writes.
#[derive(Debug, PartialEq)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text such as \"on\", or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text, E> {
                Ok(Text(Number(number).to_string()))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

impl Settings {
    /// What the first value of the query's answer should be.
    fn expected(&self) -> Expected<'_> {
        Expected {
            text: self.expect.as_ref().map(|Text(text)| text.as_str()),
            degraded_below: self.degraded_below,
            degraded_above: self.degraded_above,
            unhealthy_below: self.unhealthy_below,
            unhealthy_above: self.unhealthy_above,
        }
    }
}

impl Own for Settings {
    const SCHEMA: &str = include_str!("settings.schema.json");

    fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = self.expected().problems();
        match &self.query {
            Some(query) if query.trim().is_empty() => {
                let message = "empty; leave it out, or ask something such as `SELECT count(*) FROM jobs`";
                problems.push(SettingProblem::new("/query", message));
            }
            Some(query) if query.contains('\0') => {
                let message = "has the character U+0000, which no database takes in a query; leave it out";
                problems.push(SettingProblem::new("/query", message));
            }
            None if self.expected().is_anything() => {
                let message = "missing, and its answer is expected to be something; ask for it";
                problems.push(SettingProblem::new("/query", message));
            }
            _ => {}
        }
        problems
    }

    fn adapter() -> Description {
        database::describe()
    }

    fn adapters_problems(adapters: &str) -> Vec<SettingProblem> {
        database::validate(adapters)
    }
}

impl Probe for DatabasePing {
    type Settings = Shared<Settings>;

    fn describe() -> Description {
        generic::describe::<Settings>(database::describe())
    }

    fn check(settings: &Shared<Settings>, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let session = Session::open(&settings.adapters, attempt.run())?;
        let came = examine(&settings.own, &session, attempt);
        session.close();
        came
    }
}

/// The verdict on a database that let the probe in.
fn examine(settings: &Settings, session: &Session, attempt: &mut Attempt) -> Result<Verdict, Failure> {
    let row = match &settings.query {
        None => attempt.phase("ping", |_| session.ping()).map(|()| None)?,
        Some(query) => attempt.phase("query", |_| session.query(query))?,
    };
    let value = row.as_ref().and_then(|row| row.first()?.as_deref());

    let mut findings = Findings::default();
    settings.expected().judge(value.map(str::as_bytes), "the query", &mut findings);
    let praise = match &settings.query {
        None => "answered",
        Some(_) if settings.expected().is_anything() => "answered the query as expected",
        Some(_) => "answered the query",
    };
    let mut verdict = generic::verdict(findings, session.examine(), |findings| {
        findings.verdict(attempt, settings.degraded_after, &session.peer(), praise)
    })?;
    if let Some(value) = value {
        verdict = match Number::parse(value.as_bytes()) {
            Some(Number(number)) => verdict.measurement("value", "1", number),
            None => verdict.detail("value", first_line(value, SHOWN)),
        };
    }
    Ok(verdict)
}

probity_guest::export!(DatabasePing);

#[cfg(test)]
mod tests {
    use probity_guest::{schema, settings};

    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(schema::between::<Settings>(Settings::SCHEMA), Ok(Vec::new()));
    }

    #[test]
    fn a_number_is_expected_as_the_text_that_it_is() {
        for (written, text) in [("12", "12"), ("-3", "-3"), ("12.5", "12.5"), (r#""012""#, "012")] {
            let json = format!(r#"{{ "query": "q", "expect": {written} }}"#);
            assert_eq!(settings::parse::<Settings>(&json).unwrap().expected().text, Some(text));
        }
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        let pointers = |json| settings::pointers(json, Settings::problems);
        assert_eq!(pointers("{}"), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#"{ "query": " " }"#, "/query"),
            (r#"{ "query": "a\u0000b" }"#, "/query"),
            (r#"{ "expect": "1" }"#, "/query"),
            (r#"{ "expect": 1 }"#, "/query"),
            (r#"{ "query": "q", "expect": [] }"#, "/expect"),
            (r#"{ "query": "q", "unhealthy_above": 1, "degraded_above": 2 }"#, "/degraded_above"),
            (r#"{ "degraded_after": "500" }"#, "/degraded_after"),
        ] {
            assert_eq!(pointers(wrong), [pointer], "{wrong}");
        }
    }
}
