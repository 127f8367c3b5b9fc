//! `mysql`: logs in at a MySQL or MariaDB server, and pings it or asks it something.

mod answer;
mod complaint;
mod greeting;
mod login;
mod packet;
mod replication;
mod session;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Findings, Probe, SettingProblem, Verdict, expected::Number, text::first_line,
};

pub use crate::settings::Settings;
use crate::{replication::State, session::Session};

/// Characters of a text of the server's that a detail shows.
const SHOWN: usize = 120;

/// The probe.
pub struct MySql;

impl Probe for MySql {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "mysql",
            env!("CARGO_PKG_VERSION"),
            "Logs in at a MySQL or MariaDB server, and pings it or asks it something.",
            schema,
        )
        .interval(Duration::from_secs(30))
        .timeout(Duration::from_secs(5))
        .grant("tcp:{host}:{port}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let mut session = Session::open(settings, attempt)?;
        let came = examine(settings, &mut session, attempt);
        session.leave(attempt.deadline());
        came
    }
}

/// The verdict on a server that let the probe in.
fn examine(settings: &Settings, session: &mut Session<'_>, attempt: &mut Attempt) -> Result<Verdict, Failure> {
    let answer = match &settings.query {
        None => attempt.phase("ping", |deadline| session.ping(deadline)).map(|()| None)?,
        Some(query) => {
            let answer = attempt.phase("query", |deadline| session.query(query, 1, deadline))?;
            Some(answer.map_err(|complaint| complaint.at("the query", &session.server()))?)
        }
    };
    let state = match &settings.replication {
        None => None,
        Some(expected) => Some((expected, ask_state(settings, session, attempt)?)),
    };

    let mut findings = Findings::default();
    let value = answer.as_ref().and_then(|answer| answer.first_value());
    settings.expected().judge(value, "the query", &mut findings);
    if let Some((expected, state)) = &state {
        expected.judge(state, &mut findings);
    }
    let praise = match &settings.query {
        None => "answered a ping",
        Some(_) if settings.expected().is_anything() => "answered the query as expected",
        Some(_) => "answered the query",
    };
    let mut verdict = findings
        .verdict(attempt, settings.degraded_after, &session.server(), praise)
        .detail("address", session.server())
        .detail("server-version", first_line(&session.version, SHOWN))
        .detail("tls", session.is_secure());
    if let Some(why) = &session.tls_failure {
        verdict = verdict.detail("tls-failure", why.as_str());
    }
    if let Some(value) = value {
        verdict = match Number::parse(value) {
            Some(Number(number)) => verdict.measurement("value", "1", number),
            None => verdict.detail("value", first_line(&String::from_utf8_lossy(value), SHOWN)),
        };
    }
    Ok(match state {
        Some((_, state)) => state.tell(verdict),
        None => verdict,
    })
}

fn ask_state(settings: &Settings, session: &mut Session<'_>, attempt: &mut Attempt) -> Result<State, Failure> {
    let most = replication::MOST_SOURCES;
    let answer =
        attempt.phase("replication", |deadline| match session.query(replication::QUERY, most, deadline)? {
            Err(complaint) if complaint.code == replication::SYNTAX_ERROR => {
                session.query(replication::OLD_QUERY, most, deadline)
            }
            came => Ok(came),
        })?;
    let server = session.server();
    let answer = answer.map_err(|complaint| complaint.at("the question about replication", &server))?;
    State::parse(&answer, settings.password.as_slice()).ok_or_else(|| {
        Failure::Unhealthy(format!("{server} does not tell whether it receives and applies what it replicates"))
    })
}

probity_guest::export!(MySql);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::MySql>(), Ok(Vec::new()));
    }
}
