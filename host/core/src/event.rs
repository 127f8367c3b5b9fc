//! What is worth telling: one fact each.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    circuit,
    connection::{Cause, Change, State},
    health::{Health, Mode},
    outcome::Fault,
};

/// One fact of one check's life. Every change is told once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The connection changed its state.
    StateChange(Change),
    /// The connection was made; follows the change of state.
    Connected {
        /// How long it had been lost; `None` if it had not been.
        lost_for: Option<Duration>,
    },
    /// Nobody watches the target any more; follows the change of state.
    Disconnected {
        /// Why.
        cause: Cause,
    },
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
    /// The target failed after it had not, whether or not that counts yet.
    Error {
        /// What the probe said.
        message: Arc<str>,
    },
    /// The probe failed in a way in which it did not fail the last time.
    Fault(Fault),
    /// A circuit changed its state.
    CircuitChange {
        /// Whose circuit.
        of: Breaker,
        /// What changed.
        change: circuit::Change,
    },
    /// The target began to change its mind too often.
    FlappingStart {
        /// The weighted share of changes, from 0 to 1.
        share: f64,
    },
    /// The target keeps to its mind again.
    FlappingEnd {
        /// The weighted share of changes, from 0 to 1.
        share: f64,
        /// What is known of the target now.
        health: Health,
        /// Where the connection to it stands now.
        state: State,
    },
    /// The operator decreed something else.
    ModeChange {
        /// What it was.
        from: Mode,
        /// What it is.
        to: Mode,
    },
}

/// Whom a circuit protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Breaker {
    /// The target, from calls that can't succeed.
    Target,
    /// The runner, from a probe that keeps failing.
    Probe,
}

impl Breaker {
    /// The word used in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Breaker::Target => "target",
            Breaker::Probe => "probe",
        }
    }
}

impl Event {
    /// The word of each kind of event.
    pub const KINDS: [&str; 13] = [
        "state-change",
        "connected",
        "disconnected",
        "reconnecting",
        "max-reconnect-attempts-reached",
        "unhealthy",
        "health-change",
        "error",
        "fault",
        "circuit-change",
        "flapping-start",
        "flapping-end",
        "mode-change",
    ];

    /// The word used in HTTP and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Event::StateChange(_) => "state-change",
            Event::Connected { .. } => "connected",
            Event::Disconnected { .. } => "disconnected",
            Event::Reconnecting { .. } => "reconnecting",
            Event::MaxReconnectAttemptsReached { .. } => "max-reconnect-attempts-reached",
            Event::HealthChange { to: Health::Unhealthy, .. } => "unhealthy",
            Event::HealthChange { .. } => "health-change",
            Event::Error { .. } => "error",
            Event::Fault(_) => "fault",
            Event::CircuitChange { .. } => "circuit-change",
            Event::FlappingStart { .. } => "flapping-start",
            Event::FlappingEnd { .. } => "flapping-end",
            Event::ModeChange { .. } => "mode-change",
        }
    }
}
