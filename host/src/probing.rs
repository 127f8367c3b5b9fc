//! Runs that others ask for at `/probe`: what is asked, and what comes of it.

use std::{net::IpAddr, time::Duration};

use futures_util::future::BoxFuture;
use probity_core::outcome::{Calls, Run};

/// Whoever can examine a target that somebody names.
pub trait Probe: Send + Sync {
    /// Examines it by this module, within `most` at the longest.
    fn probe<'a>(&'a self, target: &'a str, module: &'a str, most: Duration)
    -> BoxFuture<'a, Result<Probed, Unprobed>>;
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The run.
    pub run: Run,
    /// What it asked of the runner.
    pub calls: Calls,
    /// The address that the target is named by; `None`: it is named by a host's name.
    pub address: Option<IpAddr>,
    /// The name of its probe.
    pub probe: String,
    /// The settings, as JSON, without secrets.
    pub settings: String,
    /// What the run might have taken.
    pub timeout: Duration,
    /// What the probe logged.
    pub log: Vec<String>,
}

/// Why there was no run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unprobed {
    /// Nothing may be examined, and what would change that.
    Off(&'static str),
    /// There is no such module, but these.
    NoModule(Vec<String>),
    /// The module can't examine this target, and why.
    Target(String),
    /// The module's probe can't run, or not yet, and why.
    NotReady(String),
    /// There are too many runs already.
    Busy,
}
