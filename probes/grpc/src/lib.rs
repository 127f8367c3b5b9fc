//! `grpc`: asks a gRPC server for its health, or for that of one of its services (`grpc.health.v1`).

mod answer;
mod message;
mod settings;
mod status;

use std::time::Duration;

use probity_guest::{
    Attempt, Cause, Description, Error, Failure, Probe, SettingProblem, Verdict, certificate,
    clock::Deadline,
    http::{self, Response},
    text::{blot, excerpt},
    url::Url,
};

pub use crate::settings::Settings;
use crate::{
    answer::{Finding, Question},
    message::ENOUGH,
    settings::Metadatum,
};

/// Characters of what the server says that are shown.
const SHOWN: usize = 200;
/// Sent to every server, so that its owner knows whose call it is.
const USER_AGENT: &str = concat!("probity/", env!("CARGO_PKG_VERSION"));
/// The longest time-out that the protocol can tell in milliseconds: eight digits.
const LONGEST: u128 = 99_999_999;

/// The probe.
pub struct Grpc;

impl Probe for Grpc {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "grpc",
            env!("CARGO_PKG_VERSION"),
            "Asks a gRPC server for its health, or for that of one of its services.",
            schema,
        )
        .interval(Duration::from_secs(30))
        .timeout(Duration::from_secs(5))
        .grant("http:{host}:{port}")
        .grant("https:{host}:{port}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let Some(url) = settings.url() else {
            return Err(Failure::Problem(probity_guest::Problem::InvalidSettings(settings.problems())));
        };
        let target = format!("{}:{}", url.host(), url.port());
        let headers = headers(settings, &attempt.run().traceparent);
        let response = call(&url, &headers, &settings.service, attempt).map_err(|error| unanswered(error, &target))?;
        let remote = response.exchange.as_ref().and_then(|exchange| exchange.remote.clone());

        let secrets: Vec<_> = settings.metadata().into_iter().flat_map(Metadatum::secrets).collect();
        let question = Question {
            service: &settings.service,
            has_credentials: !secrets.is_empty(),
            quote: &|said| excerpt(&blot(said, &secrets), SHOWN),
        };
        let finding = match question.head(response.status, &response.headers) {
            Some(finding) => finding,
            None => attempt.phase("answer", |deadline| rest(&question, response, deadline))?,
        };
        let verdict = judged(settings, attempt, &target, finding);
        let verdict = match remote {
            Some(remote) => verdict.detail("address", remote),
            None => verdict,
        };
        Ok(if settings.tls { certificate::described(verdict) } else { verdict })
    }
}

/// What is sent with every call (gRPC over HTTP/2, "Requests"), but for the time that is left for it.
fn headers(settings: &Settings, traceparent: &str) -> Vec<(String, String)> {
    let fixed = [
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        // What is compressed can't be read here.
        ("grpc-accept-encoding", "identity"),
        ("user-agent", USER_AGENT),
    ];
    let mut headers: Vec<_> = fixed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if let Some(authority) = &settings.authority {
        headers.push(("host".to_owned(), authority.clone()));
    }
    headers.extend(settings.metadata().into_iter().map(|metadatum| (metadatum.key, metadatum.value)));
    if !traceparent.is_empty() && !headers.iter().any(|(name, _)| name == "traceparent") {
        headers.push(("traceparent".to_owned(), traceparent.to_owned()));
    }
    headers
}

fn call(url: &Url, headers: &[(String, String)], service: &str, attempt: &mut Attempt) -> Result<Response, Error> {
    let left = attempt.deadline().remaining().as_millis().min(LONGEST);
    let headers = [headers, &[("grpc-timeout".to_owned(), format!("{left}m"))]].concat();
    http::ask(&http::Request { method: "POST", url, headers: &headers, body: &message::request(service) }, attempt)
}

/// What is wrong with a server that gave no answer.
fn unanswered(error: Error, target: &str) -> Failure {
    let lacks_http2 = error.cause == Cause::NoHttp2;
    http::unanswered(error).tell(|verdict| {
        let message = format!("{target} does not speak HTTP/2, without which there is no gRPC");
        if lacks_http2 { Verdict { message, ..verdict } } else { verdict }
    })
}

/// What comes after the head of an answer says.
fn rest(question: &Question<'_>, mut response: Response, deadline: Deadline) -> Result<Finding, Error> {
    let body = response.read_body(ENOUGH, deadline)?;
    if body.cut {
        return Ok(Question::endless(ENOUGH));
    }
    let trailers = response.trailers(deadline)?;
    Ok(question.rest(&body.bytes, &trailers))
}

fn judged(settings: &Settings, attempt: &Attempt, target: &str, finding: Finding) -> Verdict {
    let message = format!("{target} {}", finding.text);
    let verdict = match (finding.is_well, finding.is_lasting) {
        (true, _) => attempt.healthy_within(settings.degraded_after, message),
        (false, true) => Verdict::unhealthy(message).permanent(),
        (false, false) => Verdict::unhealthy(message),
    };
    let verdict = match finding.status {
        Some(status) => verdict.detail("status", status),
        None => verdict,
    };
    if settings.service.is_empty() { verdict } else { verdict.detail("service", settings.service.as_str()) }
}

probity_guest::export!(Grpc);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Grpc>(), Ok(Vec::new()));
    }
}
