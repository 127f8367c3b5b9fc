//! One check's published state.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    activity::Activity,
    circuit::{self, Circuit},
    connection::Connection,
    health::{Health, Mode},
    outcome::Run,
    stats::Stats,
};

/// All that there is to know of a check's life at one moment. Cheap to copy: the last run is shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What is known of the target.
    pub health: Health,
    /// What the operator decreed.
    pub mode: Mode,
    /// Where the connection to the target stands.
    pub connection: Connection,
    /// Whether calls to the target are let through.
    pub circuit: Circuit,
    /// Whether the probe is run: open while it rests, as it keeps failing.
    pub rest: Rest,
    /// Whether the target changes its mind too often.
    pub flapping: bool,
    /// Whether the target is watched: somebody wants the connection, and nobody disabled it.
    pub watched: bool,
    /// When the connection was made use of last, as far as the check itself was told.
    pub activity: Activity,
    /// When the next run is due, as time since the runner's start; `None`: not before somebody asks.
    pub due: Option<Duration>,
    /// The run, or the report of somebody else's call, that came in last.
    pub last: Option<Arc<Run>>,
    /// Counters since the check was made, or reset.
    pub stats: Stats,
    /// Whether what is known was known to the runner before this one, and nothing has come in since.
    pub restored: bool,
}

/// Where the circuit of a probe stands, as far as somebody looks at it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rest {
    /// Open: the probe rests.
    pub state: circuit::State,
    /// Since when.
    pub since: Timestamp,
    /// When it is tried again, as time since the runner's start; `None`: it does not rest.
    pub expires: Option<Duration>,
}

impl Snapshot {
    /// What counts for the whole: what is known of the target, unless the operator decreed otherwise.
    #[must_use]
    pub fn counts_as(&self) -> Health {
        self.mode.over(self.health)
    }

    /// Whether there is still something to be learned at the start: the check is watched, and has no outcome yet, or none of
    /// this life of the runner though it is about to. What an open circuit holds back is not about to.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        let nothing_yet = self.health == Health::Pending && self.last.is_none();
        let comes = self.due.is_some() && self.circuit.state() != circuit::State::Open;
        self.watched && (nothing_yet || self.restored && comes)
    }
}
