//! `memcached`: stores a value, gets it back, and deletes it.

mod reply;

use std::time::Duration;

use probity_guest::{
    Attempt, Conversation, Description, Failure, Probe, Verdict, Wire,
    clock::Deadline,
    random,
    settings::{Host, Port, Span},
};
use serde::Deserialize;

use crate::reply::{Reply, meaning};

/// Bytes of a line: more than the longest key (250) and any error.
const MOST_LINE: usize = 2 * 1024;
/// Seconds after which the server forgets the value by itself, should there be no chance to delete it.
const EXPIRY: u32 = 60;

/// The probe.
pub struct Memcached;

/// What the operator configures; settings.schema.json says what each means.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: Host,
    #[serde(default = "usual_port")]
    port: Port,
    degraded_after: Option<Span>,
}

/// The port that memcached is registered for (IANA).
fn usual_port() -> Port {
    Port(11211)
}

impl Probe for Memcached {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "memcached",
            env!("CARGO_PKG_VERSION"),
            "Stores a value in memcached, gets it back, and deletes it.",
            schema,
        )
        .interval(Duration::from_secs(30))
        .timeout(Duration::from_secs(5))
        .grant("tcp:{host}:{port}")
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, false)?;
        let mut server = Server(Conversation::new(wire));
        let remote = server.0.remote();
        let version = attempt.phase("version", |deadline| server.version(deadline))?;
        // A key of its own for each run, lest runs disturb each other or anybody else.
        let key = format!("probity-{:016x}", random::get_random_u64());
        let value = format!("{:016x}{:016x}", random::get_random_u64(), random::get_random_u64());
        attempt.phase("set", |deadline| server.set(&key, &value, deadline))?;
        let flaw = attempt.phase("get", |deadline| server.get(&key, &value, deadline))?;
        let deleted = attempt.phase("delete", |deadline| server.delete(&key, deadline));
        let verdict = match flaw {
            // It was to be deleted in any case; how that went is of less interest.
            Some(flaw) => Verdict::unhealthy(format!("{remote} {flaw}")),
            None => {
                deleted?;
                attempt.healthy_within(settings.degraded_after, format!("{remote} kept a value and gave it back"))
            }
        };
        Ok(verdict.detail("address", remote.to_string()).detail("version", version))
    }
}

/// The other side of the conversation.
struct Server(Conversation);

impl Server {
    fn version(&mut self, deadline: Deadline) -> Result<String, Failure> {
        let line = self.ask("version", "version\r\n", deadline)?;
        match Reply::parse(&line) {
            Some(Reply::Version(version)) => Ok(self.0.word(version)),
            reply => Err(self.astray("version", &line, reply, "VERSION")),
        }
    }

    fn set(&mut self, key: &str, value: &str, deadline: Deadline) -> Result<(), Failure> {
        let command = format!("set {key} 0 {EXPIRY} {}\r\n{value}\r\n", value.len());
        let line = self.ask("set", &command, deadline)?;
        match Reply::parse(&line) {
            Some(Reply::Stored) => Ok(()),
            reply => Err(self.astray("set", &line, reply, "STORED")),
        }
    }

    /// What is wrong with the value that is there now, as the continuation of a sentence about the server.
    fn get(&mut self, key: &str, value: &str, deadline: Deadline) -> Result<Option<String>, Failure> {
        let line = self.ask("get", &format!("get {key}\r\n"), deadline)?;
        let bytes = match Reply::parse(&line) {
            Some(Reply::End) => return Ok(Some("lost a value that it had just stored".to_owned())),
            Some(Reply::Value { key: other, bytes }) if other == key => bytes,
            reply => return Err(self.astray("get", &line, reply, &format!("VALUE {key}"))),
        };
        if bytes != value.len() as u64 {
            // They are not read, however many they are: nothing more can be said over this connection.
            let remote = self.0.remote();
            let message = format!("{remote} corrupted a value: it gave {bytes} bytes back, of {} stored", value.len());
            return Err(Failure::Unhealthy(message));
        }
        let given = self.0.exactly(value.len(), deadline)?;
        for expected in ["", "END"] {
            let line = self.0.line(MOST_LINE, deadline)?;
            if line != expected.as_bytes() {
                let expected = if expected.is_empty() { "the end of the value" } else { expected };
                return Err(self.astray("get", &line, None, expected));
            }
        }
        let flaw = || {
            let (given, stored) = (self.0.quote(&given), self.0.quote(value.as_bytes()));
            format!("corrupted a value: it gave {given} back, and {stored} was stored")
        };
        Ok((given != value.as_bytes()).then(flaw))
    }

    fn delete(&mut self, key: &str, deadline: Deadline) -> Result<(), Failure> {
        let line = self.ask("delete", &format!("delete {key}\r\n"), deadline)?;
        match Reply::parse(&line) {
            Some(Reply::Deleted) => Ok(()),
            reply => Err(self.astray("delete", &line, reply, "DELETED")),
        }
    }

    fn ask(&mut self, name: &'static str, command: &str, deadline: Deadline) -> Result<Vec<u8>, Failure> {
        self.0.tell(name, command.as_bytes(), deadline)?;
        Ok(self.0.line(MOST_LINE, deadline)?)
    }

    /// What another answer than the one expected says of the server.
    fn astray(&self, name: &str, line: &[u8], reply: Option<Reply<'_>>, expected: &str) -> Failure {
        let (remote, seen) = (self.0.remote(), self.0.quote(line));
        let seen = format!("it answered {name} with {seen}");
        match reply {
            None => Failure::Unhealthy(format!("{remote} does not speak memcached: {seen}, expected {expected}")),
            Some(Reply::Error) => {
                let (what, permanent) = meaning(line);
                let verdict = Verdict::unhealthy(format!("{remote} {what}: {seen}"));
                if permanent { verdict.permanent().into() } else { verdict.into() }
            }
            Some(_) => Failure::Unhealthy(format!("{remote} is not well: {seen}, expected {expected}")),
        }
    }
}

probity_guest::export!(Memcached);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Memcached>(), Ok(Vec::new()));
    }
}
