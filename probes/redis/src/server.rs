//! Redis as a database: it is asked for a sign of life, or by any command.

use probity_guest::{
    Attempt, Description, Failure, Problem, SettingProblem,
    adapter::{Adapter, Database, Examination, Row},
};

use crate::{
    info,
    session::{Session, joined},
    settings::Settings,
    words::words,
};

/// The adapter, with its connection.
pub struct Server {
    session: Session,
    settings: Settings,
}

impl Adapter for Server {
    type Settings = Settings;

    fn describe() -> Description {
        crate::describe("redis", "Logs in to Redis, pings it or asks it something, and looks at its role and memory.")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems_of_reader()
    }

    fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        Ok(Self { session: Session::open(&settings, attempt)?, settings })
    }

    fn peer(&self) -> String {
        self.session.peer()
    }

    fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure> {
        info::examine(&mut self.session, &self.settings, attempt)
    }
}

impl Database for Server {
    fn ping(&mut self, attempt: &mut Attempt) -> Result<(), Failure> {
        self.session.expect("PING", &["PING"], "PONG", attempt.deadline())
    }

    fn query(&mut self, text: &str, attempt: &mut Attempt) -> Result<Option<Row>, Failure> {
        let words = words(text).map_err(|problem| {
            let message = format!("{problem}; give a command such as `GET key`");
            Failure::Problem(Problem::InvalidSettings(vec![SettingProblem::new("/query", message)]))
        })?;
        let reply = self.session.ask("the query", &words, attempt.deadline())?;
        let value = String::from_utf8_lossy(&self.session.blot(&joined(&reply))).into_owned();
        // An array without elements is no row; several are one value, as the operator sees them.
        Ok((!reply.is_empty()).then(|| vec![reply.iter().any(Option::is_some).then_some(value)]))
    }
}
