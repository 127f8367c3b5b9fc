//! `redis`: what is special about Redis, for the probes of all databases, brokers and stores.

mod channels;
mod info;
mod keys;
mod reply;
mod server;
mod session;
mod settings;
mod words;

use std::time::Duration;

use probity_guest::Description;

pub use crate::{channels::Channels, keys::Keys, server::Server, settings::Settings};

/// What the adapters are alike in, as are their settings.
fn describe(name: &str, about: &str) -> Description {
    Description::new(name, env!("CARGO_PKG_VERSION"), about, include_str!("settings.schema.json"))
        .interval(Duration::from_secs(30))
        .timeout(Duration::from_secs(5))
        .grant("tcp:{host}:{port}")
        .grant("tls")
}

probity_guest::export_database!(Server);
probity_guest::export_pubsub!(Channels);
probity_guest::export_dht!(Keys);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        let schema = describe("redis", "").settings_schema;
        assert_eq!(probity_guest::schema::between::<Settings>(&schema), Ok(Vec::new()));
    }
}
