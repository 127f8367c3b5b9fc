//! `composite`: goes by how other checks stand. So many of them must be healthy.

mod quorum;
mod settings;
mod tally;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Probe, Problem, SettingProblem, Verdict,
    checks::{self, Refusal, Standing},
};

pub use crate::settings::Settings;
use crate::tally::{Counts, Found, Member, is_blind, judge, why_nothing};

/// Members that have a detail of their own; a verdict has 64 details.
const DETAILED: usize = 60;
/// Characters of a member's message that its detail shows.
const SHOWN: usize = 200;

/// The probe.
pub struct Composite;

impl Probe for Composite {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Goes by how other checks stand: so many of them must be healthy.";
        Description::new("composite", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(5))
            .timeout(Duration::from_secs(5))
            .grant("check:{checks}")
            .grant("check:group/{group}")
            .passive()
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, _: &mut Attempt) -> Result<Verdict, Failure> {
        let members: Vec<Member> = read(settings)?
            .into_iter()
            .map(|standing| Member { found: Found::of(&standing, settings.max_age), standing })
            .collect();
        match judge(settings, &members) {
            Some((status, message)) => Ok(told(Verdict::new(status, message), members)),
            None if is_blind(&members) => Err(Problem::other("nothing is known of any of its checks").into()),
            None => Err(Problem::waiting(why_nothing(&members)).into()),
        }
    }
}

/// How all members stand, each once.
fn read(settings: &Settings) -> Result<Vec<Standing>, Problem> {
    let mut standings = Vec::new();
    let mut refused = Vec::new();
    for (at, name) in settings.checks.iter().enumerate() {
        match checks::read(name) {
            Ok(standing) => standings.push(standing),
            Err(refusal) => refused.push((format!("/checks/{at}"), format!("check `{name}`"), refusal)),
        }
    }
    if let Some(group) = &settings.group {
        match checks::read_group(group) {
            Ok(members) => {
                let is_new = |member: &Standing| !settings.checks.contains(&member.name);
                standings.extend(members.into_iter().filter(is_new));
            }
            Err(refusal) => refused.push(("/group".to_owned(), format!("other check in the group `{group}`"), refusal)),
        }
    }
    if refused.is_empty() { Ok(standings) } else { Err(problem(refused)) }
}

/// What refusals come to: each with the setting that it is about, and what that names.
fn problem(refused: Vec<(String, String, Refusal)>) -> Problem {
    let mut problems = Vec::new();
    let mut waiting = None;
    for (pointer, what, refusal) in refused {
        let message = match refusal {
            Refusal::Denied => return Problem::denied(format!("reading the {what}")),
            Refusal::NotYet => {
                waiting.get_or_insert(what);
                continue;
            }
            Refusal::Unknown => format!("there is no {what}"),
            Refusal::Itself => "this is the check itself, which can't go by itself; leave it out".to_owned(),
            Refusal::Circular(way) => {
                let way: String = way.iter().map(|name| format!("{name} -> ")).collect();
                format!(
                    "the {what} goes by this check ({way}this check), so that neither can be judged; break the circle"
                )
            }
        };
        problems.push(SettingProblem::new(pointer, message));
    }
    match waiting {
        Some(what) if problems.is_empty() => {
            Problem::waiting(format!("the runner is starting, and there may be no {what} yet"))
        }
        _ => Problem::InvalidSettings(problems),
    }
}

/// Adds how each member stands, the gravest first, and how many are how.
fn told(mut verdict: Verdict, mut members: Vec<Member>) -> Verdict {
    let Counts { healthy, degraded, unhealthy, unknown } = Counts::of(&members);
    members.sort_by_key(|member| member.found.gravity());
    for Member { standing, found } in members.iter().take(DETAILED) {
        verdict = verdict.detail(&standing.name, found.story(&standing.message, SHOWN));
    }
    if let Some(more @ 1..) = members.len().checked_sub(DETAILED) {
        verdict = verdict.detail("and-more", i64::try_from(more).unwrap_or(i64::MAX));
    }
    for (name, count) in [("healthy", healthy), ("degraded", degraded), ("unhealthy", unhealthy), ("unknown", unknown)]
    {
        verdict = verdict.measurement(name, "1", count as f64);
    }
    verdict
}

probity_guest::export!(Composite);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<Composite>(), Ok(Vec::new()));
    }

    #[test]
    fn refusals_are_told_where_they_belong() {
        let refused = |refusals: &[Refusal]| {
            let told = refusals.iter().enumerate();
            problem(told.map(|(at, refusal)| (format!("/checks/{at}"), "`x`".to_owned(), refusal.clone())).collect())
        };
        let Problem::InvalidSettings(problems) =
            refused(&[Refusal::Unknown, Refusal::NotYet, Refusal::Circular(vec!["x".to_owned(), "y".to_owned()])])
        else {
            panic!("a problem of the settings");
        };
        assert_eq!(problems.iter().map(|problem| &*problem.pointer).collect::<Vec<_>>(), ["/checks/0", "/checks/2"]);
        assert!(problems[1].message.contains("(x -> y -> this check)"), "{}", problems[1].message);
        assert!(matches!(refused(&[Refusal::NotYet]), Problem::Waiting(_)));
        assert!(matches!(refused(&[Refusal::Itself, Refusal::Denied]), Problem::Denied(_)));
    }
}
