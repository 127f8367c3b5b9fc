//! Leave to make one call to a target.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use probity_core::{
    outcome::{Outcome, Run, Status, Usage, Verdict},
    time::Now,
};

use super::ConnectionManager;

/// Leave to make one call to the target. It keeps its connection from being dropped, and holds one of the permits if the
/// circuit is half-open; so it should be reported once the call is over.
#[derive(Debug)]
pub struct Lease {
    pub(super) manager: ConnectionManager,
    pub(super) generation: u64,
    since: Now,
}

impl Lease {
    pub(super) fn new(manager: ConnectionManager, generation: u64) -> Lease {
        Lease { since: manager.life.now(), manager, generation }
    }

    /// That of the circuit that let the call through; it counts the changes of state, from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When it was taken.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since.wall
    }

    /// The call, which is over now and came to this, as if it had been an examination.
    pub(super) fn run<T, E: fmt::Display>(&self, outcome: &Result<T, E>) -> Run {
        let took: Duration = self.manager.life.uptime().saturating_sub(self.since.elapsed);
        let verdict = match outcome {
            Ok(_) => Verdict::new(Status::Healthy, "reported: a call succeeded"),
            Err(error) => Verdict::new(Status::Unhealthy, format!("reported: {error:#}")),
        };
        Run { started: self.since.wall, took, outcome: Outcome::Verdict(verdict), usage: Usage::default() }
    }
}
