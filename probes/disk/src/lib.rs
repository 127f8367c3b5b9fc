//! `disk`: looks at how full file systems of the runner's machine are.

mod judgement;
mod settings;

use std::time::Duration;

use probity_guest::{Attempt, Description, Failure, Findings, Probe, SettingProblem, Verdict, system};

use crate::judgement::Seen;
pub use crate::settings::Settings;

/// The probe.
pub struct Disk;

impl Probe for Disk {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Looks at how full file systems of the runner's machine are.";
        Description::new("disk", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(60))
            .timeout(Duration::from_secs(5))
            .grant("system:disk")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let mut findings = Findings::default();
        let mut seen = Vec::new();
        let count = settings.paths.len();
        for (at, (path, name)) in settings.paths.iter().zip(settings.names()).enumerate() {
            // One that does not answer leaves those after it their share of the time.
            let looked = attempt.phase("look", |deadline| system::disk(path, deadline.share(count - at)));
            match looked.map_err(Failure::from) {
                Ok(disk) => seen.push(Seen { path, name, disk }),
                Err(Failure::Unhealthy(why)) => findings.unhealthy(why),
                Err(other) => return Err(other),
            }
        }
        for one in &seen {
            one.judge(settings, if count == 1 { "it" } else { one.path }, &mut findings);
        }
        let target = match &settings.paths[..] {
            [only] => format!("the file system at {only}"),
            several => format!("{} file systems", several.len()),
        };
        let praise = judgement::praise(&seen);
        let verdict = findings.verdict(attempt, settings.degraded_after, &target, &praise);
        Ok(seen.iter().fold(verdict, |verdict, one| one.tell(verdict)))
    }
}

probity_guest::export!(Disk);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Disk>(), Ok(Vec::new()));
    }
}
