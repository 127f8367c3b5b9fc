//! A session with a broker: what is acknowledged, and what comes in the meantime.

use std::{collections::VecDeque, net::SocketAddr};

use probity_guest::{Conversation, Failure, Verdict, Wire, adapter::Message, clock::Deadline, random};

use crate::{
    answer::{Head, Packet, Publish, Reason},
    packet::{self, Kind, Login, MOST_PACKET},
    reason,
    settings::Settings,
};

/// Packets that may come while one is waited for: more than brokers send of their own accord, and few enough for the fuel of
/// a run. What is long counts as a packet for each KiB.
const MOST_HEARD: usize = 1_000;
/// Bytes of messages that have come and were not asked for yet: more than a run sends itself, which is 100 messages of 64 KiB.
const MOST_KEPT: usize = 8 * 1024 * 1024;
/// Where Mosquitto, and what is like it, keeps a message with its name and version.
const VERSION_TOPIC: &str = "$SYS/broker/version";

/// The session.
pub(crate) struct Session {
    conversation: Conversation,
    settings: Settings,
    /// Packets that came since the last that was waited for.
    heard: usize,
    /// The identifier of the last packet that has one.
    last_id: u16,
    /// Messages that came while something else was waited for.
    kept: VecDeque<Message>,
    /// Bytes of those.
    kept_bytes: usize,
    /// The QoS that the subscription was granted.
    pub(crate) granted: u8,
    /// What the broker says it is, if it does.
    pub(crate) version: Option<String>,
}

