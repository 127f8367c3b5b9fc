//! `http`: asks for a URL and examines the answer.

mod expectation;
mod journey;
mod request;
mod settings;
mod statuses;

use std::time::Duration;

use probity_guest::{Attempt, Description, Failure, Findings, Probe, Secrets, SettingProblem, Status, Verdict};

pub use crate::settings::Settings;
use crate::{
    expectation::{Answer, examine},
    journey::{Journey, location},
    request::secrets,
};

/// Characters of the body that a verdict shows.
const SHOWN: usize = 200;

/// Of a body that was cut, this part in bytes is shown at most, in characters: what is looked at to cut no secret in two is then
/// there as a whole, in however long characters.
const PART: usize = 8;

/// The probe.
pub struct Http;

impl Probe for Http {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new("http", env!("CARGO_PKG_VERSION"), "Asks for a URL and examines the answer.", schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(10))
            .grant("url:{url}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let secrets = secrets(settings);
        let mut journey = Journey::make(settings, attempt, &secrets)?;
        let body =
            attempt.phase("body", |deadline| journey.response.read_body(settings.max_body as usize, deadline))?;

        let location = location(&journey.response);
        let answer = Answer {
            status: journey.response.status,
            headers: &journey.response.headers,
            body: &body.bytes,
            cut: body.cut,
            location: location.as_deref(),
            is_answer_to_credentials: journey.request.has_credentials(),
        };
        let mut findings = Findings::default();
        examine(settings, &answer, &secrets, &mut findings);
        examine_certificate(settings, &journey, &mut findings);
        let (target, praise) = (journey.request.url.to_string(), format!("answered {}", answer.status));
        let mut verdict = findings.verdict(attempt, settings.degraded_after, &target, &praise);
        if answer.refuses_credentials(settings) {
            verdict = verdict.permanent();
        }
        if verdict.status == Status::Unhealthy {
            let most = if answer.cut { SHOWN.min(answer.body.len() / PART) } else { SHOWN };
            verdict = verdict.detail("body", secrets.excerpt(answer.body, most));
        }
        Ok(describe(verdict, &journey, &secrets).measurement("body-size", "By", answer.body.len() as f64))
    }
}

/// Finds whether a certificate that was shown ends too soon.
fn examine_certificate(settings: &Settings, journey: &Journey<'_>, findings: &mut Findings) {
    let (Some(lifetime), Some(shown)) = (settings.lifetime(), &journey.certificate) else { return };
    match lifetime.judge(shown) {
        (Status::Healthy, _) => {}
        (Status::Degraded, clause) => findings.degraded(clause),
        (Status::Unhealthy, clause) => findings.unhealthy(clause),
    }
}

/// Adds what is told of any answer.
fn describe(verdict: Verdict, journey: &Journey<'_>, secrets: &Secrets) -> Verdict {
    let Journey { request, response, redirects, certificate } = journey;
    let mut verdict = verdict.detail("status", i64::from(response.status)).detail("url", request.url.to_string());
    if *redirects > 0 {
        verdict = verdict.detail("redirects", i64::from(*redirects));
    }
    if let Some(exchange) = &response.exchange {
        for (key, value) in [("address", &exchange.remote), ("http-version", &exchange.version)] {
            if let Some(value) = value {
                verdict = verdict.detail(key, value.as_str());
            }
        }
    }
    if let Some(kind) = response.header("content-type") {
        verdict = verdict.detail("content-type", secrets.word(&String::from_utf8_lossy(kind)));
    }
    match certificate {
        Some(shown) => shown.described(verdict),
        None => verdict,
    }
}

probity_guest::export!(Http);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Http>(), Ok(Vec::new()));
    }
}
