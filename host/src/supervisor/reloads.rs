//! What became of changes: counted, and told.

use std::sync::Arc;

use crate::{
    events::{Fact, Reload},
    worker::Shared,
};

/// Counts what was taken into use, and what was rejected.
pub(super) struct Reloads {
    pub(super) ok: u64,
    pub(super) failed: u64,
    shared: Arc<Shared>,
}

impl Reloads {
    pub(super) fn new(shared: Arc<Shared>) -> Reloads {
        Reloads { ok: 0, failed: 0, shared }
    }

    /// This probe, in this generation, or this configuration is in use now.
    pub(super) fn taken(&mut self, what: impl ToString, generation: Option<u64>) {
        self.ok += 1;
        self.tell(Reload { what: what.to_string(), generation, error: None });
    }

    /// This probe, configuration or folder can't be used, and what was in use before goes on.
    pub(super) fn rejected(&mut self, what: impl ToString, error: impl Into<String>) {
        self.failed += 1;
        self.tell(Reload { what: what.to_string(), generation: None, error: Some(error.into()) });
    }

    fn tell(&self, reload: Reload) {
        self.shared.events.tell(self.shared.clock.now().wall, Fact::Reload(reload));
    }
}