impl Session {
    pub(crate) fn new(wire: Wire, settings: Settings) -> Self {
        let mut conversation = Conversation::new(wire);
        settings.password.iter().for_each(|password| conversation.hide(password));
        Self {
            conversation,
            granted: settings.qos,
            settings,
            heard: 0,
            last_id: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            version: None,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.conversation.remote()
    }

    pub(crate) fn log_in(&mut self, deadline: Deadline) -> Result<(), Failure> {
        // Of letters and digits and no longer than that, since every broker must take it (MQTT 3.1.1, section 3.1.3.1).
        let client_id = self.settings.client_id.clone();
        let client_id = client_id.unwrap_or_else(|| format!("probity{:016x}", random::get_random_u64()));
        let Settings { protocol, user, password, .. } = &self.settings;
        let login = Login { client_id: &client_id, user: user.as_deref(), password: password.as_deref() };
        let hello = packet::connect(*protocol, &login);
        self.tell(Kind::Connect, &hello, deadline)?;
        let (head, bytes) = self.head(Kind::Connect, deadline)?;
        if head.kind != Kind::ConnAck {
            return Err(self.foreign(Kind::Connect, &bytes));
        }
        let Packet::ConnAck(reason, most_qos) = self.body(Kind::Connect, head, &bytes, deadline)? else {
            return Err(self.foreign(Kind::Connect, &bytes));
        };
        if reason.code != 0 {
            let has_credentials = self.settings.user.is_some() || self.settings.password.is_some();
            return Err(self.refused(reason::refusal(reason.code, has_credentials), &reason));
        }
        match most_qos.filter(|most| *most < self.settings.qos) {
            None => Ok(()),
            Some(most) => {
                let message = format!("{} takes messages of QoS {most} at most: set `qos` to that", self.remote());
                Err(Verdict::unhealthy(message).permanent().into())
            }
        }
    }

    /// Has what is published to a channel come here; waits until the broker has agreed to it.
    pub(crate) fn subscribe(&mut self, channel: &str, deadline: Deadline) -> Result<(), Failure> {
        let id = self.next_id();
        let Settings { protocol, qos, ask_version, .. } = self.settings;
        let topic = self.topic(channel);
        let topics = [topic.as_str(), VERSION_TOPIC];
        let topics = if ask_version { &topics[..] } else { &topics[..1] };
        self.tell(Kind::Subscribe, &packet::subscribe(protocol, id, topics, qos), deadline)?;
        loop {
            match self.hear(Kind::Subscribe, deadline)? {
                Packet::SubAck(of, codes, words) if of == id => {
                    // That the second is refused is no trouble: there is no more to be told then.
                    let code = codes.first().copied().unwrap_or(reason::FAILURE);
                    if code >= reason::FAILURE {
                        return Err(self.refused("refused the subscription", &Reason { code, words }));
                    }
                    self.granted = code;
                    return Ok(());
                }
                other => self.keep_message(Kind::Subscribe, other)?,
            }
        }
    }

    /// Sends a message; waits until the broker has taken it as its QoS asks for.
    pub(crate) fn publish(&mut self, channel: &str, payload: &[u8], deadline: Deadline) -> Result<(), Failure> {
        let id = self.next_id();
        let Settings { protocol, qos, .. } = self.settings;
        self.tell(Kind::Publish, &packet::publish(protocol, &self.topic(channel), qos, id, payload), deadline)?;
        if qos == 1 {
            self.acknowledged(Kind::PubAck, id, deadline)?;
        } else if qos == 2 {
            self.acknowledged(Kind::PubRec, id, deadline)?;
            self.conversation.answer(&packet::acknowledge(Kind::PubRel, id), deadline)?;
            self.acknowledged(Kind::PubComp, id, deadline)?;
        }
        Ok(())
    }

    /// The next message to the channel that was subscribed to.
    pub(crate) fn message(&mut self, deadline: Deadline) -> Result<Message, Failure> {
        loop {
            if let Some(message) = self.kept.pop_front() {
                self.kept_bytes -= message.payload.len();
                // What was waited for is no talk on the side, and whoever waits keeps count of it.
                self.heard = 0;
                return Ok(message);
            }
            let packet = self.hear(Kind::Publish, deadline)?;
            self.keep_message(Kind::Publish, packet)?;
        }
    }

    /// Takes leave.
    pub(crate) fn leave(&mut self, deadline: Deadline) {
        // Whoever does not take it any more is not worth a word.
        let _ = self.conversation.answer(&packet::disconnect(), deadline);
    }

    fn acknowledged(&mut self, kind: Kind, id: u16, deadline: Deadline) -> Result<(), Failure> {
        loop {
            match self.hear(Kind::Publish, deadline)? {
                Packet::Ack(came, of, reason) if (came, of) == (kind, id) => {
                    if reason.code >= reason::FAILURE {
                        return Err(self.refused("refused the message", &reason));
                    }
                    self.heard = 0;
                    return Ok(());
                }
                other => self.keep_message(Kind::Publish, other)?,
            }
        }
    }

    /// Keeps a message for whoever will ask for it; what else there is has been dealt with.
    fn keep_message(&mut self, told: Kind, packet: Packet) -> Result<(), Failure> {
        let Packet::Publish(Publish { topic, payload, .. }) = packet else { return Ok(()) };
        if topic == VERSION_TOPIC {
            self.version = Some(self.conversation.word(&String::from_utf8_lossy(&payload)));
            return Ok(());
        }
        self.kept_bytes += payload.len();
        if self.kept_bytes > MOST_KEPT {
            return Err(self.goes_on(told));
        }
        let channel = topic.strip_prefix(&self.topic("")).unwrap_or(&topic).to_owned();
        self.kept.push_back(Message { channel, payload });
        Ok(())
    }

    /// What comes next. A message is acknowledged as its QoS asks for, and so is its release.
    fn hear(&mut self, told: Kind, deadline: Deadline) -> Result<Packet, Failure> {
        let (head, bytes) = self.head(told, deadline)?;
        self.heard += 1 + head.length / 1024;
        if self.heard > MOST_HEARD {
            return Err(self.goes_on(told));
        }
        let packet = self.body(told, head, &bytes, deadline)?;
        let answer = match &packet {
            Packet::Publish(Publish { qos: 1, id, .. }) => Some((Kind::PubAck, *id)),
            Packet::Publish(Publish { qos: 2, id, .. }) => Some((Kind::PubRec, *id)),
            Packet::Ack(Kind::PubRel, id, _) => Some((Kind::PubComp, *id)),
            Packet::Disconnect(reason) => return Err(self.refused("ended the session", reason)),
            _ => None,
        };
        if let Some((kind, id)) = answer {
            self.conversation.answer(&packet::acknowledge(kind, id), deadline)?;
        }
        Ok(packet)
    }

    /// What the next packet begins with, and its bytes.
    fn head(&mut self, told: Kind, deadline: Deadline) -> Result<(Head, Vec<u8>), Failure> {
        let mut bytes = self.conversation.exactly(Head::LEAST, deadline)?;
        while Head::is_cut(&bytes) {
            bytes.extend(self.conversation.exactly(1, deadline)?);
        }
        let head = Head::parse(&bytes).ok_or_else(|| self.foreign(told, &bytes))?;
        if head.length > MOST_PACKET {
            let (remote, told, length) = (self.remote(), told.name(), head.length);
            return Err(Failure::Unhealthy(format!(
                "{remote} is not well: it answered {told} with {length} bytes, expected {MOST_PACKET} at most"
            )));
        }
        Ok((head, bytes))
    }

    fn body(&mut self, told: Kind, head: Head, bytes: &[u8], deadline: Deadline) -> Result<Packet, Failure> {
        let body = self.conversation.exactly(head.length, deadline)?;
        let packet = Packet::parse(self.settings.protocol, head, &body);
        packet.ok_or_else(|| self.foreign(told, &[bytes, &body].concat()))
    }

    fn tell(&mut self, kind: Kind, packet: &[u8], deadline: Deadline) -> Result<(), Failure> {
        self.heard = 0;
        Ok(self.conversation.tell(kind.name(), packet, deadline)?)
    }

    /// The topic of a channel.
    fn topic(&self, channel: &str) -> String {
        format!("{}/{channel}", self.settings.topic)
    }

    /// Zero is none (MQTT 5, section 2.2.1).
    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }

    fn refused(&self, what: &str, reason: &Reason) -> Failure {
        let (remote, code, name) = (self.remote(), reason.code, reason::name(reason.code));
        let mut message = format!("{remote} {what}: {name} (0x{code:02x})");
        if !reason.words.is_empty() {
            message += &format!(": it said {}", self.conversation.quote(reason.words.as_bytes()));
        }
        let verdict = Verdict::unhealthy(message);
        if reason::is_permanent(reason.code) { verdict.permanent().into() } else { verdict.into() }
    }

    /// What a broker comes to that is none.
    fn foreign(&self, told: Kind, bytes: &[u8]) -> Failure {
        let seen = self.conversation.quote(&[bytes, self.conversation.rest()].concat());
        Failure::Unhealthy(format!("{} does not speak MQTT: it answered {} with {seen}", self.remote(), told.name()))
    }

    fn goes_on(&self, told: Kind) -> Failure {
        let (remote, told) = (self.remote(), told.name());
        Failure::Unhealthy(format!("{remote} goes on and on, and the answer to {told} is not in what it says"))
    }
}
