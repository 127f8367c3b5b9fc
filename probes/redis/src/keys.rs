//! Redis as a store: a value of its own for each run, which expires if nobody deletes it.

use probity_guest::{
    Attempt, Description, Failure, SettingProblem,
    adapter::{Adapter, Dht, Examination, Found, Placement},
    random,
};

use crate::{info, session::Session, settings::Settings};

/// Seconds that a value outlives its run, if it could not be deleted then.
const OUTLIVES: u64 = 60;

/// The adapter, with its connection.
pub struct Keys {
    session: Session,
    settings: Settings,
}

impl Adapter for Keys {
    type Settings = Settings;

    fn describe() -> Description {
        crate::describe("redis-kv", "Stores a value in Redis, gets it back and deletes it.")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
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

impl Dht for Keys {
    fn put(&mut self, value: &[u8], attempt: &mut Attempt) -> Result<Placement, Failure> {
        let deadline = attempt.deadline();
        let key = format!("{}{:016x}", self.settings.prefix(), random::get_random_u64());
        let seconds = deadline.remaining().as_secs().saturating_add(OUTLIVES).to_string();
        // Never in the place of what is somebody else's.
        let words = [b"SET", key.as_bytes(), value, b"EX", seconds.as_bytes(), b"NX"];
        let reply = self.session.ask("SET", &words, deadline)?;
        match &reply[..] {
            [Some(said)] if said == b"OK" => Ok(Placement { key, nodes: 1 }),
            _ => Err(self.session.unexpected("SET", &reply, "OK")),
        }
    }

    fn get(&mut self, key: &str, attempt: &mut Attempt) -> Result<Vec<Found>, Failure> {
        let mut reply = self.session.ask("GET", &["GET", key], attempt.deadline())?;
        match &mut reply[..] {
            [Some(value)] => Ok(vec![Found { value: std::mem::take(value), source: self.peer() }]),
            [None] => Ok(Vec::new()),
            _ => Err(self.session.unexpected("GET", &reply, "one value")),
        }
    }

    fn remove(&mut self, key: &str, attempt: &mut Attempt) -> Result<(), Failure> {
        // How many it deleted is of no interest: where memory is short it may have done so before.
        self.session.ask("DEL", &["DEL", key], attempt.deadline()).map(drop)
    }
}
