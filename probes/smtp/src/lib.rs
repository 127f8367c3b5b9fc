//! `smtp`: greets a mail server, and reads what it can do.

mod reply;

use std::time::Duration;

use probity_guest::{
    Attempt, Cause, Conversation, Description, Error, Failure, Probe, SettingProblem, Verdict, Wire,
    clock::Deadline,
    settings::{Host, Port, Span},
};
use serde::Deserialize;

use crate::reply::{Line, missing};

/// The port of mail servers among themselves (RFC 5321, section 4.5.4.2).
const PORT: Port = Port(25);
/// Bytes of a line (RFC 5321, section 4.5.3.1.5, and as much again for servers that talk).
const MOST_LINE: usize = 1_024;
/// Lines of a reply: no server has so many capabilities.
const MOST_LINES: usize = 128;
/// Ready (RFC 5321, section 4.2.3).
const READY: u16 = 220;
/// Done (as before).
const DONE: u16 = 250;

/// The probe.
pub struct Smtp;

/// What the operator configures; settings.schema.json says what each means.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: Host,
    #[serde(default = "usual_port")]
    port: Port,
    #[serde(default)]
    tls: bool,
    #[serde(default = "usual_name")]
    helo: String,
    #[serde(default)]
    capabilities: Vec<String>,
    degraded_after: Option<Span>,
}

fn usual_port() -> Port {
    PORT
}

fn usual_name() -> String {
    "localhost".to_owned()
}

impl Probe for Smtp {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Greets a mail server, and reads what it can do.";
        Description::new("smtp", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(60))
            .timeout(Duration::from_secs(10))
            .grant("tcp:{host}:{port}")
            .grant("tls")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        if settings.helo.is_empty() || !settings.helo.bytes().all(|byte| byte.is_ascii_graphic()) {
            problems.push(SettingProblem::new("/helo", "must be a name such as `monitor.example.org`"));
        }
        for (at, _) in settings.capabilities.iter().enumerate().filter(|(_, wanted)| wanted.is_empty()) {
            problems.push(SettingProblem::new(format!("/capabilities/{at}"), "empty; name one such as `STARTTLS`"));
        }
        problems
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let mut server = Conversation::new(Wire::dial(attempt, &settings.host, settings.port.0, settings.tls)?);
        let remote = server.remote();
        let greeting = attempt.phase("greeting", |deadline| reply(&mut server, "the connection", READY, deadline))?;
        let hello = format!("EHLO {}\r\n", settings.helo);
        let has = attempt.phase("hello", |deadline| {
            server.tell("EHLO", hello.as_bytes(), deadline)?;
            reply(&mut server, "EHLO", DONE, deadline)
        })?;
        // It need not be waited for that the server takes leave too; one that is gone already is not wrong.
        let _ = server.tell("QUIT", b"QUIT\r\n", attempt.deadline());
        // The first line is the server's name (RFC 5321, section 4.1.1.1).
        let capabilities = has.get(1..).unwrap_or_default();
        let missing = missing(&settings.capabilities, capabilities);
        let shown = server.word(&capabilities.join(", "));
        let verdict = if missing.is_empty() {
            attempt.healthy_within(settings.degraded_after, format!("{remote} is ready for mail"))
        } else {
            Verdict::unhealthy(format!("{remote} can't do {}, but {shown}", missing.join(", ")))
        };
        let starttls = capabilities.iter().any(|capability| capability.eq_ignore_ascii_case("STARTTLS"));
        Ok(verdict
            .detail("address", remote.to_string())
            .detail("greeting", server.word(greeting.first().map_or("", String::as_str)))
            .detail("capabilities", shown)
            .detail("starttls", starttls))
    }
}

/// The texts of the server's reply, which is to have this code.
fn reply(server: &mut Conversation, to: &str, expected: u16, deadline: Deadline) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    while texts.len() < MOST_LINES {
        let said = server.line(MOST_LINE, deadline)?;
        let Some(line) = Line::read(&said) else {
            let why = format!("it answered {to} with {}", server.quote(&said));
            return Err(Error::new(format!("greeting {}", server.remote()), Cause::Protocol(why)).into());
        };
        if line.code != expected {
            let (remote, said) = (server.remote(), server.quote(&said));
            let what = if line.code == 421 || line.code == 554 { "takes no mail now" } else { "is not ready" };
            return Err(Failure::Unhealthy(format!("{remote} {what}: it answered {to} with {said}")));
        }
        texts.push(line.text);
        if line.last {
            return Ok(texts);
        }
    }
    let why = format!("its answer to {to} has more than {MOST_LINES} lines");
    Err(Error::new(format!("greeting {}", server.remote()), Cause::Protocol(why)).into())
}

probity_guest::export!(Smtp);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Smtp>(), Ok(Vec::new()));
    }
}
