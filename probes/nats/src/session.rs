//! A conversation with a server of NATS: what is said on the side is dealt with here.

use std::net::SocketAddr;

use probity_guest::{Attempt, Conversation, Error, Failure, Verdict, Wire, adapter, clock::Deadline, random};
use serde::Deserialize;

use crate::{
    jetstream::Answer,
    message::{self, Line, Message, connect, escaped, meaning},
    settings::Settings,
};

/// Bytes of a line: what the servers themselves allow each other for one, and enough for the addresses of a large cluster.
const MOST_LINE: usize = 32 * 1024;
/// Bytes of a message: more than JetStream tells of a stream with thousands of subjects.
const MOST_MESSAGE: u64 = 256 * 1024;
/// Lines that may come after the greeting: more than a server says of its own accord, and few enough for the fuel of a run.
/// What is long counts as a line for each KiB.
const MOST_HEARD: u64 = 1_000;
/// What a message ends with.
const END: &[u8] = b"\r\n";
/// The number of the subscription to a channel.
const CHANNEL: u64 = 1;

/// The session.
pub(crate) struct Session {
    conversation: Conversation,
    settings: Settings,
    /// Lines that came after the greeting.
    heard: u64,
    /// The number of the last subscription.
    subscriptions: u64,
    /// The head of a message of which the rest is to come: whoever waits for one does so in several goes.
    begun: Option<Head>,
}

/// What a server tells of itself.
#[derive(Deserialize)]
pub(crate) struct Info {
    #[serde(default)]
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) server_name: String,
    #[serde(default)]
    pub(crate) jetstream: bool,
    #[serde(default)]
    headers: bool,
    #[serde(default)]
    pub(crate) tls_required: bool,
    #[serde(default)]
    tls_available: bool,
}

impl Info {
    fn parse(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    pub(crate) fn offers_tls(&self) -> bool {
        self.tls_required || self.tls_available
    }
}

/// What was told of a message before it comes.
struct Head {
    subject: String,
    subscription: u64,
    /// Bytes of its headers.
    headers: usize,
    /// Bytes of all of it, headers included.
    bytes: usize,
}

/// A message that has arrived as a whole.
struct Delivery {
    subject: String,
    headers: Vec<u8>,
    payload: Vec<u8>,
}

/// What a server says that was waited for.
enum Heard {
    Pong,
    Message { subscription: u64, delivery: Delivery },
}

impl Session {
    pub(crate) fn new(wire: Wire, settings: Settings) -> Self {
        let mut conversation = Conversation::new(wire);
        for secret in [&settings.password, &settings.token].into_iter().flatten() {
            conversation.hide(secret);
            // As it is sent.
            conversation.hide(escaped(secret));
        }
        Self { conversation, settings, heard: 0, subscriptions: CHANNEL, begun: None }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.conversation.remote()
    }

    /// What the server said, made fit to be shown.
    pub(crate) fn word(&self, said: &str) -> String {
        self.conversation.word(said)
    }

    /// The server speaks first.
    pub(crate) fn greeting(&mut self, deadline: Deadline) -> Result<Info, Failure> {
        let line = self.conversation.line(MOST_LINE, deadline)?;
        let info = match Line::parse(&line) {
            Some(Line::Info(json)) => Info::parse(json),
            Some(Line::Error) => return Err(self.refused(&line)),
            _ => None,
        };
        info.ok_or_else(|| {
            let (remote, seen) = (self.remote(), self.conversation.quote(&line));
            Failure::Unhealthy(format!("{remote} does not speak NATS: it greeted with {seen}, expected INFO"))
        })
    }

    /// Goes on over TLS, as the phase `tls`.
    pub(crate) fn secure(self, attempt: &mut Attempt) -> Result<Self, Error> {
        let (conversation, host) = (self.conversation, &self.settings.host);
        let conversation = attempt.phase("tls", |deadline| conversation.secure(host, deadline))?;
        Ok(Self { conversation, ..self })
    }

    pub(crate) fn log_in(&mut self, info: &Info, deadline: Deadline) -> Result<(), Failure> {
        let hello = connect(info.headers, &self.settings.credentials()) + "PING\r\n";
        self.conversation.tell("CONNECT", hello.as_bytes(), deadline)?;
        while !matches!(self.hear("CONNECT", deadline)?, Heard::Pong) {}
        Ok(())
    }

    /// Has what is sent to a channel come here; waits until the server has taken that in.
    pub(crate) fn subscribe(&mut self, channel: &str, deadline: Deadline) -> Result<(), Failure> {
        let commands = format!("SUB {} {CHANNEL}\r\nPING\r\n", self.subject(channel));
        self.conversation.tell("SUB", commands.as_bytes(), deadline)?;
        while !matches!(self.hear("SUB", deadline)?, Heard::Pong) {}
        Ok(())
    }

    pub(crate) fn publish(&mut self, channel: &str, payload: &[u8], deadline: Deadline) -> Result<(), Failure> {
        let head = format!("PUB {} {}\r\n", self.subject(channel), payload.len());
        let command = [head.as_bytes(), payload, b"\r\n"].concat();
        Ok(self.conversation.tell("PUB", &command, deadline)?)
    }

    /// The next message to the channel that was subscribed to.
    pub(crate) fn message(&mut self, deadline: Deadline) -> Result<adapter::Message, Failure> {
        let Delivery { subject, payload, .. } = self.delivery("PUB", CHANNEL, deadline)?;
        // What was waited for is no talk on the side, and whoever waits keeps count of it.
        self.heard = 0;
        let channel = subject.strip_prefix(&self.subject("")).unwrap_or(&subject).to_owned();
        Ok(adapter::Message { channel, payload })
    }

