//! `imap`: greets a mailbox server, and reads what it can do.

mod reply;

use std::time::Duration;

use probity_guest::{
    Attempt, Cause, Conversation, Description, Error, Failure, Probe, SettingProblem, Verdict, Wire,
    clock::Deadline,
    settings::{Host, Port, Span},
};
use serde::Deserialize;

use crate::reply::{Greeting, capabilities, end, missing};

/// The port of IMAP (RFC 9051, section 2.1).
const PORT: Port = Port(143);
/// Bytes of a line: more than any list of capabilities.
const MOST_LINE: usize = 8 * 1024;
/// Lines of an answer: a server may tell other things in between.
const MOST_LINES: usize = 128;
/// The tag of the one command that is answered (RFC 9051, section 2.2.1).
const TAG: &str = "a1";

/// The probe.
pub struct Imap;

/// What the operator configures; settings.schema.json says what each means.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: Host,
    #[serde(default = "usual_port")]
    port: Port,
    #[serde(default)]
    tls: bool,
    #[serde(default)]
    capabilities: Vec<String>,
    degraded_after: Option<Span>,
}

fn usual_port() -> Port {
    PORT
}

impl Probe for Imap {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Greets a mailbox server, and reads what it can do.";
        Description::new("imap", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(60))
            .timeout(Duration::from_secs(10))
            .grant("tcp:{host}:{port}")
            .grant("tls")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        for (at, _) in settings.capabilities.iter().enumerate().filter(|(_, wanted)| wanted.is_empty()) {
            problems.push(SettingProblem::new(format!("/capabilities/{at}"), "empty; name one such as `STARTTLS`"));
        }
        problems
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let mut server = Conversation::new(Wire::dial(attempt, &settings.host, settings.port.0, settings.tls)?);
        let remote = server.remote();
        attempt.phase("greeting", |deadline| greet(&mut server, deadline))?;
        let has = attempt.phase("capability", |deadline| ask(&mut server, deadline))?;
        // It need not be waited for that the server takes leave too; one that is gone already is not wrong.
        let _ = server.tell("LOGOUT", b"a2 LOGOUT\r\n", attempt.deadline());
        let missing = missing(&settings.capabilities, &has);
        let shown = server.word(&has.join(", "));
        let verdict = if missing.is_empty() {
            attempt.healthy_within(settings.degraded_after, format!("{remote} is ready"))
        } else {
            Verdict::unhealthy(format!("{remote} can't do {}, but {shown}", missing.join(", ")))
        };
        let starttls = has.iter().any(|capability| capability.eq_ignore_ascii_case("STARTTLS"));
        Ok(verdict.detail("address", remote.to_string()).detail("capabilities", shown).detail("starttls", starttls))
    }
}

fn greet(server: &mut Conversation, deadline: Deadline) -> Result<(), Failure> {
    let line = server.line(MOST_LINE, deadline)?;
    let (remote, said) = (server.remote(), server.quote(&line));
    match Greeting::read(&line) {
        Some(Greeting::Ok | Greeting::Authenticated) => Ok(()),
        Some(Greeting::Bye) => Err(Failure::Unhealthy(format!("{remote} takes nobody in now: it said {said}"))),
        None => Err(astray(server, format!("it greeted with {said}"))),
    }
}

/// The server's capabilities.
fn ask(server: &mut Conversation, deadline: Deadline) -> Result<Vec<String>, Failure> {
    server.tell("CAPABILITY", format!("{TAG} CAPABILITY\r\n").as_bytes(), deadline)?;
    let mut has = Vec::new();
    for _ in 0..MOST_LINES {
        let line = server.line(MOST_LINE, deadline)?;
        if let Some(listed) = capabilities(&line) {
            has = listed;
        }
        match end(&line, TAG) {
            Some(true) => return Ok(has),
            Some(false) => {
                let why = format!("it answered CAPABILITY with {}", server.quote(&line));
                return Err(astray(server, why));
            }
            None => {}
        }
    }
    Err(astray(server, format!("its answer to CAPABILITY has more than {MOST_LINES} lines")))
}

fn astray(server: &Conversation, why: String) -> Failure {
    Error::new(format!("greeting {}", server.remote()), Cause::Protocol(why)).into()
}

probity_guest::export!(Imap);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Imap>(), Ok(Vec::new()));
    }
}
