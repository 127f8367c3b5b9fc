//! `mainline-dht`: what is special about the mainline DHT (BEP 5), for the probe of all stores. Values are immutable (BEP 44).

mod bencode;
mod exchange;
mod id;
mod known;
mod lookup;
mod message;
mod node;
mod put;
mod session;
mod settings;
mod trouble;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, SettingProblem,
    adapter::{Adapter, Dht, Examination, Found, Placement},
};

use crate::session::Session;
pub use crate::settings::Settings;

/// The adapter, with its session.
pub struct MainlineDht(Session);

impl Adapter for MainlineDht {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Puts a value into the mainline DHT, and gets it back.";
        Description::new("mainline-dht", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(60))
            .timeout(Duration::from_secs(15))
            .grant("udp:{bootstrap}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        Session::open(settings, attempt).map(Self)
    }

    fn peer(&self) -> String {
        self.0.name()
    }

    fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure> {
        self.0.examine(attempt)
    }
}

impl Dht for MainlineDht {
    fn put(&mut self, value: &[u8], attempt: &mut Attempt) -> Result<Placement, Failure> {
        self.0.put(value, attempt)
    }

    fn get(&mut self, key: &str, attempt: &mut Attempt) -> Result<Vec<Found>, Failure> {
        self.0.get(key, attempt.deadline())
    }

    /// Nobody can take a value back: nodes forget it by themselves, after two hours (BEP 44, "Expiration").
    fn remove(&mut self, _: &str, _: &mut Attempt) -> Result<(), Failure> {
        Ok(())
    }
}

probity_guest::export_dht!(MainlineDht);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        let schema = MainlineDht::describe().settings_schema;
        assert_eq!(probity_guest::schema::between::<Settings>(&schema), Ok(Vec::new()));
    }
}
