//! `postgres`: logs in at a PostgreSQL server, and asks it something.

mod complaint;
mod login;
mod message;
mod replication;
mod saslprep;
mod scram;
mod session;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Findings, Probe, SettingProblem, Verdict,
    expected::Number,
    text::{excerpt, first_line},
};

pub use crate::settings::Settings;
use crate::{
    replication::{Role, State},
    session::{FirstRow, Session},
    settings::USUAL_QUERY,
};

/// Characters of a text of the server's that a detail shows.
const SHOWN: usize = 120;

/// The probe.
pub struct Postgres;

impl Probe for Postgres {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "postgres",
            env!("CARGO_PKG_VERSION"),
            "Logs in at a PostgreSQL server, and asks it something.",
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
fn examine(settings: &Settings, session: &mut Session, attempt: &mut Attempt) -> Result<Verdict, Failure> {
    let row = attempt.phase("query", |deadline| session.query(&settings.query, "the query", deadline))?;
    let state = match &settings.replication {
        None => None,
        Some(expected) => Some((expected, ask_state(session, attempt)?)),
    };

    let mut findings = Findings::default();
    let value = first_value(&row);
    settings.expected().judge(value, "the query", &mut findings);
    if let Some((expected, state)) = &state {
        expected.judge(state, &mut findings);
    }
    let praise = match settings.query.as_str() {
        USUAL_QUERY => "answered",
        _ if settings.expected().is_anything() => "answered the query as expected",
        _ => "answered the query",
    };
    let mut verdict = findings
        .verdict(attempt, settings.degraded_after, &session.server(), praise)
        .detail("address", session.server())
        .detail("server-version", first_line(&session.version, SHOWN))
        .detail("tls", session.is_secure());
    if let Some(why) = &session.tls_failure {
        verdict = verdict.detail("tls-failure", why.as_str());
    }
    let role = |standby| if standby { Role::Standby } else { Role::Primary };
    if let Some(role) = state.as_ref().map(|(_, state)| state.role).or(session.standby.map(role)) {
        verdict = verdict.detail("role", role.name());
    }
    if let Some(value) = value.filter(|_| settings.query != USUAL_QUERY) {
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

fn ask_state(session: &mut Session, attempt: &mut Attempt) -> Result<State, Failure> {
    let row = attempt.phase("replication", |deadline| {
        session.query(replication::QUERY, "the question about replication", deadline)
    })?;
    row.as_deref().and_then(State::parse).ok_or_else(|| {
        let seen = excerpt(first_value(&row).unwrap_or_default(), SHOWN);
        Failure::Unhealthy(format!("{} does not tell how it replicates: it answered {seen}", session.server()))
    })
}

fn first_value(row: &FirstRow) -> Option<&[u8]> {
    row.as_ref()?.first()?.as_deref()
}

probity_guest::export!(Postgres);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Postgres>(), Ok(Vec::new()));
    }
}
