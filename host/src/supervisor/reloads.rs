//! What became of changes: counted, and told.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    events::{Fact, Reload},
    worker::Shared,
};

/// Counts what was taken into use, and what was rejected.
pub(super) struct Reloads {
    pub(super) ok: u64,
    pub(super) failed: u64,
    /// When the latest of the former was.
    pub(super) last_ok: Option<Timestamp>,
    /// When the latest of the latter was.
    pub(super) last_failed: Option<Timestamp>,
    shared: Arc<Shared>,
}

impl Reloads {
    pub(super) fn new(shared: Arc<Shared>) -> Reloads {
        Reloads { ok: 0, failed: 0, last_ok: None, last_failed: None, shared }
    }

    /// This probe, in this generation, or this configuration is in use now.
    pub(super) fn taken(&mut self, what: impl ToString, generation: Option<u64>) {
        self.ok += 1;
        self.last_ok = self.tell(Reload { what: what.to_string(), generation, error: None });
    }

    /// This probe, configuration or folder can't be used, and what was in use before, if anything was, goes on.
    pub(super) fn rejected(&mut self, what: impl ToString, error: impl Into<String>) {
        self.failed += 1;
        self.last_failed = self.tell(Reload { what: what.to_string(), generation: None, error: Some(error.into()) });
    }

    /// Returns when that was.
    fn tell(&self, reload: Reload) -> Option<Timestamp> {
        let now = self.shared.clock.now().wall;
        self.shared.events.tell(now, Fact::Reload(reload));
        Some(now)
    }
}
