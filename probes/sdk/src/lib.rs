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
//! Inside the sandbox `std::time::Instant`, `std::net`, `std::env` and `std::fs` panic or do nothing: the time comes from
//! [`clock`], the network from [`net`], [`tcp`], [`udp`] and [`http`], chance from [`random`].

mod attempt;
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::panic, clippy::unwrap_used)]
pub mod bindings;
pub mod clock;
mod contract;
mod error;
pub mod http;
pub mod net;
mod probe;
#[cfg(not(target_family = "wasm"))]
pub mod schema;
pub mod settings;
mod stream;
pub mod tcp;
pub mod text;
pub mod udp;
pub mod url;

pub use crate::{
    attempt::Attempt,
    bindings::{
        exports::probity::probe::manifest::Description,
        probity::probe::{
            log,
            types::{Detail, Measurement, Problem, Run, SettingProblem, Status, Value, Verdict},
        },
        wasi::random::random,
    },
    error::{Cause, Error, Failure},
    probe::{Exported, Probe},
};
