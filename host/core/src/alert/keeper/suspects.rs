//! Checks that may be what is wrong with those that depend on them: until it is known how they are, nobody is told of those.

use std::sync::Arc;

use jiff::Timestamp;

use super::Keeper;
use crate::alert::Told;

impl Keeper {
    /// All that a check depends on, the nearest first.
    #[must_use]
    pub fn ancestors(&self, check: &str) -> Vec<Arc<str>> {
        self.family.ancestors(check)
    }

    /// Keeps what depends on a check from being told of, until [`clear`](Self::clear) or that moment.
    pub fn suspect(&mut self, check: &Arc<str>, until: Timestamp, now: Timestamp, told: &mut Told) {
        self.suspects.insert(Arc::clone(check), until);
        // What is about to be told waits as well.
        self.evaluate_descendants(check, now, told);
    }

    /// Whether it is to be found out how a check is.
    #[must_use]
    pub fn is_suspect(&self, check: &str, now: Timestamp) -> bool {
        self.suspects.get(check).is_some_and(|until| now < *until)
    }

    /// It is known how a check is, or will not be: what depends on it is told of, unless the check is down.
    pub fn clear(&mut self, check: &str, now: Timestamp, told: &mut Told) {
        if self.suspects.remove(check).is_some() {
            self.evaluate_descendants(check, now, told);
        }
    }

    fn evaluate_descendants(&mut self, check: &str, now: Timestamp, told: &mut Told) {
        for name in self.family.descendants(check) {
            self.evaluate(&name, now, told);
        }
    }

    /// Until when it is to be found out how those are that a check depends on; `None`: it is known.
    pub(super) fn awaits(&self, check: &str, now: Timestamp) -> Option<Timestamp> {
        if self.suspects.is_empty() {
            return None;
        }
        let ancestors = self.family.ancestors(check).into_iter();
        ancestors.filter_map(|name| self.suspects.get(&name).copied()).filter(|until| now < *until).min()
    }
}
