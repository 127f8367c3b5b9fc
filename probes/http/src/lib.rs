//! `http`: asks for a URL and examines the answer.

mod expectation;
mod request;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Cause, Description, Failure, Probe, SettingProblem, Verdict, certificate,
    http::{self, Response},
    text::{excerpt, first_line},
};

pub use crate::settings::Settings;
use crate::{
    expectation::{Answer, shortcomings},
    request::Request,
};

/// Characters of the body, or of a header, that a verdict shows.
const SHOWN: usize = 200;

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
        let mut request = Request::new(settings, &attempt.run().traceparent);
        let mut response = ask(&request, attempt)?;
        for _ in 0..settings.follow_redirects {
            let Some(location) = location(&response) else { break };
            let (status, from) = (response.status, request.url.clone());
            request = request.redirected(status, &location).map_err(|no_url| {
                Failure::Unhealthy(format!("{from} redirects to {}, but {no_url}", excerpt(location.as_bytes(), SHOWN)))
            })?;
            response = ask(&request, attempt)?;
        }
        let body = attempt.phase("body", |deadline| response.read_body(settings.max_body as usize, deadline))?;

        let answer = Answer { status: response.status, headers: &response.headers, body: &body.bytes, cut: body.cut };
        let shortcomings = shortcomings(settings, &answer);
        let verdict = if shortcomings.is_empty() {
            attempt.healthy_within(settings.degraded_after, format!("{} answered {}", request.url, response.status))
        } else {
            let redirect = location(&response).map(|to| format!("; it redirects to {}", excerpt(to.as_bytes(), SHOWN)));
            let message = format!("{} {}{}", request.url, shortcomings.join(" and "), redirect.unwrap_or_default());
            Verdict::unhealthy(message).detail("body", excerpt(&body.bytes, SHOWN))
        };
        Ok(describe_answer(verdict, &request, &response, body.bytes.len()))
    }
}

fn ask(request: &Request<'_>, attempt: &mut Attempt) -> Result<Response, Failure> {
    attempt.phase("first-byte", |deadline| http::send(&request.as_http(), deadline)).map_err(|error| {
        match error.cause {
            Cause::Certificate(_) => certificate::described(Verdict::unhealthy(error.to_string())).into(),
            _ => error.into(),
        }
    })
}

/// Where an answer redirects to, if it does.
fn location(response: &Response) -> Option<String> {
    let location = match response.status {
        301 | 302 | 303 | 307 | 308 => response.header("location")?,
        _ => return None,
    };
    Some(String::from_utf8_lossy(location).into_owned())
}

fn describe_answer(verdict: Verdict, request: &Request<'_>, response: &Response, length: usize) -> Verdict {
    let verdict = verdict
        .detail("status", i64::from(response.status))
        .detail("url", request.url.to_string())
        .measurement("body-size", "By", length as f64);
    let verdict = if request.url.secure() { certificate::described(verdict) } else { verdict };
    match response.header("content-type") {
        Some(kind) => verdict.detail("content-type", first_line(&String::from_utf8_lossy(kind), SHOWN)),
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
