//! Probity runs health probes that are WebAssembly components.

pub mod app;
pub mod board;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod events;
pub mod grant;
pub mod http;
pub mod identity;
pub mod supervisor;
pub mod telemetry;
pub mod watch;
pub mod worker;
