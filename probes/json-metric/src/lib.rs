//! `json-metric`: fetches figures as JSON or as Prometheus metrics, and holds them to limits.

mod exposition;
mod figure;
mod settings;

use std::{collections::BTreeMap, time::Duration};

use probity_guest::{
    Attempt, Description, Failure, Findings, Probe, Secrets, SettingProblem, Verdict,
    comparison::{Alone, Judge},
    expected::Number,
    http,
    json::Value,
};

pub use crate::settings::Settings;
use crate::{
    figure::{Figure, Missing, growth, name_of},
    settings::Rule,
};

/// Bytes of a document: the metrics of a large server have a few. A guest has 64 MiB, and JSON takes some times its length.
const MOST: usize = 4 * 1024 * 1024;

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
        let secrets = Secrets::of_request(&settings.url, &settings.headers);
        let body = fetch(settings, attempt, &secrets)?;
        let Ok(text) = str::from_utf8(&body) else {
            return Err(Failure::Unhealthy(format!("{} answered with something that is no text", settings.url)));
        };
        let expected = settings.rules.iter().filter_map(|rule| rule.expect.as_ref());
        let mut examination = Examination {
            judge: Judge::new(expected, &secrets),
            secrets: &secrets,
            before: serde_json::from_slice(&attempt.run().state).unwrap_or_default(),
            now: BTreeMap::new(),
            findings: Findings::default(),
        };
        let mut figures = Vec::new();
        for (rule, figure) in settings.rules.iter().zip(figure::figures(text, &settings.rules)) {
            let shown = match figure {
                Ok(figure) => examination.examine(rule, figure),
                Err(why) => {
                    examination.miss(rule, why);
                    None
                }
            };
            figures.extend(shown.map(|figure| (rule.name.as_str(), figure)));
        }
        let Examination { now, findings, .. } = examination;
        let praise =
            format!("has {} as {} should be", counted(figures.len()), if figures.len() == 1 { "it" } else { "they" });
        let target = settings.url.to_string();
        let mut verdict = findings.verdict(attempt, settings.degraded_after, &target, &praise);
        for (name, figure) in figures {
            verdict = match Number::parse(figure.as_bytes()) {
                Some(Number(number)) => verdict.measurement(name, "1", number),
                None => verdict,
            };
            verdict = verdict.detail(name, figure);
        }
        // A map of texts and numbers can always be written.
        Ok(verdict.state(serde_json::to_vec(&now).unwrap_or_default()))
    }
}

/// What the target answers with, if it answers well.
fn fetch(settings: &Settings, attempt: &mut Attempt, secrets: &Secrets) -> Result<Vec<u8>, Failure> {
    let headers = http::headers_of(&settings.headers);
    let request = http::Request { method: "GET", url: &settings.url, headers: &headers, body: b"" };
    let mut response = http::ask(&request, attempt)?;
    let body = attempt.phase("body", |deadline| response.read_body(MOST, deadline))?;
    if !(200..300).contains(&response.status) {
        let said = secrets.quote(&body.bytes);
        let verdict =
            Verdict::unhealthy(format!("{} answered {}, expected 2xx: {said}", settings.url, response.status));
        return Err(Failure::Verdict(Box::new(verdict)));
    }
    if body.cut {
        return Err(Failure::Unhealthy(format!("{} answered with more than {MOST} bytes", settings.url)));
    }
    Ok(body.bytes)
}

/// The examination of all figures.
struct Examination<'a> {
    judge: Judge<'a>,
    secrets: &'a Secrets,
    /// What the counters were at the last run; nothing at the first.
    before: BTreeMap<String, f64>,
    now: BTreeMap<String, f64>,
    findings: Findings,
}

