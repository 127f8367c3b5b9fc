//! `tcp`: connects to a port, and can hold a short conversation there.

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Probe, SettingProblem, Verdict,
    clock::{Deadline, Instant},
    net,
    settings::{Port, Span},
    tcp::{End, Stream},
    text::{contains, excerpt},
};
use serde::Deserialize;

/// Bytes of the answer in which the expected text must be: more than any greeting or status line, and few enough that a
/// target which sends them one at a time can't use up the fuel of a run by having each of them searched.
const MOST_ANSWER: usize = 4 * 1024;

/// Characters of the answer that a verdict shows.
const SHOWN: usize = 120;

/// The probe.
pub struct Tcp;

/// What the operator configures; settings.schema.json says what each means.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: String,
    port: Port,
    degraded_after: Option<Span>,
    send: Option<String>,
    expect: Option<String>,
}

impl Probe for Tcp {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "tcp",
            env!("CARGO_PKG_VERSION"),
            "Connects to a TCP port, and can hold a short conversation there.",
            schema,
        )
        .interval(Duration::from_secs(30))
        .timeout(Duration::from_secs(5))
        .grant("tcp:{host}:{port}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        if settings.host.is_empty() {
            return vec![SettingProblem::new("/host", "empty; give a name or an address such as `db.internal`")];
        }
        Vec::new()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let mut stream = net::dial(attempt, &settings.host, settings.port.0)?;
        let remote = stream.remote();
        if let Some(text) = &settings.send {
            stream.write(text.as_bytes(), attempt.deadline())?;
        }
        let verdict = match &settings.expect {
            None => attempt.healthy_within(settings.degraded_after, format!("connected to {remote}")),
            Some(expected) => {
                let answer = attempt.phase("answer", |deadline| listen(&mut stream, expected, deadline))?;
                attempt
                    .healthy_within(settings.degraded_after, format!("{remote} answered as expected"))
                    .detail("answer", excerpt(&answer, SHOWN))
            }
        };
        Ok(verdict.detail("address", remote.to_string()))
    }
}

/// The target's words, once they contain what is expected.
fn listen(stream: &mut Stream, expected: &str, deadline: Deadline) -> Result<Vec<u8>, Failure> {
    let begun = Instant::now();
    let enough = |answer: &[u8]| !answer.is_empty() && contains(answer, expected.as_bytes());
    let (answer, end) = stream.read_until(MOST_ANSWER, deadline, enough)?;
    match shortcoming(&answer, end, expected, begun.elapsed()) {
        None => Ok(answer),
        Some(text) => Err(Failure::Unhealthy(format!("{} {text}", stream.remote()))),
    }
}

/// What is wrong with an answer that ended so after `waited`; continues a sentence about the target.
fn shortcoming(answer: &[u8], end: End, expected: &str, waited: Duration) -> Option<String> {
    let waited = Span(waited);
    let silent = answer.is_empty();
    let what = match end {
        End::Enough => return None,
        End::Closed if silent => return Some("closed the connection before it answered".to_owned()),
        End::TimedOut if silent => return Some(format!("did not answer within {waited}")),
        End::Closed => "closed the connection".to_owned(),
        End::TimedOut => format!("fell silent until {waited} were over"),
        End::Full => format!("went on for {MOST_ANSWER} bytes"),
    };
    let (expected, seen) = (excerpt(expected.as_bytes(), SHOWN), excerpt(answer, SHOWN));
    Some(format!("did not answer {expected} but {seen}, then {what}"))
}

probity_guest::export!(Tcp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<Tcp>(), Ok(Vec::new()));
    }

    #[test]
    fn a_shortcoming_tells_what_was_seen() {
        let told = |answer: &[u8], end| shortcoming(answer, end, "PONG", Duration::from_millis(4_800));
        assert_eq!(told(b"+PONG\r\n", End::Enough), None);
        assert_eq!(told(b"", End::Closed).unwrap(), "closed the connection before it answered");
        assert_eq!(told(b"", End::TimedOut).unwrap(), "did not answer within 4.8 s");
        assert_eq!(
            told(b"-LOADING\r\n", End::TimedOut).unwrap(),
            r#"did not answer "PONG" but "-LOADING\r\n", then fell silent until 4.8 s were over"#
        );
        assert_eq!(
            told(b"HTTP", End::Closed).unwrap(),
            r#"did not answer "PONG" but "HTTP", then closed the connection"#
        );
        assert!(told(b"x", End::Full).unwrap().ends_with("then went on for 4096 bytes"));
    }
}
