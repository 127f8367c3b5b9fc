//! `nats`: what is special about NATS, for the probe of all brokers; and a look at a stream and its consumer.

mod jetstream;
mod message;
mod session;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Findings, SettingProblem, Status, Verdict, Wire,
    adapter::{Adapter, Examination, Message, PubSub},
    clock::Deadline,
};

pub use crate::settings::Settings;
use crate::{
    jetstream::{Answer, Flaw},
    session::{Info, Session},
};

/// The adapter, with its session.
pub struct Nats {
    session: Session,
    info: Info,
}

impl Adapter for Nats {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "nats",
            env!("CARGO_PKG_VERSION"),
            "Logs in to NATS, sends itself a message, and looks at a stream and its consumer if it is to.",
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
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, false)?;
        let mut session = Session::new(wire, settings);
        let address = session.remote().to_string();
        let begin = || {
            let info = attempt.phase("greeting", |deadline| session.greeting(deadline))?;
            agree_on_tls(&info, &session)?;
            if session.settings().tls {
                session = session.secure(attempt)?;
            }
            attempt.phase("auth", |deadline| session.log_in(&info, deadline))?;
            Ok(Self { session, info })
        };
        begin().map_err(|failure: Failure| failure.tell(|verdict| verdict.detail("address", address)))
    }

    fn peer(&self) -> String {
        self.session.remote().to_string()
    }

    fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure> {
        let mut facts = Facts::default();
        let flaw = look_at_stream(attempt, &mut self.session, &mut facts)?;
        let mut findings = Findings::default();
        let permanent = flaw.as_ref().is_some_and(|flaw| flaw.permanent);
        match flaw {
            Some(Flaw { status: Status::Unhealthy, text, .. }) => findings.unhealthy(text),
            Some(Flaw { text, .. }) => findings.degraded(text),
            None => {}
        }
        let mut told = Examination::of(findings)
            .permanent(permanent)
            .detail("address", self.session.remote().to_string())
            .detail("version", self.session.word(&self.info.version))
            .detail("server", self.session.word(&self.info.server_name))
            .detail("jetstream", self.info.jetstream);
        for (name, count) in [("messages", facts.messages), ("lag", facts.lag), ("ack-pending", facts.ack_pending)] {
            if let Some(count) = count {
                told = told.measurement(name, "1", count as f64);
            }
        }
        Ok(told)
    }
}

impl PubSub for Nats {
    fn subscribe(&mut self, channel: &str, attempt: &mut Attempt) -> Result<(), Failure> {
        self.session.subscribe(channel, attempt.deadline())
    }

    fn publish(&mut self, channel: &str, payload: &[u8], attempt: &mut Attempt) -> Result<(), Failure> {
        self.session.publish(channel, payload, attempt.deadline())
    }

    fn receive(&mut self, until: Deadline) -> Result<Option<Message>, Failure> {
        match self.session.message(until) {
            Ok(message) => Ok(Some(message)),
            Err(_) if until.remaining().is_zero() => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// Credentials must not be sent in the clear to a server that wants none such, nor where TLS is asked for and not to be had.
fn agree_on_tls(info: &Info, server: &Session) -> Result<(), Failure> {
    let what = match server.settings().tls {
        true if !info.offers_tls() => "does not offer TLS, which `tls` asks for",
        false if info.tls_required => "asks for TLS: set `tls` to true",
        _ => return Ok(()),
    };
    Err(Verdict::unhealthy(format!("{} {what}", server.remote())).permanent().into())
}

/// What is counted of a stream and its consumer.
#[derive(Default)]
struct Facts {
    messages: Option<u64>,
    lag: Option<u64>,
    ack_pending: Option<u64>,
}

/// What speaks against the stream, or else against its consumer, as a clause.
fn look_at_stream(attempt: &mut Attempt, server: &mut Session, facts: &mut Facts) -> Result<Option<Flaw>, Failure> {
    let Some(stream) = server.settings().stream.clone() else { return Ok(None) };
    let judge = |answer: &Answer, server: &Session, whose: String| {
        let flaw = answer.flaw(server.settings(), |said| server.word(said));
        flaw.map(|flaw| Flaw { text: format!("{whose}: {}", flaw.text), ..flaw })
    };
    let subject = format!("$JS.API.STREAM.INFO.{stream}");
    let answer = attempt.phase("stream", |deadline| server.ask("STREAM.INFO", &subject, deadline))?;
    facts.messages = answer.messages();
    let flaw = judge(&answer, server, format!("stream {stream}"));
    let unhealthy = flaw.as_ref().is_some_and(|flaw| flaw.status == Status::Unhealthy);
    let Some(consumer) = server.settings().consumer.clone().filter(|_| !unhealthy) else { return Ok(flaw) };

    let subject = format!("$JS.API.CONSUMER.INFO.{stream}.{consumer}");
    let answer = attempt.phase("consumer", |deadline| server.ask("CONSUMER.INFO", &subject, deadline))?;
    (facts.lag, facts.ack_pending) = (answer.num_pending, answer.num_ack_pending);
    Ok(judge(&answer, server, format!("consumer {consumer} of stream {stream}")))
}

probity_guest::export_pubsub!(Nats);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        let schema = Nats::describe().settings_schema;
        assert_eq!(probity_guest::schema::between::<Settings>(&schema), Ok(Vec::new()));
    }
}
