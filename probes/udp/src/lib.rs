//! `udp`: sends a datagram, and waits for the answer.

mod hex;

use std::{net::SocketAddr, time::Duration};

use probity_guest::{
    Attempt, Description, Error, Failure, Probe, SettingProblem, Verdict,
    clock::Deadline,
    net,
    settings::{Host, Port, Span},
    text::{contains, excerpt},
    udp,
};
use serde::Deserialize;

/// Characters of the answer that a verdict shows.
const SHOWN: usize = 120;
/// Bytes that fit a datagram (RFC 768, and RFC 791's 65,535 bytes less both headers).
const MOST: usize = 65_507;

/// The probe.
pub struct Udp;

/// What the operator configures; settings.schema.json says what each means.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: Host,
    port: Port,
    send: Option<String>,
    send_hex: Option<String>,
    expect: Option<String>,
    expect_hex: Option<String>,
    degraded_after: Option<Span>,
}

impl Settings {
    /// What is sent.
    fn question(&self) -> Vec<u8> {
        bytes(self.send.as_deref(), self.send_hex.as_deref()).unwrap_or_default()
    }

    /// What the answer must contain; nothing if any will do.
    fn expected(&self) -> Vec<u8> {
        bytes(self.expect.as_deref(), self.expect_hex.as_deref()).unwrap_or_default()
    }
}

fn bytes(text: Option<&str>, digits: Option<&str>) -> Option<Vec<u8>> {
    match (text, digits) {
        (Some(text), _) => Some(text.as_bytes().to_vec()),
        (None, Some(digits)) => hex::read(digits),
        (None, None) => None,
    }
}

impl Probe for Udp {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Sends a datagram, and waits for the answer.";
        Description::new("udp", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("udp:{host}:{port}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut complain = |pointer: &str, message: &str| problems.push(SettingProblem::new(pointer, message));
        let pairs = [
            ("/send_hex", "send", &settings.send, &settings.send_hex),
            ("/expect_hex", "expect", &settings.expect, &settings.expect_hex),
        ];
        for (pointer, other, text, digits) in pairs {
            match (text, digits) {
                (Some(_), Some(_)) => complain(pointer, &format!("excludes `{other}`; leave one out")),
                (None, Some(digits)) if hex::read(digits).is_none() => {
                    complain(pointer, "not hexadecimal; write bytes as pairs of digits, such as `ff ff 54`");
                }
                _ => {}
            }
        }
        match settings.question().len() {
            0 if settings.send_hex.is_none() => {
                complain("/send", "missing or empty; say what to send, here or in `send_hex`")
            }
            length if length > MOST => complain("/send", "longer than a datagram, which has 65507 bytes at most"),
            _ => {}
        }
        problems
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let addresses = attempt.phase("resolve", |deadline| net::resolve(&settings.host, deadline))?;
        let expected = settings.expected();
        // The latest answer that was not the expected one.
        let mut other = None;
        let asked = attempt.phase("answer", |deadline| {
            net::in_turn(&settings.host, &addresses, settings.port.0, deadline, |address, deadline| {
                ask(address, deadline, settings, &expected, &mut other)
            })
        });
        match (asked, other) {
            (Ok((address, answer)), _) => {
                let message = format!("{address} answered as expected");
                Ok(answered(attempt.healthy_within(settings.degraded_after, message), address, &answer))
            }
            (Err(_), Some((address, answer))) => {
                let (expected, seen) = (excerpt(&expected, SHOWN), excerpt(&answer, SHOWN));
                let verdict = Verdict::unhealthy(format!("{address} did not answer {expected} but {seen}"));
                Ok(answered(verdict, address, &answer))
            }
            (Err(error), None) => Err(error.into()),
        }
    }
}

/// Adds who answered, and what.
fn answered(verdict: Verdict, address: SocketAddr, answer: &[u8]) -> Verdict {
    verdict.detail("address", address.to_string()).detail("answer", excerpt(answer, SHOWN))
}

fn ask(
    address: SocketAddr,
    deadline: Deadline,
    settings: &Settings,
    expected: &[u8],
    other: &mut Option<(SocketAddr, Vec<u8>)>,
) -> Result<(SocketAddr, Vec<u8>), Error> {
    let read = |answer: &[u8]| {
        let is_it = contains(answer, expected);
        if !is_it {
            *other = Some((address, answer.to_vec()));
        }
        is_it.then(|| answer.to_vec())
    };
    udp::ask(address, &settings.question(), deadline, read).map(|answer| (address, answer))
}

probity_guest::export!(Udp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<Udp>(), Ok(Vec::new()));
    }

    #[test]
    fn settings_are_sound_or_said_to_be_not() {
        let problems = |more: &str| {
            probity_guest::settings::pointers(&format!(r#"{{"host": "a", "port": 1{more}}}"#), Udp::validate)
        };
        assert_eq!(problems(r#", "send": "x""#), Vec::<String>::new());
        assert_eq!(problems(r#", "send_hex": "ff 00""#), Vec::<String>::new());
        assert_eq!(problems(r#", "send_hex": """#), Vec::<String>::new(), "an empty datagram is one");
        assert_eq!(problems(""), ["/send"]);
        assert_eq!(problems(r#", "send": "x", "send_hex": "00""#), ["/send_hex"]);
        assert_eq!(problems(r#", "send": "x", "expect_hex": "0""#), ["/expect_hex"]);
    }
}
