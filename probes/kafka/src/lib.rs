//! `kafka`: asks a Kafka broker how its cluster is.

mod encoding;
mod error_code;
#[cfg(test)]
mod frames;
mod judgement;
mod message;
mod metadata;
mod sasl;
mod session;
mod settings;
mod versions;

use std::time::Duration;

use probity_guest::{Attempt, Description, Failure, Probe, SettingProblem, Verdict, Wire};

pub use crate::settings::Settings;
use crate::{judgement::Picture, session::Session};

/// The probe.
pub struct Kafka;

impl Probe for Kafka {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new("kafka", env!("CARGO_PKG_VERSION"), "Asks a Kafka broker how its cluster is.", schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("tcp:{host}:{port}")
            .grant("tls")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, settings.tls)?;
        let mut broker = Session::new(wire, settings);
        attempt.phase("versions", |deadline| broker.agree_on_versions(deadline))?;
        if let Some(login) = settings.login() {
            attempt.phase("auth", |deadline| broker.log_in(login, deadline))?;
        }
        let answer = attempt.phase("metadata", |deadline| broker.metadata(deadline))?;
        let cluster = answer.cluster().ok_or_else(|| broker.senseless(&answer))?;

        let picture = Picture::of(&cluster, settings, |name| broker.word(name));
        let remote = broker.remote().to_string();
        let mut verdict = picture
            .findings(settings)
            .verdict(attempt, settings.degraded_after, &remote, "and its cluster are well")
            .detail("address", remote.as_str())
            .detail("tls", settings.tls);
        if let Some(id) = cluster.id {
            verdict = verdict.detail("cluster", broker.word(id));
        }
        if let Some(controller) = cluster.controller {
            verdict = verdict.detail("controller", i64::from(controller));
        }
        let verdict = picture.tell(verdict);
        Ok(if picture.is_permanent() { verdict.permanent() } else { verdict })
    }
}

probity_guest::export!(Kafka);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Kafka>(), Ok(Vec::new()));
    }
}
