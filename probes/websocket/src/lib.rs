//! `websocket`: keeps a WebSocket open, and pings it.

mod accept;
mod frame;
mod handshake;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Cause, Connector, Description, Error, Failure, SettingProblem, Verdict, Wire,
    clock::{Deadline, Instant},
    random,
    settings::Span,
    text::excerpt,
};

pub use crate::settings::Settings;
use crate::{
    frame::{Close, Event, Incoming, Opcode, Violation},
    handshake::{Request, Response},
};

/// Bytes of the answer to the handshake: what common servers allow for a request's head.
const MOST_HEAD: usize = 16 * 1024;
/// Bytes that are read in one go: what a runner's stream holds at most.
const CHUNK: usize = 64 * 1024;
/// Bytes that may come in one check before the pong: more than Linux keeps for a connection between two runs (6 MiB, unless
/// told otherwise), and few enough for the fuel of a run, in however small frames they come.
const MOST_READ: usize = 8 * 1024 * 1024;
/// Characters of a text of the target's that a verdict shows.
const SHOWN: usize = 120;

/// The probe: an open WebSocket.
pub struct WebSocket {
    wire: Wire,
    incoming: Incoming,
    settings: Settings,
    subprotocol: Option<String>,
    opened: Instant,
    pings: i64,
    /// The status code to take leave with.
    farewell: u16,
}

impl Connector for WebSocket {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new("websocket", env!("CARGO_PKG_VERSION"), "Keeps a WebSocket open, and pings it.", schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("url:{url}")
            .grant("tls")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let url = &settings.url.0;
        let mut wire = Wire::dial(attempt, url.host(), url.port(), url.secure())?;
        let request = Request::new(&settings, &random_bytes());
        let head = request.head(&attempt.run().traceparent);
        let (response, rest) = attempt.phase("upgrade", |deadline| {
            wire.write(head.as_bytes(), deadline)?;
            read_head(&mut wire, &settings, deadline)
        })?;
        let subprotocol = request.agreed(&response).map_err(|refusal| {
            let verdict = Verdict::unhealthy(format!("{url} {}", refusal.message));
            if refusal.permanent { verdict.permanent() } else { verdict }
        })?;
        let mut incoming = Incoming::default();
        incoming.feed(&rest);
        Ok(Self { wire, incoming, settings, subprotocol, opened: Instant::now(), pings: 0, farewell: frame::NORMAL })
    }

    fn check(&mut self, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        attempt.phase("ping", |deadline| self.ping(deadline))?;
        let url = &self.settings.url.0;
        let mut verdict = attempt
            .healthy_within(self.settings.degraded_after, format!("{url} answered a ping"))
            .detail("address", self.wire.remote().to_string())
            .detail("pings", self.pings)
            .measurement("connection-age", "s", self.opened.elapsed().as_secs_f64());
        if let Some(subprotocol) = &self.subprotocol {
            verdict = verdict.detail("subprotocol", subprotocol.as_str());
        }
        Ok(verdict)
    }

    fn close(&mut self, deadline: Deadline) {
        let farewell = frame::encode(Opcode::Close, &self.farewell.to_be_bytes(), random_bytes());
        // The connection may be lost already.
        let _ = self.wire.write(&farewell, deadline);
        if let Wire::Secure(stream) = &mut self.wire {
            stream.finish();
        }
    }
}

