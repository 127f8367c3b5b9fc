//! A connection as it outlives its runner: without the runner's own clock.

use std::time::Duration;

use jiff::{Timestamp, fmt::serde::timestamp::microsecond};
use serde::{Deserialize, Serialize};

use super::{Connection, State, Totals};
use crate::{backoff::Delays, time::Now};

/// A connection as it outlives its runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    state: State,
    #[serde(with = "microsecond::required")]
    since: Timestamp,
    delays: Delays,
    retrying: bool,
    totals: Totals,
    /// All the time in `Connected`, up to when it was saved.
    connected: Duration,
}

impl Connection {
    /// What is to outlive the runner.
    #[must_use]
    pub fn save(&self, now: Now) -> Saved {
        Saved {
            state: self.state,
            since: self.since.wall,
            delays: self.delays,
            retrying: self.retrying,
            totals: self.totals,
            connected: self.uptime(now.elapsed),
        }
    }

    /// A connection that goes on where it was. `more` is how long it still was as it was saved; the time that the runner was
    /// away is no time in which it was connected.
    #[must_use]
    pub fn restored(saved: &Saved, more: Duration, now: Now) -> Connection {
        let more = if saved.state == State::Connected { more } else { Duration::ZERO };
        Connection {
            state: saved.state,
            since: Now { elapsed: now.elapsed, wall: saved.since },
            delays: saved.delays,
            retrying: saved.retrying,
            totals: saved.totals,
            connected: saved.connected.saturating_add(more),
        }
    }

    /// Counts in what was counted before it. What state it is in is known better since.
    pub fn add_earlier(&mut self, earlier: &Saved) {
        let Totals { connections, reconnections, failures } = earlier.totals;
        self.totals.connections += connections;
        self.totals.reconnections += reconnections;
        self.totals.failures += failures;
        self.connected = self.connected.saturating_add(earlier.connected);
    }
}
