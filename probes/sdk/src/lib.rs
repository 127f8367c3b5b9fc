//! What probes written in Rust share.
//!
//! A probe is a type that implements [`Probe`] and is handed to [`export!`]:
//!
//! ```
//! use probity_guest::{Attempt, Description, Failure, Probe, Verdict};
//!
//! pub struct Always;
//!
//! impl Probe for Always {
//!     type Settings = serde_json::Map<String, serde_json::Value>;
//!
//!     fn describe() -> Description {
//!         Description::new("always", "1.0.0", "Says that all is well.", r#"{ "type": "object" }"#)
//!     }
//!
//!     fn check(_: &Self::Settings, _: &mut Attempt) -> Result<Verdict, Failure> {
//!         Ok(Verdict::healthy("all is well"))
//!     }
//! }
//!
//! probity_guest::export!(Always);
//! ```
//!
//! One that keeps a connection open between runs implements [`Connector`] and is handed to [`export_connector!`].
//!
//! Inside the sandbox `std::time::Instant`, `std::net`, `std::env` and `std::fs` panic or do nothing: the time comes from
//! [`clock`], the network from [`net`], [`tcp`], [`tls`], [`udp`], [`icmp`] and [`http`], what there is of the machine from
//! [`system`], chance from [`random`].

pub mod adapter;
mod attempt;
pub mod base64;
#[doc(hidden)]
#[cfg(not(fuzzing))]
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::panic, clippy::unwrap_used)]
pub mod bindings;
#[doc(hidden)]
#[cfg(fuzzing)]
#[path = "fuzzing/world.rs"]
pub mod bindings;
/// What the other worlds of the contract have beside that.
#[doc(hidden)]
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::panic, clippy::unwrap_used)]
pub mod more_bindings {
    pub mod connector;
    pub mod database_adapter;
    pub mod database_probe;
    pub mod dht_adapter;
    pub mod dht_probe;
    pub mod pubsub_adapter;
    pub mod pubsub_probe;
}
pub mod certificate;
pub mod clock;
pub mod comparison;
mod connector;
mod contract;
mod conversation;
mod error;
pub mod expected;
mod findings;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(fuzzing)]
#[path = "bindings.rs"]
#[allow(missing_docs, unreachable_pub, unsafe_code, unused, clippy::panic, clippy::unwrap_used)]
mod generated;
pub mod generic;
pub mod http;
pub mod icmp;
pub mod json;
pub mod limits;
pub mod net;
pub mod pattern;
mod probe;
pub mod reader;
#[cfg(not(target_family = "wasm"))]
pub mod schema;
#[cfg(feature = "scram")]
pub mod scram;
mod secrets;
pub mod settings;
mod stream;
pub mod system;
pub mod tcp;
pub mod text;
pub mod tls;
pub mod udp;
pub mod url;
mod wire;

pub use crate::{
    attempt::Attempt,
    bindings::{
        probity::probe::{
            calendar, checks, log, reports,
            tls::{Certificate, ClientCertificate, Flaw, Handshake, Refusal, Verification},
            types::{Description, Detail, Finding, Measurement, Problem, Run, SettingProblem, Status, Value, Verdict},
        },
        wasi::random::random,
    },
    connector::{Connector, ExportedConnector},
    conversation::Conversation,
    error::{Cause, Error, Failure},
    findings::Findings,
    probe::{Exported, Probe},
    secrets::Secrets,
    wire::Wire,
};
