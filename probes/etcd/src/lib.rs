//! `etcd`: what is special about etcd, for the probe of all stores; and a look at its leader, its database and its alarms.

mod answer;
mod client;
mod complaint;
mod health;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, SettingProblem,
    adapter::{Adapter, Dht, Examination, Found, Placement},
    base64, random,
};
use serde_json::json;

pub use crate::settings::Settings;
use crate::{
    answer::{Done, Lease, Range},
    client::Client,
};

/// Seconds that a value outlives its run, if it could not be deleted then.
const OUTLIVES: u64 = 60;

/// The adapter, with its session.
pub struct Etcd {
    client: Client,
    /// What the value of this run expires with.
    lease: Option<String>,
}

impl Adapter for Etcd {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about =
            "Stores a value in etcd, gets it back and deletes it, and looks at its leader, database and alarms.";
        Description::new("etcd", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("url:{url}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let mut client = Client::of(settings);
        if client.settings().user.is_some() {
            attempt.phase("auth", |deadline| client.log_in(deadline))?;
        }
        Ok(Self { client, lease: None })
    }

    fn peer(&self) -> String {
        self.client.peer().to_owned()
    }

    fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure> {
        health::examine(&mut self.client, attempt)
    }
}

impl Dht for Etcd {
    fn put(&mut self, value: &[u8], attempt: &mut Attempt) -> Result<Placement, Failure> {
        let deadline = attempt.deadline();
        let seconds = deadline.remaining().as_secs().saturating_add(OUTLIVES);
        let lease: Lease = self.client.call("lease/grant", &json!({ "TTL": seconds }), deadline)?;
        let key = format!("{}{:016x}", self.client.settings().prefix, random::get_random_u64());
        let put = json!({
            "key": base64::encode(key.as_bytes()),
            "value": base64::encode(value),
            "lease": lease.id,
        });
        self.lease = Some(lease.id);
        let Done { .. } = self.client.call("kv/put", &put, deadline)?;
        // The majority of the cluster did, and which that is nobody tells.
        Ok(Placement { key, nodes: 1 })
    }

    fn get(&mut self, key: &str, attempt: &mut Attempt) -> Result<Vec<Found>, Failure> {
        let asked = json!({ "key": base64::encode(key.as_bytes()) });
        let range: Range = self.client.call("kv/range", &asked, attempt.deadline())?;
        let found = |value: Vec<u8>| Found { value, source: self.peer() };
        let values = range.values().ok_or_else(|| self.client.astray("kv/range", "a value that is no base 64"))?;
        Ok(values.into_iter().map(found).collect())
    }

    fn remove(&mut self, key: &str, attempt: &mut Attempt) -> Result<(), Failure> {
        let deadline = attempt.deadline();
        let asked = json!({ "key": base64::encode(key.as_bytes()) });
        let Done { .. } = self.client.call("kv/deleterange", &asked, deadline)?;
        if let Some(lease) = self.lease.take() {
            let Done { .. } = self.client.call("lease/revoke", &json!({ "ID": lease }), deadline)?;
        }
        Ok(())
    }
}

probity_guest::export_dht!(Etcd);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        let schema = Etcd::describe().settings_schema;
        assert_eq!(probity_guest::schema::between::<Settings>(&schema), Ok(Vec::new()));
    }
}
