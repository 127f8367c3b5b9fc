//! `tcp`: connects to a port, and can hold a short conversation there.

mod dialogue;
mod settings;

use std::time::Duration;

use probity_guest::{Attempt, Description, Failure, Probe, SettingProblem, Verdict, Wire};

use crate::dialogue::{Dialogue, answered};
pub use crate::settings::Settings;

/// The probe.
pub struct Tcp;

impl Probe for Tcp {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "tcp",
            env!("CARGO_PKG_VERSION"),
            "Connects to a TCP port, and can hold a short conversation there.",
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

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, settings.tls)?;
        let remote = wire.remote();
        let located = |verdict: Verdict| verdict.detail("address", remote.to_string());
        let held = Dialogue::new(wire).hold(&settings.steps(), &settings.host, attempt);
        let dialogue = held.map_err(|failure| failure.tell(located))?;
        let praise = match &dialogue.answer {
            Some(_) => format!("{remote} answered as expected"),
            None => format!("connected to {remote}"),
        };
        let verdict = located(attempt.healthy_within(settings.degraded_after, praise));
        Ok(match dialogue.answer {
            Some(answer) => answered(verdict, &answer),
            None => verdict,
        })
    }
}

probity_guest::export!(Tcp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<Tcp>(), Ok(Vec::new()));
    }
}
