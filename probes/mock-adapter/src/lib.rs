//! `mock-adapter`: a broker, a store and a database that are not there, and fail as they are told. What is composed with it is
//! shown to tell one trouble from another.

mod settings;
mod targets;

pub use crate::{
    settings::Settings,
    targets::{Broker, Rows, Store},
};

probity_guest::export_pubsub!(Broker);
probity_guest::export_dht!(Store);
probity_guest::export_database!(Rows);
