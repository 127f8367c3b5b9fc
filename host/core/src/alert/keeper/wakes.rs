//! When to look at alerts again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

/// When which check's alert is to be looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Wakes {
    ordered: BTreeSet<(Timestamp, Arc<str>)>,
    by_check: BTreeMap<Arc<str>, Timestamp>,
}

impl Wakes {
    pub(super) fn set(&mut self, check: &Arc<str>, at: Option<Timestamp>) {
        if let Some(old) = self.by_check.remove(check) {
            self.ordered.remove(&(old, Arc::clone(check)));
        }
        if let Some(at) = at {
            self.by_check.insert(Arc::clone(check), at);
            self.ordered.insert((at, Arc::clone(check)));
        }
    }

    pub(super) fn set_no_later(&mut self, check: &Arc<str>, at: Timestamp) {
        let known = self.by_check.get(check).copied();
        self.set(check, earlier(known, Some(at)));
    }

    pub(super) fn first(&self) -> Option<Timestamp> {
        self.ordered.first().map(|(at, _)| *at)
    }

    /// The next check that is to be looked at by now.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Arc<str>> {
        let (_, check) = self.ordered.first().filter(|(at, _)| *at <= now).cloned()?;
        self.set(&check, None);
        Some(check)
    }
}

/// The earlier of two moments, of which there may be none.
pub(super) fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
