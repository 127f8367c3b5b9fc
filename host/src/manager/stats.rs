//! What one connection has been through.

use std::time::Duration;

use probity_core::{connection::State, snapshot::Snapshot};
use serde::{Serialize, Serializer};

use crate::totals::Totals;

/// What a connection has been through, and where it stands. In JSON it is one object, whose names are in camel case:
/// `totalConnections`, …, `healthCheckSuccessRate` (`"97.96%"`), `uptime` (in milliseconds) and `currentState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The counters.
    #[serde(flatten)]
    pub totals: Totals,
    /// Where it stands.
    #[serde(rename = "currentState", serialize_with = "write_state")]
    pub state: State,
}

impl Stats {
    pub(super) fn of(snapshot: &Snapshot, now: Duration) -> Stats {
        Stats { totals: Totals::of(snapshot, now), state: snapshot.connection.state() }
    }
}

fn write_state<S: Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}
