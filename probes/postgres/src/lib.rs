//! `postgres`: what is special about PostgreSQL, for the probe of all databases.

mod complaint;
mod login;
mod message;
mod replication;
mod saslprep;
mod session;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Findings, SettingProblem,
    adapter::{Adapter, Database, Examination, Row},
    clock::Deadline,
    text::excerpt,
};

pub use crate::settings::Settings;
use crate::{
    replication::{Role, State},
    session::{FirstRow, Session},
};

/// The least that there is to ask, and goes all the way.
const PING: &str = "SELECT 1";
/// Characters of a text of the server's that a detail shows.
const SHOWN: usize = 120;
/// How long a replica may take to acknowledge what was written a moment ago, before its lag is believed.
const SETTLING: Duration = Duration::from_millis(200);

/// The adapter, with its session.
pub struct Postgres(Session);

impl Adapter for Postgres {
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
        .grant("tls")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        Session::open(settings, attempt).map(Self)
    }

    fn peer(&self) -> String {
        self.0.server()
    }

    fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure> {
        let session = &mut self.0;
        let mut findings = Findings::default();
        let mut state = None;
        if let Some(expected) = session.replication() {
            let mut told = ask_state(session, attempt)?;
            if expected.wants_another_look(&told) {
                attempt.deadline().within(SETTLING).pass();
                told = ask_state(session, attempt)?;
            }
            expected.judge(&told, &mut findings);
            state = Some(told);
        }
        let told = Examination::of(findings);
        let mut told = session.known().into_iter().fold(told, |told, (name, value)| told.detail(name, value));
        let role = |standby| if standby { Role::Standby } else { Role::Primary };
        if let Some(role) = state.as_ref().map(|state| state.role).or(session.standby.map(role)) {
            told = told.detail("role", role.name());
        }
        Ok(match state {
            Some(state) => state.tell(told),
            None => told,
        })
    }

    fn close(&mut self, deadline: Deadline) {
        self.0.leave(deadline);
    }
}

impl Database for Postgres {
    fn ping(&mut self, attempt: &mut Attempt) -> Result<(), Failure> {
        self.ask(PING, attempt).map(drop)
    }

    fn query(&mut self, text: &str, attempt: &mut Attempt) -> Result<Option<Row>, Failure> {
        let row = self.ask(text, attempt)?;
        let value = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        Ok(row.map(|row| row.into_iter().map(|column| column.map(value)).collect()))
    }
}

impl Postgres {
    fn ask(&mut self, sql: &str, attempt: &Attempt) -> Result<FirstRow, Failure> {
        let came = self.0.query(sql, "the query", attempt.deadline());
        came.map_err(|failure| self.0.with_known(failure))
    }
}

fn ask_state(session: &mut Session, attempt: &mut Attempt) -> Result<State, Failure> {
    let row = attempt.phase("replication", |deadline| {
        let came = session.query(replication::QUERY, "the question about replication", deadline);
        came.map_err(|failure| session.with_known(failure))
    })?;
    row.as_deref().and_then(State::parse).ok_or_else(|| {
        let first = row.as_ref().and_then(|row| row.first()?.as_deref()).unwrap_or_default();
        let (server, seen) = (session.server(), excerpt(first, SHOWN));
        session.with_known(Failure::Unhealthy(format!("{server} does not tell how it replicates: it answered {seen}")))
    })
}

probity_guest::export_database!(Postgres);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        let schema = Postgres::describe().settings_schema;
        assert_eq!(probity_guest::schema::between::<Settings>(&schema), Ok(Vec::new()));
    }
}
