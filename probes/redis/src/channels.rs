//! Redis as a broker: what is published comes to all who have subscribed at that moment.

use probity_guest::{
    Attempt, Description, Failure, SettingProblem,
    adapter::{Adapter, Examination, Message, PubSub},
    clock::Deadline,
};

use crate::{info, reply::Head, session::Session, settings::Settings};

/// Bytes that may come of messages in one run, others' included: few enough for its fuel.
const MOST_HEARD: usize = 64 * 1024 * 1024;
/// Bytes of a message that are kept: one more than the longest that is sent, so that what is longer is another. Those of others
/// may be, up to 512 MiB.
const MOST_MESSAGE: u64 = 64 * 1024 + 1;
/// Bytes of what comes before it: the word `message`, and the name of a channel.
const MOST_NAME: u64 = 4 * 1024;

/// The adapter, with its connections: one that has subscribed takes no `PUBLISH` (RESP 2).
pub struct Channels {
    publisher: Session,
    subscriber: Session,
    settings: Settings,
    /// By when a message must be here whose beginning is.
    deadline: Deadline,
}

impl Channels {
    /// The next part of a message, of which no more than `most` bytes are kept.
    fn part(&mut self, most: u64) -> Result<Vec<u8>, Failure> {
        let line = self.subscriber.line(self.deadline)?;
        match Head::parse(&line) {
            Some(Head::Bulk(length)) => self.subscriber.string("SUBSCRIBE", length, most, self.deadline),
            head => Err(self.subscriber.astray("SUBSCRIBE", &line, head, "a message")),
        }
    }

    fn name(&self, channel: &str) -> String {
        [self.settings.prefix(), channel].concat()
    }
}

impl Adapter for Channels {
    type Settings = Settings;

    fn describe() -> Description {
        crate::describe("redis-pubsub", "Sends itself a message through Redis.")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let publisher = Session::open(&settings, attempt)?;
        let subscriber = publisher.another(&settings, attempt)?.at_most(MOST_HEARD);
        Ok(Self { publisher, subscriber, settings, deadline: attempt.deadline() })
    }

    fn peer(&self) -> String {
        self.publisher.peer()
    }

    fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure> {
        info::examine(&mut self.publisher, &self.settings, attempt)
    }
}

impl PubSub for Channels {
    fn subscribe(&mut self, channel: &str, attempt: &mut Attempt) -> Result<(), Failure> {
        let name = self.name(channel);
        let reply = self.subscriber.ask("SUBSCRIBE", &["SUBSCRIBE", &name], attempt.deadline())?;
        match &reply[..] {
            [Some(word), Some(of), _] if word == b"subscribe" && of == name.as_bytes() => Ok(()),
            _ => Err(self.subscriber.unexpected("SUBSCRIBE", &reply, "that it has subscribed")),
        }
    }

    fn publish(&mut self, channel: &str, payload: &[u8], attempt: &mut Attempt) -> Result<(), Failure> {
        let name = self.name(channel);
        // How many got it is of no interest: whether it comes back is.
        let words = [b"PUBLISH", name.as_bytes(), payload];
        self.publisher.ask("PUBLISH", &words, attempt.deadline()).map(drop)
    }

    fn receive(&mut self, until: Deadline) -> Result<Option<Message>, Failure> {
        let line = match self.subscriber.line(until) {
            Ok(line) => line,
            Err(_) if until.remaining().is_zero() => return Ok(None),
            Err(failure) => return Err(failure),
        };
        match Head::parse(&line) {
            Some(Head::Array(3)) => {}
            head => return Err(self.subscriber.astray("SUBSCRIBE", &line, head, "a message")),
        }
        let [_, name] = [self.part(MOST_NAME)?, self.part(MOST_NAME)?];
        let payload = self.part(MOST_MESSAGE)?;
        let name = String::from_utf8_lossy(&name);
        let channel = name.strip_prefix(self.settings.prefix()).unwrap_or(&name).to_owned();
        Ok(Some(Message { channel, payload }))
    }
}
