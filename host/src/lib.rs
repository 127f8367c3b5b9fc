//! Probity runs health probes that are WebAssembly components.
//!
//! Most of this library is what the program is made of. For other programs there is [`ConnectionManager`]: a connection that
//! heals itself, over a health check of their own; what it speaks of is in [`core`].

pub mod alerts;
pub mod app;
pub mod board;
pub mod catalog;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod engine;
pub mod events;
pub mod experiments;
pub mod grant;
pub mod http;
pub mod identity;
pub mod limits;
pub mod manager;
pub mod name;
pub mod otlp;
pub mod probing;
pub mod protobuf;
pub mod secrets;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod totals;
pub mod trust;
pub mod watch;
pub mod worker;

pub use manager::ConnectionManager;
pub use probity_core as core;
