//! A session with a broker: frames as they come, and the messages among them.

use std::{collections::VecDeque, mem, net::SocketAddr};

use probity_guest::{Conversation, Failure, Verdict, Wire, adapter::Message, clock::Deadline};

use crate::{
    answer::{Method, Reason, Start, body_length},
    call::{self, Call},
    frame::{END, Head, Kind, MOST_FRAME},
    settings::{Settings, USUAL_USER},
};

/// The channel that messages go through.
pub(crate) const CHANNEL: u16 = 1;
/// Bytes of a message: others may send longer ones than a run does, which have 64 KiB, but none may fill the memory.
const MOST_MESSAGE: u64 = 256 * 1024;
/// Frames that may come while one is waited for: more than brokers send of their own accord, and few enough for the fuel of a
/// run. What is long counts as a frame for each KiB.
const MOST_HEARD: u32 = 1_000;
/// Bytes of messages that have come and were not asked for yet: more than a run sends itself, which is 100 messages of 64 KiB.
const MOST_KEPT: usize = 8 * 1024 * 1024;
/// The first thing that is sent, as messages call it.
const HELLO: &str = "the protocol header";

/// The session.
pub(crate) struct Session {
    conversation: Conversation,
    settings: Settings,
    start: Start,
    /// Bytes of a frame that both sides take.
    pub(crate) most_frame: u32,
    /// What a frame began with whose payload is yet to come: waiting for a message may end at any byte.
    begun: Option<Head>,
    /// A message that is yet to come as a whole.
    incoming: Option<Incoming>,
    /// Frames that came since the last that was waited for.
    heard: u32,
    /// Messages that have come, and the routing keys that they were sent by.
    kept: VecDeque<Message>,
    /// Bytes of those.
    kept_bytes: usize,
}

/// A message of which not all has come.
struct Incoming {
    key: String,
    payload: Vec<u8>,
    /// Bytes that are missing, once that is known.
    missing: Option<u64>,
}

