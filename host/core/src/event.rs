//! What is worth telling: one fact each.

use std::{sync::Arc, time::Duration};

use crate::{connection::Change, health::Health, outcome::Fault};

/// One fact of one check's life.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection changed its state.
    StateChange(Change),
    /// The next attempt to reach the target is scheduled.
    Reconnecting {
        /// Counted from 1 within the outage.
        attempt: u32,
        /// From now on.
        delay: Duration,
    },
    /// The last attempt of an outage failed.
    MaxReconnectAttemptsReached {
        /// How many there were.
        attempts: u32,
    },
    /// What is known of the target changed.
    HealthChange {
        /// What it was.
        from: Health,
        /// What it is.
        to: Health,
        /// What the probe said.
        message: Arc<str>,
    },
    /// The probe failed in a way in which it did not fail the last time.
    Fault(Fault),
}

impl Event {
    /// The word used in HTTP and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Event::StateChange(_) => "state-change",
            Event::Reconnecting { .. } => "reconnecting",
            Event::MaxReconnectAttemptsReached { .. } => "max-reconnect-attempts-reached",
            Event::HealthChange { .. } => "health-change",
            Event::Fault(_) => "fault",
        }
    }
}