impl WebSocket {
    /// Sends a ping, and reads until its own pong comes.
    fn ping(&mut self, deadline: Deadline) -> Result<(), Failure> {
        let begun = Instant::now();
        let payload: [u8; 8] = random_bytes();
        // What can't be sent may have been told before: the reason is among what has arrived.
        let sent = self.wire.write(&frame::encode(Opcode::Ping, &payload, random_bytes()), deadline);
        let mut read = 0;
        loop {
            while let Some(event) = self.incoming.next().map_err(|violation| self.violation(&violation))? {
                match event {
                    Event::Pong(answer) if answer == payload => {
                        self.pings += 1;
                        return Ok(());
                    }
                    // Of an earlier ping, or of none: that is allowed (RFC 6455, section 5.5.3).
                    Event::Pong(_) => {}
                    // It goes unanswered if the connection is lost, which is told below.
                    Event::Ping(payload) => {
                        drop(self.wire.write(&frame::encode(Opcode::Pong, &payload, random_bytes()), deadline));
                    }
                    Event::Close(close) => return Err(self.closed(&close)),
                }
            }
            if read >= MOST_READ {
                let message = format!("{} sent {MOST_READ} bytes, and no pong among them", self.settings.url.0);
                return Err(Failure::Unhealthy(message));
            }
            let chunk = match (self.wire.read(CHUNK, deadline), &sent) {
                (Ok(chunk), _) if !chunk.is_empty() => chunk,
                // There was no ping that could be answered.
                (_, Err(error)) => return Err(self.lost(error.clone(), begun)),
                (Ok(_), Ok(())) => return Err(self.lost(Error::new("waiting for the pong", Cause::Closed), begun)),
                (Err(error), Ok(())) => return Err(self.lost(error, begun)),
            };
            read += chunk.len();
            self.incoming.feed(&chunk);
        }
    }

    /// What an exchange that failed says of an open connection.
    fn lost(&self, error: Error, begun: Instant) -> Failure {
        let url = &self.settings.url.0;
        match error.cause {
            Cause::TimedOut(_) => Failure::Unhealthy(format!(
                "no pong from {url} within {}: the connection is open, but nothing answers",
                Span(begun.elapsed())
            )),
            Cause::Closed => Failure::Unhealthy(format!("the connection to {url} was lost: closed without a word")),
            Cause::Broken(text) => Failure::Unhealthy(format!("the connection to {url} was lost: {text}")),
            _ => error.into(),
        }
    }

    fn closed(&mut self, close: &Close) -> Failure {
        // Leave is taken with the same code (RFC 6455, section 5.5.1).
        self.farewell = close.code.unwrap_or(frame::NORMAL);
        Failure::Unhealthy(format!("the server closed the connection to {}: {close}", self.settings.url.0))
    }

    fn violation(&self, violation: &Violation) -> Failure {
        Failure::Unhealthy(format!("{} broke the protocol: {violation}", self.settings.url.0))
    }
}

/// The head of the answer to the handshake, and what came after it.
fn read_head(wire: &mut Wire, settings: &Settings, deadline: Deadline) -> Result<(Response, Vec<u8>), Failure> {
    let url = &settings.url.0;
    let begun = Instant::now();
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = handshake::head_end(&bytes) {
            let rest = bytes.split_off(head);
            let response = Response::parse(&bytes).ok_or_else(|| {
                Failure::Unhealthy(format!("{url} does not speak HTTP: it answered {}", excerpt(&bytes, SHOWN)))
            })?;
            return Ok((response, rest));
        }
        if bytes.len() >= MOST_HEAD {
            let start = excerpt(&bytes, SHOWN);
            return Err(Failure::Unhealthy(format!("{url} does not speak HTTP: it answered {start} without an end")));
        }
        let more = match wire.read(MOST_HEAD - bytes.len(), deadline) {
            Ok(more) => more,
            Err(Error { cause: Cause::TimedOut(_), .. }) => {
                let waited = Span(begun.elapsed());
                return Err(Failure::Unhealthy(format!("{url} did not answer the upgrade within {waited}")));
            }
            Err(error) => return Err(error.into()),
        };
        if more.is_empty() {
            let seen = if bytes.is_empty() { String::new() } else { format!(" after {}", excerpt(&bytes, SHOWN)) };
            return Err(Failure::Unhealthy(format!("{url} closed the connection instead of upgrading it{seen}")));
        }
        bytes.extend(more);
    }
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, drawn) in bytes.iter_mut().zip(random::get_random_bytes(N as u64)) {
        *byte = drawn;
    }
    bytes
}

probity_guest::export_connector!(WebSocket);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements_of_connector::<super::WebSocket>(), Ok(Vec::new()));
    }
}
