//! One check's published state.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{connection::State, health::Health, outcome::Run, stats::Stats};

/// All that there is to know of a check's life at one moment. Cheap to copy: the last run is shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What is known of the target.
    pub health: Health,
    /// Where the connection to it stands.
    pub state: State,
    /// When the connection came into that state.
    pub since: Timestamp,
    /// Attempts to reach the target in the present outage.
    pub attempts: u32,
    /// The run that ended last.
    pub last: Option<Arc<Run>>,
    /// Counters since the check was made.
    pub stats: Stats,
}
