//! The pure core of Probity: when a check is due, what its outcomes mean, what state its target's connection is in, and who is to be
//! told of it when.
//!
//! Nothing here waits, reads a clock, draws a random number, or can fail once its policies are validated: every function
//! takes the present as a [`Now`](time::Now) and randomness as a number. So a year of operation is tested in
//! milliseconds, and the runner's shell is left with input and output alone.

pub mod account;
pub mod activity;
pub mod alert;
pub mod backoff;
pub mod circuit;
pub mod connection;
pub mod event;
pub mod flapping;
pub mod health;
pub mod history;
pub mod latency;
pub mod machine;
pub mod outcome;
pub mod report;
pub mod rollup;
pub mod schedule;
pub mod score;
pub mod snapshot;
pub mod stats;
pub mod time;
