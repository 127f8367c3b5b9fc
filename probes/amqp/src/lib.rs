//! `amqp`: what is special about AMQP 0-9-1, for the probe of all brokers; and a look at queues.

mod answer;
mod call;
mod frame;
mod queue;
mod session;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Findings, SettingProblem, Wire,
    adapter::{Adapter, Examination, Message, PubSub},
    clock::Deadline,
};

pub use crate::settings::Settings;
use crate::{
    answer::{Method, Reason},
    queue::Depth,
    session::{CHANNEL, Session},
};

/// The channel that queues are asked for through: a broker ends it where there is no such queue.
const ASKING: u16 = 2;

/// The adapter, with its session.
pub struct Amqp {
    session: Session,
    /// The channel that was subscribed to, and the routing key that stands for it.
    channel: String,
    key: String,
    /// Messages that were sent.
    sent: u64,
}

impl Adapter for Amqp {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "amqp",
            env!("CARGO_PKG_VERSION"),
            "Logs in to a broker of AMQP 0-9-1 such as RabbitMQ, sends itself a message, and looks at queues if it is to.",
            schema,
        )
        .interval(Duration::from_secs(30))
        .timeout(Duration::from_secs(5))
        .grant("tcp:{host}:{port}")
        .grant("tls")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, settings.tls)?;
        let mut session = Session::new(wire, settings);
        let begun = attempt.phase("auth", |deadline| session.log_in(deadline)).and_then(|()| {
            attempt.phase("channel", |deadline| {
                session.call(call::CHANNEL_OPEN, &call::channel_open(CHANNEL), deadline)?;
                session.call(call::CONFIRM, &call::confirm(CHANNEL), deadline)
            })
        });
        match begun {
            Ok(()) => Ok(Self { session, channel: String::new(), key: String::new(), sent: 0 }),
            Err(failure) => Err(failure.tell(|verdict| {
                let verdict = verdict.detail("address", session.remote().to_string());
                session.known().into_iter().fold(verdict, |verdict, (name, said)| verdict.detail(name, said))
            })),
        }
    }

    fn peer(&self) -> String {
        self.session.remote().to_string()
    }

    fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure> {
        let (mut findings, mut permanent, mut depths) = (Findings::default(), false, Vec::new());
        let queues = self.session.settings().queues.clone();
        let mut is_open = false;
        for queue in &queues {
            let asked = attempt.phase("queues", |deadline| self.ask(&queue.name, &mut is_open, deadline))?;
            match asked {
                Ok(depth) => {
                    queue.judge(depth, &mut findings);
                    depths.push((queue.word(), depth));
                }
                Err(reason) => {
                    permanent |= reason.is_permanent();
                    let said = self.session.word(&reason.words);
                    findings.unhealthy(format!("queue {}: {said} ({})", queue.name, reason.code));
                }
            }
        }
        let mut told =
            Examination::of(findings).permanent(permanent).detail("address", self.session.remote().to_string());
        for (name, said) in self.session.known() {
            told = told.detail(name, said);
        }
        for (queue, Depth { messages, consumers }) in depths {
            told = told.measurement(&format!("queue-messages-{queue}"), "1", messages.into());
            told = told.measurement(&format!("queue-consumers-{queue}"), "1", consumers.into());
        }
        Ok(told)
    }

    fn close(&mut self, deadline: Deadline) {
        // Whoever does not take it any more is not worth a word.
        let _ = self.session.answer(&call::close(), deadline);
    }
}

impl Amqp {
    /// Asks how a queue is; or why nothing is told of it, which ends the channel.
    fn ask(&mut self, queue: &str, is_open: &mut bool, deadline: Deadline) -> Result<Result<Depth, Reason>, Failure> {
        if !*is_open {
            self.session.call(call::CHANNEL_OPEN, &call::channel_open(ASKING), deadline)?;
        }
        self.session.tell(call::DECLARE, &call::ask(ASKING, queue), deadline)?;
        let asked = self.session.until(call::DECLARE.name, deadline, |method| match method {
            Method::Declared(_, depth) => Some(Ok(depth)),
            Method::ChannelClose(reason) => Some(Err(reason)),
            _ => None,
        })?;
        *is_open = asked.is_ok();
        if !*is_open {
            self.session.answer(&call::channel_close_ok(ASKING), deadline)?;
        }
        Ok(asked)
    }
}

impl PubSub for Amqp {
    fn subscribe(&mut self, channel: &str, attempt: &mut Attempt) -> Result<(), Failure> {
        let (session, deadline) = (&mut self.session, attempt.deadline());
        let name = session.settings().queue_prefix.as_ref().map(|prefix| format!("{prefix}.{channel}"));
        let name = name.unwrap_or_default();
        session.tell(call::DECLARE, &call::declare(CHANNEL, &name), deadline)?;
        let queue = session.until(call::DECLARE.name, deadline, |method| match method {
            Method::Declared(name, _) => Some(name),
            _ => None,
        })?;
        self.channel = channel.to_owned();
        self.key = match session.settings().exchange.clone() {
            Some(exchange) => {
                let key = format!("probity.{channel}");
                session.call(call::BIND, &call::bind(CHANNEL, &queue, &exchange, &key), deadline)?;
                key
            }
            // By its name alone, every queue gets what is sent without an exchange.
            None => queue.clone(),
        };
        session.call(call::CONSUME, &call::consume(CHANNEL, &queue), deadline)
    }

    /// There is one channel in a session, and so one key.
    fn publish(&mut self, _: &str, payload: &[u8], attempt: &mut Attempt) -> Result<(), Failure> {
        let (session, deadline) = (&mut self.session, attempt.deadline());
        let exchange = session.settings().exchange.clone().unwrap_or_default();
        let message = call::publish(CHANNEL, &exchange, &self.key, payload, session.most_frame);
        session.tell(call::PUBLISH, &message, deadline)?;
        self.sent += 1;
        let sent = self.sent;
        session.until(call::PUBLISH.name, deadline, |method| match method {
            Method::Ack(number, all_before) => (number == sent || (all_before && number > sent)).then_some(()),
            _ => None,
        })
    }

    fn receive(&mut self, until: Deadline) -> Result<Option<Message>, Failure> {
        match self.session.message(until) {
            Ok(message) if message.channel == self.key => {
                Ok(Some(Message { channel: self.channel.clone(), ..message }))
            }
            Ok(message) => Ok(Some(message)),
            Err(_) if until.remaining().is_zero() => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

probity_guest::export_pubsub!(Amqp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        let schema = Amqp::describe().settings_schema;
        assert_eq!(probity_guest::schema::between::<Settings>(&schema), Ok(Vec::new()));
    }
}
