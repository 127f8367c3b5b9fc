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
//! One that keeps a connection open between runs implements [`Connector`] and is handed to [`export_connector!`]; what is told of
//! trouble implements [`Hook`] and is handed to [`export_hook!`].
//!
//! Inside the sandbox `std::time::Instant`, `std::net`, `std::env` and `std::fs` panic or do nothing: the time comes from
//! [`clock`], the network from [`net`], [`tcp`], [`tls`], [`udp`], [`icmp`] and [`http`], what there is of the machine from
//! [`system`], chance from [`random`]. [`nonblocking`] does several things at once.

// What serves adapters and comparisons alone.
#![cfg_attr(not(all(feature = "adapters", feature = "patterns")), allow(dead_code))]

#[cfg(feature = "adapters")]
pub mod adapter;
mod attempt;
pub mod base64;
#[doc(hidden)]
#[cfg(not(any(fuzzing, all(feature = "testing", not(target_family = "wasm")))))]
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::panic, clippy::unwrap_used)]
pub mod bindings;
#[doc(hidden)]
#[cfg(any(fuzzing, all(feature = "testing", not(target_family = "wasm"))))]
#[path = "fuzzing/world.rs"]
pub mod bindings;
/// What the other worlds of the contract have beside that.
#[doc(hidden)]
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::panic, clippy::unwrap_used)]
pub mod more_bindings {
    pub mod connector;
    #[cfg(feature = "adapters")]
    pub mod database_adapter;
    #[cfg(feature = "adapters")]
    pub mod database_probe;
    #[cfg(feature = "adapters")]
    pub mod dht_adapter;
    #[cfg(feature = "adapters")]
    pub mod dht_probe;
    pub mod hook;
    #[cfg(feature = "adapters")]
    pub mod pubsub_adapter;
    #[cfg(feature = "adapters")]
    pub mod pubsub_probe;
}
pub mod certificate;
pub mod clock;
#[cfg(feature = "patterns")]
pub mod comparison;
mod connector;
mod contract;
mod conversation;
mod cut;
#[cfg(feature = "macros")]
pub mod derived;
mod error;
pub mod expected;
mod findings;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(any(fuzzing, all(feature = "testing", not(target_family = "wasm"))))]
#[path = "bindings.rs"]
#[allow(missing_docs, unreachable_pub, unsafe_code, unused, clippy::panic, clippy::unwrap_used)]
mod generated;
#[cfg(feature = "adapters")]
pub mod generic;
#[cfg(all(feature = "heap", target_family = "wasm"))]
mod heap;
mod hook;
pub mod http;
pub mod icmp;
pub mod json;
pub mod limits;
pub mod net;
pub mod nonblocking;
#[cfg(feature = "patterns")]
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
#[cfg(all(feature = "testing", not(target_family = "wasm")))]
pub mod testing;
pub mod text;
pub mod tls;
pub mod udp;
pub mod url;
mod wire;

/// Derives the JSON Schema of settings that serde reads: their names, their types (texts, booleans, numbers, [`settings::Port`],
/// [`settings::Span`], lists of these, and options), their documentation, and the defaults that serde knows. `#[setting(minimum = …, maximum = …,
/// min_length = …, max_length = …, pattern = "…", examples = […])]` says more.
#[cfg(feature = "macros")]
pub use probity_guest_macros::Settings;
/// Makes a function a probe, and exports it as the `checker` and the `manifest` of this component.
///
/// ```
/// use probity_guest::{Attempt, Failure, Settings, Verdict, Wire, checker, settings::Port};
///
/// /// What the operator can configure.
/// #[derive(serde::Deserialize, Settings)]
/// #[serde(deny_unknown_fields)]
/// pub struct Door {
///     /// A name or an address.
///     #[setting(min_length = 1)]
///     host: String,
///     port: Port,
/// }
///
/// #[checker(name = "door", about = "Knocks at a door.", interval = "30s", timeout = "5s", grants = ["tcp:{host}:{port}"])]
/// fn knock(settings: &Door, attempt: &mut Attempt) -> Result<Verdict, Failure> {
///     let wire = Wire::dial(attempt, &settings.host, settings.port.0, false)?;
///     Ok(Verdict::healthy(format!("{} opens", wire.remote())))
/// }
/// ```
///
/// Name, version and description are those of the crate unless said. `validate = function` is asked for what is wrong with settings that
/// have the right form, and `passive` and `critical` stand alone.
#[cfg(feature = "macros")]
pub use probity_guest_macros::checker;

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
    hook::{Event, ExportedHook, Hook, Refusal as HookRefusal},
    probe::{Exported, Probe},
    secrets::Secrets,
    wire::Wire,
};
