//! A circuit as it outlives its runner: without the runner's own clock, and without the calls that were under way.

use std::time::Duration;

use jiff::{
    Timestamp,
    fmt::serde::timestamp::microsecond::{optional, required},
};
use serde::{Deserialize, Serialize};

use super::{Circuit, Control, Expiry, State};
use crate::time::Now;

/// A circuit as it outlives its runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    state: State,
    control: Control,
    expiry: Option<Expiry>,
    generation: u64,
    #[serde(with = "required")]
    since: Timestamp,
    #[serde(with = "optional")]
    opened: Option<Timestamp>,
    /// When it turns half-open, if it is open.
    #[serde(with = "optional")]
    until: Option<Timestamp>,
    reopened: u32,
    failures: u32,
    calls: u64,
    called: u32,
    #[serde(with = "optional")]
    last_failure: Option<Timestamp>,
    #[serde(with = "optional")]
    last_success: Option<Timestamp>,
}

impl Circuit {
    /// What is to outlive the runner.
    #[must_use]
    pub fn save(&self, now: Now) -> Saved {
        let ahead = |until: Duration| now.plus(until.saturating_sub(now.elapsed)).wall;
        Saved {
            state: self.state,
            control: self.control,
            expiry: self.expiry,
            generation: self.generation,
            since: self.since,
            opened: self.opened.map(|opened| opened.wall),
            until: self.expires().map(ahead),
            reopened: self.reopened,
            failures: self.failures,
            calls: self.calls,
            called: self.called,
            last_failure: self.last_failure,
            last_success: self.last_success,
        }
    }

    /// A circuit that goes on where it was. What was left of its expiry went on while the runner was away; whoever held a
    /// permit does not come back.
    #[must_use]
    pub fn restored(saved: &Saved, now: Now) -> Circuit {
        let left = |until: Timestamp| {
            let left = Duration::try_from(until.duration_since(now.wall)).unwrap_or(Duration::ZERO);
            now.elapsed + left
        };
        // It was opened before this runner's clock began, so the clock's beginning is as near as it comes.
        let opened = saved.opened.map(|wall| {
            let ago = Duration::try_from(now.wall.duration_since(wall)).unwrap_or(Duration::ZERO);
            Now { elapsed: now.elapsed.saturating_sub(ago), wall }
        });
        Circuit {
            state: saved.state,
            control: saved.control,
            expiry: saved.expiry,
            generation: saved.generation,
            since: saved.since,
            opened,
            until: saved.until.filter(|_| saved.state == State::Open).map(left),
            reopened: saved.reopened,
            permits_taken: 0,
            round: 0,
            failures: saved.failures,
            calls: saved.calls,
            called: saved.called,
            last_failure: saved.last_failure,
            last_success: saved.last_success,
        }
    }
}