    /// Asks the JetStream API what messages call `name`, at `subject`.
    pub(crate) fn ask(&mut self, name: &'static str, subject: &str, deadline: Deadline) -> Result<Answer, Failure> {
        self.subscriptions += 1;
        let inbox = self.subject(&format!("{:016x}", random::get_random_u64()));
        let number = self.subscriptions;
        let commands = format!("SUB {inbox} {number}\r\nPUB {subject} {inbox} 0\r\n\r\n");
        self.conversation.tell(name, commands.as_bytes(), deadline)?;
        let came = self.delivery(name, number, deadline)?;
        let remote = self.remote();
        if message::is_from_nobody(&came.headers) {
            return Err(Failure::Unhealthy(format!("{remote} has no JetStream: nobody there answers {name}")));
        }
        Answer::parse(&came.payload).ok_or_else(|| {
            let seen = self.conversation.quote(&came.payload);
            Failure::Unhealthy(format!(
                "{remote} is not well: it answered {name} with {seen}, expected JSON of JetStream"
            ))
        })
    }

    /// The subject of a channel.
    fn subject(&self, channel: &str) -> String {
        format!("{}.{channel}", self.settings.subject)
    }

    /// The next message of a subscription.
    fn delivery(&mut self, name: &str, number: u64, deadline: Deadline) -> Result<Delivery, Failure> {
        loop {
            // Others are of a subscription that has served its purpose, and a pong is the answer to no ping.
            if let Heard::Message { subscription, delivery } = self.hear(name, deadline)?
                && subscription == number
            {
                return Ok(delivery);
            }
        }
    }

    /// What comes next, beside what may come at any time: news of the server, its pings, and its consent.
    fn hear(&mut self, name: &str, deadline: Deadline) -> Result<Heard, Failure> {
        loop {
            if let Some(head) = self.begun.take() {
                return self.receive(head, deadline);
            }
            let line = self.conversation.line(MOST_LINE, deadline)?;
            self.count(name, line.len() as u64)?;
            match Line::parse(&line) {
                Some(Line::Info(_) | Line::Ok) => {}
                Some(Line::Ping) => self.conversation.answer(b"PONG\r\n", deadline)?,
                Some(Line::Pong) => return Ok(Heard::Pong),
                Some(Line::Error) => return Err(self.refused(&line)),
                Some(Line::Message(head)) => self.begin(name, &head)?,
                None => {
                    let (remote, seen) = (self.remote(), self.conversation.quote(&line));
                    let message = format!("{remote} does not speak NATS: it answered {name} with {seen}");
                    return Err(Failure::Unhealthy(message));
                }
            }
        }
    }

    /// Takes note of the head of a message, which follows.
    fn begin(&mut self, name: &str, head: &Message<'_>) -> Result<(), Failure> {
        let Message { subject, subscription, headers, bytes } = *head;
        if bytes > MOST_MESSAGE {
            let remote = self.remote();
            return Err(Failure::Unhealthy(format!(
                "{remote} is not well: it answered {name} with {bytes} bytes, expected {MOST_MESSAGE} at most"
            )));
        }
        self.count(name, bytes)?;
        // Both fit: they are small.
        let (headers, bytes) = (headers as usize, bytes as usize);
        self.begun = Some(Head { subject: subject.to_owned(), subscription, headers, bytes });
        Ok(())
    }

    /// What follows the head of a message. If that does not come in time, the next to listen gets it.
    fn receive(&mut self, head: Head, deadline: Deadline) -> Result<Heard, Failure> {
        let mut came = match self.conversation.exactly(head.bytes + END.len(), deadline) {
            Ok(came) => came,
            Err(error) => {
                self.begun = Some(head);
                return Err(error.into());
            }
        };
        let Head { subject, subscription, headers, bytes } = head;
        let end = came.split_off(bytes);
        if end != END {
            let (remote, seen) = (self.remote(), self.conversation.quote(&end));
            return Err(Failure::Unhealthy(format!(
                "{remote} does not speak NATS: after a message of {bytes} bytes came {seen}, expected its end"
            )));
        }
        let payload = came.split_off(headers);
        Ok(Heard::Message { subscription, delivery: Delivery { subject, headers: came, payload } })
    }

    /// Takes account of what has come.
    fn count(&mut self, name: &str, bytes: u64) -> Result<(), Failure> {
        self.heard += 1 + bytes / 1024;
        if self.heard <= MOST_HEARD {
            return Ok(());
        }
        let remote = self.remote();
        Err(Failure::Unhealthy(format!("{remote} goes on and on, and the answer to {name} is not in what it says")))
    }

    fn refused(&self, line: &[u8]) -> Failure {
        let (what, permanent) = meaning(line, !self.settings.credentials().is_empty());
        let (remote, seen) = (self.remote(), self.conversation.quote(line));
        let verdict = Verdict::unhealthy(format!("{remote} {what}: it said {seen}"));
        if permanent { verdict.permanent().into() } else { verdict.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_tells_of_itself() {
        let info =
            Info::parse(r#"{"server_id":"N","version":"2.9.10","proto":1,"jetstream":true,"connect_urls":["a:1"]}"#);
        let info = info.unwrap();
        assert_eq!(
            (info.version.as_str(), info.jetstream, info.headers, info.offers_tls()),
            ("2.9.10", true, false, false)
        );
        for tls in ["tls_required", "tls_available"] {
            assert!(Info::parse(&format!("{{\"{tls}\":true}}")).unwrap().offers_tls(), "{tls}");
        }
        for nonsense in ["", "7", r#"{"version":7}"#, r#"{"version":"#] {
            assert!(Info::parse(nonsense).is_none(), "{nonsense}");
        }
    }
}