impl Session {
    pub(crate) fn new(wire: Wire, settings: Settings) -> Self {
        let mut conversation = Conversation::new(wire);
        if settings.password != USUAL_USER {
            conversation.hide(&settings.password);
        }
        Self {
            conversation,
            settings,
            start: Start::default(),
            most_frame: MOST_FRAME,
            begun: None,
            incoming: None,
            heard: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.conversation.remote()
    }

    /// What the broker said, made fit to be shown.
    pub(crate) fn word(&self, said: &str) -> String {
        self.conversation.word(said)
    }

    /// What the broker has told of itself, as details.
    pub(crate) fn known(&self) -> Vec<(&'static str, String)> {
        let Start { product, version, cluster, .. } = &self.start;
        let told = [("product", product), ("version", version), ("cluster", cluster)];
        told.into_iter().filter(|(_, said)| !said.is_empty()).map(|(name, said)| (name, self.word(said))).collect()
    }

    /// Logs in, and opens the virtual host.
    pub(crate) fn log_in(&mut self, deadline: Deadline) -> Result<(), Failure> {
        self.conversation.tell(HELLO, call::HEADER, deadline)?;
        self.start = self.until(HELLO, deadline, |method| match method {
            Method::Start(start) => Some(start),
            _ => None,
        })?;
        if !self.start.mechanisms.split(' ').any(|mechanism| mechanism == "PLAIN") {
            let (remote, offered) = (self.remote(), self.word(&self.start.mechanisms));
            let message = format!("{remote} does not take a user and a password (PLAIN), but {offered}");
            return Err(Verdict::unhealthy(message).permanent().into());
        }
        let Settings { user, password, vhost, .. } = &self.settings;
        let (login, open) = (call::start_ok(user, password), call::open(vhost));
        self.conversation.tell(call::START_OK.name, &login, deadline)?;
        let (channels, frame) = self.until(call::START_OK.name, deadline, |method| match method {
            Method::Tune(channels, frame) => Some((channels, frame)),
            _ => None,
        })?;
        // Zero is no limit.
        self.most_frame = if frame == 0 { MOST_FRAME } else { frame.min(MOST_FRAME) };
        let limits = call::tune_ok(channels, self.most_frame);
        self.call(call::OPEN, &[limits, open].concat(), deadline)
    }

    /// Calls a method, and waits until the broker has consented.
    pub(crate) fn call(&mut self, call: Call, frame: &[u8], deadline: Deadline) -> Result<(), Failure> {
        self.tell(call, frame, deadline)?;
        self.until(call.name, deadline, |method| match method {
            Method::Other(class, method) if call.is_consented_to_by(class, method) => Some(()),
            _ => None,
        })
    }

    /// Calls a method.
    pub(crate) fn tell(&mut self, call: Call, frame: &[u8], deadline: Deadline) -> Result<(), Failure> {
        Ok(self.conversation.tell(call.name, frame, deadline)?)
    }

    /// Sends what has no answer.
    pub(crate) fn answer(&mut self, frame: &[u8], deadline: Deadline) -> Result<(), Failure> {
        Ok(self.conversation.answer(frame, deadline)?)
    }

    /// The first method that is the `wanted` one. What else comes has no meaning here.
    pub(crate) fn until<T>(
        &mut self,
        told: &'static str,
        deadline: Deadline,
        wanted: impl Fn(Method) -> Option<T>,
    ) -> Result<T, Failure> {
        self.heard = 0;
        loop {
            if let Some(found) = self.hear(told, deadline)?.and_then(&wanted) {
                return Ok(found);
            }
        }
    }

    /// The next message, with the routing key that it was sent by.
    pub(crate) fn message(&mut self, deadline: Deadline) -> Result<Message, Failure> {
        loop {
            if let Some(message) = self.kept.pop_front() {
                self.kept_bytes -= message.payload.len();
                // What was waited for is no talk on the side, and whoever waits keeps count of it.
                self.heard = 0;
                return Ok(message);
            }
            self.hear(call::PUBLISH.name, deadline)?;
        }
    }

    /// What the next frame says. Trouble is a failure, and parts of messages are put together.
    fn hear(&mut self, told: &'static str, deadline: Deadline) -> Result<Option<Method>, Failure> {
        let (head, payload) = self.frame(told, deadline)?;
        let method = match head.kind {
            Kind::Heartbeat => return Ok(None),
            Kind::Header | Kind::Body => return self.put_together(told, head.kind, payload).map(|()| None),
            Kind::Method => Method::parse(&payload).ok_or_else(|| self.foreign(told, &payload))?,
        };
        Err(match method {
            Method::Close(reason) => self.closed(told, &reason),
            Method::ChannelClose(reason) if head.channel == CHANNEL => {
                self.refused(&format!("refused {told}"), &reason)
            }
            Method::Return(reason) => self.refused("has no queue for the message, and gave it back", &reason),
            Method::Blocked(words) => self.unwell("takes no messages for now", &words),
            Method::Nack => Failure::Unhealthy(format!("{} did not take the message: it said nack", self.remote())),
            Method::Cancel => Failure::Unhealthy(format!("{} ended the delivery of messages", self.remote())),
            Method::Deliver(key) => {
                self.incoming = Some(Incoming { key, payload: Vec::new(), missing: None });
                return Ok(None);
            }
            other => return Ok(Some(other)),
        })
    }

    /// The next frame, without its end.
    fn frame(&mut self, told: &'static str, deadline: Deadline) -> Result<(Head, Vec<u8>), Failure> {
        let head = match self.begun {
            Some(head) => head,
            None => {
                let bytes = self.conversation.exactly(Head::BYTES, deadline)?;
                Head::parse(&bytes).ok_or_else(|| self.foreign(told, &bytes))?
            }
        };
        if head.length > MOST_FRAME {
            return Err(self.too_long(told, "a frame", head.length.into(), MOST_FRAME.into()));
        }
        self.begun = Some(head);
        let mut payload = self.conversation.exactly(head.length as usize + 1, deadline)?;
        self.begun = None;
        if payload.pop() != Some(END) {
            return Err(self.foreign(told, &payload));
        }
        self.heard += 1 + head.length / 1024;
        if self.heard > MOST_HEARD { Err(self.goes_on(told)) } else { Ok((head, payload)) }
    }

    fn put_together(&mut self, told: &'static str, kind: Kind, payload: Vec<u8>) -> Result<(), Failure> {
        let Some(mut incoming) = self.incoming.take() else { return Err(self.foreign(told, &payload)) };
        let missing = match (kind, incoming.missing) {
            (Kind::Header, None) => {
                let length = body_length(&payload).ok_or_else(|| self.foreign(told, &payload))?;
                if length > MOST_MESSAGE {
                    return Err(self.too_long(told, "a message", length, MOST_MESSAGE));
                }
                length
            }
            (Kind::Body, Some(missing)) => {
                let left = missing.checked_sub(payload.len() as u64);
                incoming.payload.extend(&payload);
                left.ok_or_else(|| self.foreign(told, &payload))?
            }
            _ => return Err(self.foreign(told, &payload)),
        };
        if missing > 0 {
            self.incoming = Some(Incoming { missing: Some(missing), ..incoming });
            return Ok(());
        }
        self.kept_bytes += incoming.payload.len();
        if self.kept_bytes > MOST_KEPT {
            return Err(self.goes_on(told));
        }
        self.kept.push_back(Message { channel: mem::take(&mut incoming.key), payload: incoming.payload });
        Ok(())
    }

    /// What a broker comes to that ends the connection.
    fn closed(&self, told: &'static str, reason: &Reason) -> Failure {
        match reason.code {
            Reason::ACCESS_REFUSED if told == call::START_OK.name => self.refused("refused the credentials", reason),
            _ if told == call::OPEN.name => {
                self.refused(&format!("refused the virtual host {}", self.settings.vhost), reason)
            }
            _ => self.refused("ended the connection", reason),
        }
    }

    fn refused(&self, what: &str, reason: &Reason) -> Failure {
        let (remote, code) = (self.remote(), reason.code);
        let said = self.conversation.quote(reason.words.as_bytes());
        let verdict = Verdict::unhealthy(format!("{remote} {what} ({code}): it said {said}"));
        if reason.is_permanent() { verdict.permanent().into() } else { verdict.into() }
    }

    fn unwell(&self, what: &str, words: &str) -> Failure {
        let said = self.conversation.quote(words.as_bytes());
        Failure::Unhealthy(format!("{} {what}: it said {said}", self.remote()))
    }

    /// What a broker comes to that is none, or none of this version.
    fn foreign(&self, told: &str, bytes: &[u8]) -> Failure {
        let seen = self.conversation.quote(&[bytes, self.conversation.rest()].concat());
        Failure::Unhealthy(format!("{} does not speak AMQP 0-9-1: it answered {told} with {seen}", self.remote()))
    }

    fn too_long(&self, told: &str, what: &str, bytes: u64, most: u64) -> Failure {
        let remote = self.remote();
        Failure::Unhealthy(format!(
            "{remote} is not well: it answered {told} with {what} of {bytes} bytes, expected {most} at most"
        ))
    }

    fn goes_on(&self, told: &str) -> Failure {
        let remote = self.remote();
        Failure::Unhealthy(format!("{remote} goes on and on, and the answer to {told} is not in what it says"))
    }
}