impl Examination<'_> {
    /// Holds a figure to its rule; what there is to show.
    fn examine(&mut self, rule: &Rule, figure: Figure<'_>) -> Option<String> {
        let figure = match figure {
            Figure::Value(value) => value,
            Figure::Odd(number) => return self.examine_odd(rule, number),
        };
        let text = self.secrets.word(&String::from_utf8_lossy(&figure.text()));
        if !rule.change {
            self.hold(rule, &[figure]);
            rule.limits().judge(Some(text.as_bytes()), &rule.name, &mut self.findings);
            return Some(text);
        }
        let Some(Number(number)) = Number::parse(text.as_bytes()) else {
            self.findings.unhealthy(format!(
                "{} gave {}, expected a number",
                rule.name,
                self.secrets.quote(text.as_bytes())
            ));
            return None;
        };
        self.now.insert(rule.name.clone(), number);
        let changed = Number(growth(number, *self.before.get(&rule.name)?)).to_string();
        rule.limits().judge(Some(changed.as_bytes()), &rule.name, &mut self.findings);
        Some(changed)
    }

    /// The same for one that is no finite number: an endless one is beyond every limit on its side.
    fn examine_odd(&mut self, rule: &Rule, number: f64) -> Option<String> {
        let (name, text) = (&rule.name, name_of(number));
        if number.is_nan() || rule.change {
            let expected = if rule.change { "a finite number" } else { "a number" };
            self.findings.unhealthy(format!("{name} gave {text}, expected {expected}"));
            return None;
        }
        self.hold(rule, &[Value::Text(text.as_bytes().into())]);
        let limits = rule.limits();
        let (word, unhealthy, degraded) = match number > 0.0 {
            true => ("more", limits.unhealthy_above, limits.degraded_above),
            false => ("less", limits.unhealthy_below, limits.degraded_below),
        };
        let told = |limit: Number| format!("{name} gave {text}, {word} than {limit}");
        match (unhealthy, degraded) {
            (Some(limit), _) => self.findings.unhealthy(told(limit)),
            (None, Some(limit)) => self.findings.degraded(told(limit)),
            (None, None) => {}
        }
        Some(text.to_owned())
    }

    /// Finds that there is no figure, unless that is as it should be.
    fn miss(&mut self, rule: &Rule, why: Missing) {
        match (&rule.expect, why) {
            (Some(_), Missing::Value | Missing::Metric) => self.hold(rule, &[]),
            _ => self.findings.unhealthy(format!("it {} for {}", why.told(), rule.name)),
        }
    }

    fn hold(&mut self, rule: &Rule, figures: &[Value<'_>]) {
        let Some(expected) = &rule.expect else { return };
        if let Err(clause) = self.judge.hold(&rule.name, figures, expected, Alone::Equals) {
            self.findings.unhealthy(clause);
        }
    }
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
            probity_guest::settings::pointers(&json, Settings::problems)
        };
        assert_eq!(problems(r#"{"name": "a", "pointer": "/a"}, {"name": "b", "metric": "up"}"#), Vec::<String>::new());
        assert_eq!(problems(""), ["/rules"]);
        assert_eq!(problems(r#"{"name": "A b", "pointer": "/a"}"#), ["/rules/0/name"]);
        assert_eq!(problems(r#"{"name": "a", "pointer": "a"}"#), ["/rules/0/pointer"]);
        assert_eq!(problems(r#"{"name": "a", "pointer": "/a", "expect": {"=<": 3}}"#), ["/rules/0/expect/=<"]);
        assert_eq!(problems(r#"{"name": "a", "pointer": "/a", "expect": {">=": 3}}"#), Vec::<String>::new());
        assert_eq!(problems(r#"{"name": "a"}"#), ["/rules/0/pointer"]);
        assert_eq!(problems(r#"{"name": "a", "pointer": "/a", "metric": "b"}"#), ["/rules/0/metric"]);
        let twice = r#"{"name": "a", "pointer": "/a"}"#;
        assert_eq!(problems(&format!("{twice}, {twice}")), ["/rules/1/name"]);
        assert_eq!(problems(r#"{"name": "a", "pointer": "/a", "labels": {"b": "c"}}"#), ["/rules/0/labels"]);
        assert_eq!(problems(r#"{"name": "a", "metric": "a", "change": true, "expect": "1"}"#), ["/rules/0/expect"]);
        let falling = r#"{"name": "a", "metric": "a", "change": true, "degraded_below": -1}"#;
        assert_eq!(problems(falling), ["/rules/0/degraded_below"]);
        assert_eq!(problems(r#"{"name": "total", "metric": "a"}"#), ["/rules/0/name"]);
        let hidden = r#"{"name": "a", "metric": "a", "degraded_above": 5, "unhealthy_above": 3}"#;
        assert_eq!(problems(hidden), ["/rules/0/degraded_above"]);
    }
}
