//! `mysql`: what is special about MySQL and MariaDB, for the probe of all databases.

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
    Attempt, Description, Failure, Findings, SettingProblem,
    adapter::{Adapter, Database, Examination, Row},
    clock::Deadline,
};

pub use crate::settings::Settings;
use crate::{replication::State, session::Session};

/// The adapter, with its session.
pub struct MySql(Session);

impl Adapter for MySql {
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
        if let Some(expected) = session.settings().replication.clone() {
            let told = ask_state(session, attempt).map_err(|failure| session.with_known(failure))?;
            expected.judge(&told, &mut findings);
            state = Some(told);
        }
        let told = Examination::of(findings);
        let told = session.known().into_iter().fold(told, |told, (name, value)| told.detail(name, value));
        Ok(match state {
            Some(state) => state.tell(told),
            None => told,
        })
    }

    fn close(&mut self, deadline: Deadline) {
        self.0.leave(deadline);
    }
}

impl Database for MySql {
    fn ping(&mut self, attempt: &mut Attempt) -> Result<(), Failure> {
        self.0.ping(attempt.deadline()).map_err(|failure| self.0.with_known(failure))
    }

    fn query(&mut self, text: &str, attempt: &mut Attempt) -> Result<Option<Row>, Failure> {
        let answer = self
            .0
            .query(text, 1, attempt.deadline())
            .and_then(|answer| answer.map_err(|complaint| complaint.at("the query", &self.0.server()).into()));
        let answer = answer.map_err(|failure| self.0.with_known(failure))?;
        let value = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        Ok(answer.rows.into_iter().next().map(|row| row.into_iter().map(|column| column.map(value)).collect()))
    }
}

fn ask_state(session: &mut Session, attempt: &mut Attempt) -> Result<State, Failure> {
    let most = replication::MOST_SOURCES;
    let answer =
        attempt.phase("replication", |deadline| match session.query(replication::QUERY, most, deadline)? {
            Err(complaint) if complaint.code == replication::SYNTAX_ERROR => {
                session.query(replication::OLD_QUERY, most, deadline)
            }
            came => Ok(came),
        })?;
    let server = session.server();
    let answer = answer.map_err(|complaint| complaint.at_replication(&server, &session.settings().user))?;
    State::parse(&answer, session.settings().password.as_slice()).ok_or_else(|| {
        Failure::Unhealthy(format!("{server} does not tell whether it receives and applies what it replicates"))
    })
}

probity_guest::export_database!(MySql);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        let schema = MySql::describe().settings_schema;
        assert_eq!(probity_guest::schema::between::<Settings>(&schema), Ok(Vec::new()));
    }
}
