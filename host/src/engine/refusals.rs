//! What a call was refused, so that its operator hears which grant is missing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Grants that are remembered: a probe that asks at random must not fill the runner's memory with its refusals.
const MOST: usize = 8;

/// The grants that were missing in a call, in the order in which they were missed. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals(Arc<Mutex<Vec<String>>>);

impl Refusals {
    /// Forgets what was missing, for the next call.
    pub(super) fn begin_call(&self) {
        self.list().clear();
    }

    /// Takes down that this grant was missing.
    pub(super) fn add(&self, grant: String) {
        let mut list = self.list();
        if list.len() < MOST && !list.contains(&grant) {
            list.push(grant);
        }
    }

    /// All that were missing.
    pub(super) fn missing(&self) -> Vec<String> {
        self.list().clone()
    }

    fn list(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
