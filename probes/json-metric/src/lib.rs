//! `json-metric`: fetches figures as JSON or as Prometheus metrics, and holds them to limits.

mod exposition;
mod figure;
mod settings;

use std::{collections::BTreeMap, time::Duration};

use probity_guest::{
    Attempt, Description, Failure, Findings, Probe, SettingProblem, Verdict,
    expected::Number,
    http,
    text::{excerpt, first_line},
};

pub use crate::settings::Settings;
use crate::{
    figure::{Document, growth},
    settings::Rule,
};

/// Bytes of a document: the metrics of a large server have a few. A guest has 64 MiB, and JSON takes some times its length.
const MOST: usize = 4 * 1024 * 1024;
/// Characters of what a target said that a verdict shows.
const SHOWN: usize = 120;
/// Sent unless the operator names another: some servers refuse requests that do not say whose they are.
const USER_AGENT: &str = concat!("probity/", env!("CARGO_PKG_VERSION"));

/// The probe.
pub struct JsonMetric;

impl Probe for JsonMetric {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Fetches figures as JSON or as Prometheus metrics, and holds them to limits.";
        Description::new("json-metric", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(10))
            .grant("url:{url}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let body = fetch(settings, attempt)?;
        let Some(document) = Document::read(&body) else {
            return Err(Failure::Unhealthy(format!("{} answered with something that is no text", settings.url)));
        };
        // What the counters were at the last run; nothing at the first.
        let before: BTreeMap<String, f64> = serde_json::from_slice(&attempt.run().state).unwrap_or_default();
        let mut now = BTreeMap::new();
        let mut findings = Findings::default();
        let mut figures = Vec::new();
        for rule in &settings.rules {
            let figure = document.figure(rule);
            match judge(rule, figure, &before, &mut now, &mut findings) {
                Some(figure) => figures.push((rule.name.as_str(), figure)),
                None => continue,
            }
        }
        let praise =
            format!("has {} as {} should be", counted(figures.len()), if figures.len() == 1 { "it" } else { "they" });
        let target = settings.url.to_string();
        let mut verdict = findings.verdict(attempt, settings.degraded_after, &target, &praise);
        for (name, figure) in figures {
            verdict = match Number::parse(figure.as_bytes()) {
                Some(Number(number)) => verdict.measurement(name, "1", number),
                None => verdict,
            };
            verdict = verdict.detail(name, first_line(&figure, SHOWN));
        }
        // A map of texts and numbers can always be written.
        Ok(verdict.state(serde_json::to_vec(&now).unwrap_or_default()))
    }
}

/// What the target answers with, if it answers well.
fn fetch(settings: &Settings, attempt: &mut Attempt) -> Result<Vec<u8>, Failure> {
    let mut headers: Vec<_> =
        settings.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    if !headers.iter().any(|(name, _)| name == "user-agent") {
        headers.push(("user-agent".to_owned(), USER_AGENT.to_owned()));
    }
    let request = http::Request { method: "GET", url: &settings.url, headers: &headers, body: b"" };
    let mut response = attempt.phase("first-byte", |deadline| http::send(&request, deadline))?;
    let body = attempt.phase("body", |deadline| response.read_body(MOST, deadline))?;
    if !(200..300).contains(&response.status) {
        let said = excerpt(&body.bytes, SHOWN);
        let verdict =
            Verdict::unhealthy(format!("{} answered {}, expected 2xx: {said}", settings.url, response.status));
        return Err(Failure::Verdict(Box::new(verdict)));
    }
    if body.cut {
        return Err(Failure::Unhealthy(format!("{} answered with more than {MOST} bytes", settings.url)));
    }
    Ok(body.bytes)
}

/// Holds a figure to its rule; the figure to show, if there is one.
fn judge(
    rule: &Rule,
    figure: Result<String, &'static str>,
    before: &BTreeMap<String, f64>,
    now: &mut BTreeMap<String, f64>,
    findings: &mut Findings,
) -> Option<String> {
    let figure = match figure {
        Ok(figure) => figure,
        Err(why) => {
            findings.unhealthy(format!("it {why} for {}", rule.name));
            return None;
        }
    };
    if !rule.change {
        rule.expected().judge(Some(figure.as_bytes()), &rule.name, findings);
        return Some(figure);
    }
    let Some(Number(number)) = Number::parse(figure.as_bytes()) else {
        findings.unhealthy(format!("{} gave {}, expected a number", rule.name, excerpt(figure.as_bytes(), SHOWN)));
        return None;
    };
    now.insert(rule.name.clone(), number);
    let changed = Number(growth(number, *before.get(&rule.name)?)).to_string();
    rule.expected().judge(Some(changed.as_bytes()), &rule.name, findings);
    Some(changed)
}

fn counted(figures: usize) -> String {
    if figures == 1 { "1 figure".to_owned() } else { format!("{figures} figures") }
}

probity_guest::export!(JsonMetric);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<JsonMetric>(), Ok(Vec::new()));
    }

    #[test]
    fn settings_are_sound_or_said_to_be_not() {
        let problems = |rules: &str| {
            let json = format!(r#"{{"url": "http://a/", "rules": [{rules}]}}"#);
            let settings: Settings = probity_guest::settings::parse(&json).map_err(|problem| problem.message).unwrap();
            JsonMetric::validate(&settings).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
        };
        assert_eq!(problems(r#"{"name": "a", "pointer": "/a"}, {"name": "b", "metric": "up"}"#), Vec::<String>::new());
        assert_eq!(problems(""), ["/rules"]);
        assert_eq!(problems(r#"{"name": "A b", "pointer": "a"}"#), ["/rules/0/name", "/rules/0/pointer"]);
        assert_eq!(problems(r#"{"name": "a"}"#), ["/rules/0/pointer"]);
        assert_eq!(problems(r#"{"name": "a", "pointer": "/a", "metric": "b"}"#), ["/rules/0/metric"]);
        let twice = r#"{"name": "a", "pointer": "/a"}"#;
        assert_eq!(problems(&format!("{twice}, {twice}")), ["/rules/1/name"]);
        assert_eq!(problems(r#"{"name": "a", "pointer": "/a", "labels": {"b": "c"}}"#), ["/rules/0/labels"]);
        assert_eq!(problems(r#"{"name": "a", "metric": "a", "change": true, "expect": "1"}"#), ["/rules/0/expect"]);
        let hidden = r#"{"name": "a", "metric": "a", "degraded_above": 5, "unhealthy_above": 3}"#;
        assert_eq!(problems(hidden), ["/rules/0/degraded_above"]);
    }
}
