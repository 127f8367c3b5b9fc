//! `ssh`: greets an SSH server, and reads what it offers.

mod hello;

use std::time::Duration;

use probity_guest::{
    Attempt, Cause, Conversation, Description, Error, Failure, Probe, Verdict, Wire,
    clock::Deadline,
    settings::{Host, Port, Span},
};
use serde::Deserialize;

use crate::hello::{Name, host_keys};

/// The port of SSH (RFC 4251, section 9.2).
const PORT: Port = Port(22);
/// How the probe names itself (RFC 4253, section 4.2).
const OWN_NAME: &[u8] = concat!("SSH-2.0-probity_", env!("CARGO_PKG_VERSION"), "\r\n").as_bytes();
/// Bytes of a line: more than the 255 of the name itself, as what comes before it may be longer.
const MOST_LINE: usize = 1_024;
/// Lines before the name, as many as OpenSSH's own client puts up with.
const MOST_LINES: usize = 1_024;
/// Bytes of a packet (RFC 4253, section 6.1).
const MOST_PACKET: usize = 35_000;

/// The probe.
pub struct Ssh;

/// What the operator configures; settings.schema.json says what each means.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: Host,
    #[serde(default = "usual_port")]
    port: Port,
    software: Option<String>,
    host_key: Option<String>,
    degraded_after: Option<Span>,
}

fn usual_port() -> Port {
    PORT
}

impl Probe for Ssh {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Greets an SSH server, and reads what it offers.";
        Description::new("ssh", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("tcp:{host}:{port}")
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let mut server = Conversation::new(Wire::dial(attempt, &settings.host, settings.port.0, false)?);
        let remote = server.remote();
        let name = attempt.phase("banner", |deadline| greet(&mut server, deadline))?;
        let software = server.word(&name.software);
        if !name.is_current() {
            let protocol = server.word(&name.protocol);
            return Ok(Verdict::unhealthy(format!("{remote} speaks version {protocol} of SSH, and not 2.0")));
        }
        let offered = attempt.phase("offer", |deadline| read_offer(&mut server, deadline))?;
        let shown = server.word(&offered.join(", "));
        let verdict = match (&settings.software, &settings.host_key) {
            (Some(expected), _) if !name.software.contains(expected.as_str()) => {
                Verdict::unhealthy(format!("{remote} is {software}, expected {expected}"))
            }
            (_, Some(expected)) if !offered.contains(expected) => {
                Verdict::unhealthy(format!("{remote} has no host key {expected}, but {shown}"))
            }
            _ => attempt.healthy_within(settings.degraded_after, format!("{remote} is {software}")),
        };
        Ok(verdict.detail("address", remote.to_string()).detail("software", software).detail("host-keys", shown))
    }
}

/// The server's name, and ours to it.
fn greet(server: &mut Conversation, deadline: Deadline) -> Result<Name, Failure> {
    for _ in 0..MOST_LINES {
        let line = server.line(MOST_LINE, deadline)?;
        if let Some(name) = Name::read(&line) {
            server.tell("our name", OWN_NAME, deadline)?;
            return Ok(name);
        }
        // OpenSSH says so in plain words when it has no room.
        if line.starts_with(b"Exceeded MaxStartups") {
            let (remote, said) = (server.remote(), server.quote(&line));
            return Err(Failure::Unhealthy(format!("{remote} has no room for another connection: it said {said}")));
        }
    }
    Err(astray(server, "it did not name itself as SSH does"))
}

/// The kinds of host keys that the server has.
fn read_offer(server: &mut Conversation, deadline: Deadline) -> Result<Vec<String>, Failure> {
    let length = server.exactly(4, deadline)?;
    let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    if !(2..=MOST_PACKET).contains(&length) {
        return Err(astray(server, "what came after its name is no packet of SSH"));
    }
    let packet = server.exactly(length, deadline)?;
    host_keys(&packet).ok_or_else(|| astray(server, "what came after its name offers nothing"))
}

fn astray(server: &Conversation, why: &str) -> Failure {
    Error::new(format!("greeting {}", server.remote()), Cause::Protocol(why.to_owned())).into()
}

probity_guest::export!(Ssh);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Ssh>(), Ok(Vec::new()));
    }
}
