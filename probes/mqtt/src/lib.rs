//! `mqtt`: what is special about MQTT, for the probe of all brokers.

mod answer;
mod packet;
mod reason;
mod session;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Findings, SettingProblem, Wire,
    adapter::{Adapter, Examination, Message, PubSub},
    clock::Deadline,
};

use crate::session::Session;
pub use crate::settings::Settings;

/// The adapter, with its session.
pub struct Mqtt(Session);

impl Adapter for Mqtt {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "mqtt",
            env!("CARGO_PKG_VERSION"),
            "Logs in to a broker of MQTT 3.1.1 or 5, and sends itself a message.",
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
        match attempt.phase("auth", |deadline| session.log_in(deadline)) {
            Ok(()) => Ok(Self(session)),
            Err(failure) => Err(failure.tell(|verdict| {
                let protocol = session.settings().protocol.name();
                verdict.detail("address", session.remote().to_string()).detail("protocol", protocol)
            })),
        }
    }

    fn peer(&self) -> String {
        self.0.remote().to_string()
    }

    fn examine(&mut self, _: &mut Attempt) -> Result<Examination, Failure> {
        let Self(session) = self;
        let (granted, asked) = (session.granted, session.settings().qos);
        let mut findings = Findings::default();
        if granted < asked {
            findings.degraded(format!("it granted the subscription QoS {granted}, and {asked} was asked for"));
        }
        let told = Examination::of(findings)
            .detail("address", session.remote().to_string())
            .detail("protocol", session.settings().protocol.name());
        Ok(match &session.version {
            Some(version) => told.detail("version", version.as_str()),
            None => told,
        })
    }

    fn close(&mut self, deadline: Deadline) {
        self.0.leave(deadline);
    }
}

impl PubSub for Mqtt {
    fn subscribe(&mut self, channel: &str, attempt: &mut Attempt) -> Result<(), Failure> {
        self.0.subscribe(channel, attempt.deadline())
    }

    fn publish(&mut self, channel: &str, payload: &[u8], attempt: &mut Attempt) -> Result<(), Failure> {
        self.0.publish(channel, payload, attempt.deadline())
    }

    fn receive(&mut self, until: Deadline) -> Result<Option<Message>, Failure> {
        match self.0.message(until) {
            Ok(message) => Ok(Some(message)),
            Err(_) if until.remaining().is_zero() => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

probity_guest::export_pubsub!(Mqtt);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        let schema = Mqtt::describe().settings_schema;
        assert_eq!(probity_guest::schema::between::<Settings>(&schema), Ok(Vec::new()));
    }
}
