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
//! [`clock`], the network from [`net`], [`tcp`], [`tls`], [`udp`] and [`http`], chance from [`random`].

mod attempt;
pub mod base64;
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::panic, clippy::unwrap_used)]
pub mod bindings;
pub mod certificate;
pub mod clock;
mod connector;
#[doc(hidden)]
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::panic, clippy::unwrap_used)]
pub mod connector_bindings;
mod contract;
mod conversation;
mod error;
mod exchange;
pub mod expected;
mod findings;
pub mod http;
pub mod net;
mod probe;
#[cfg(not(target_family = "wasm"))]
pub mod schema;
pub mod settings;
mod stream;
pub mod tcp;
pub mod text;
pub mod tls;
pub mod udp;
pub mod url;
mod wire;

pub use crate::{
    attempt::Attempt,
    bindings::{
        exports::probity::probe::manifest::Description,
        probity::probe::{
            log,
            tls::{Certificate, ClientCertificate, Flaw, Handshake, Refusal, Verification},
            types::{Detail, Measurement, Problem, Run, SettingProblem, Status, Value, Verdict},
        },
        wasi::random::random,
    },
    connector::{Connector, ExportedConnector},
    conversation::Conversation,
    error::{Cause, Error, Failure},
    exchange::Exchange,
    findings::Findings,
    probe::{Exported, Probe},
    wire::Wire,
};
