//! `memory`: looks at how much memory the runner's machine has left.

mod judgement;
mod settings;

use std::time::Duration;

use probity_guest::{Attempt, Description, Failure, Findings, Probe, Problem, SettingProblem, Verdict, system};

use crate::judgement::{Looked, tell};
pub use crate::settings::Settings;

/// The probe.
pub struct Memory;

impl Probe for Memory {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Looks at how much memory the runner's machine has left.";
        Description::new("memory", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("system:memory")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let memory = system::memory()?;
        let Some(looked) = Looked::at(&memory, settings) else {
            let why =
                "the runner is in no control group that limits its memory; leave `of` out, or make it \"machine\"";
            return Err(Problem::unsupported(why).into());
        };
        let mut findings = Findings::default();
        looked.judge(settings, &mut findings);
        let verdict = findings.verdict(attempt, None, &looked.target(), &looked.praise());
        Ok(tell(verdict, &memory))
    }
}

probity_guest::export!(Memory);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Memory>(), Ok(Vec::new()));
    }
}
