//! `heartbeat`: asks nothing of its target. It is healthy while somebody reports that it is, often enough.

mod due;
mod history;
mod judgement;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Probe, Problem, SettingProblem, Verdict, calendar,
    clock::{moment, since_epoch},
    reports,
};

pub use crate::settings::Settings;
use crate::{
    due::{Due, Expectation},
    history::History,
    judgement::{Judgement, judge},
};

/// Bytes of a report's text that a verdict shows: as many as the runner keeps of a detail, the mark of a cut among them.
const SHOWN: usize = 1000;

/// The probe.
pub struct Heartbeat;

impl Probe for Heartbeat {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Is healthy while somebody reports often enough.";
        // How soon it is noticed that a report is late; one that comes is noticed at once.
        Description::new("heartbeat", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(5))
            .timeout(Duration::from_secs(5))
            .passive()
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems(|cron, zone| next_tick(cron, zone, now()))
    }

    fn check(settings: &Settings, _: &mut Attempt) -> Result<Verdict, Failure> {
        let reports = reports::latest();
        let history = History::of(&reports);
        let Some(last) = history.end.map(|end| end.received).or_else(reports::since) else {
            return Err(Problem::waiting("a runner takes reports, and there is none around this probe").into());
        };
        let due = match settings.expectation() {
            Expectation::Every(span) => Due::after(span, last),
            Expectation::Cron(cron, zone) => {
                let tick = next_tick(cron, zone, last.at).map_err(Problem::other)?;
                Due::at(tick, since_epoch())
            }
        };
        let verdict = match judge(settings, &history, due) {
            Judgement::Verdict(status, message) => Verdict::new(status, message),
            Judgement::Waiting(message) => return Err(Problem::waiting(message).into()),
            Judgement::Unknown(message) => return Err(Problem::other(message).into()),
        };
        Ok(told(verdict, &history, due))
    }
}

/// Adds what is known to a verdict.
fn told(mut verdict: Verdict, history: &History<'_>, due: Due) -> Verdict {
    if let Some(end) = history.end {
        verdict = verdict.detail("last-report", moment(end.received.at));
        verdict = verdict.measurement("since-report", "s", Duration::from_nanos(end.received.age).as_secs_f64());
        if let Some(code) = end.exit_code {
            verdict = verdict.detail("exit-code", i64::from(code));
        }
    }
    if let Some(next) = due.at {
        verdict = verdict.detail("next-report", moment(next));
    }
    if let Some(running) = history.running {
        verdict = verdict.detail("running-since", moment(running.received.at));
    }
    if let Some(duration) = history.duration {
        verdict = verdict.measurement("duration", "s", duration.as_secs_f64());
    }
    if let Some(said) = history.said {
        verdict = verdict.detail("log", history::tail(said, SHOWN));
    }
    verdict.measurement("late", "s", due.late.as_secs_f64())
}

fn next_tick(cron: &str, zone: Option<&str>, after: i64) -> Result<Option<i64>, String> {
    calendar::next_tick(cron, zone, after)
}

/// Seconds since 1970-01-01T00:00:00Z.
fn now() -> i64 {
    i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)
}

probity_guest::export!(Heartbeat);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<Heartbeat>(), Ok(Vec::new()));
    }
}
