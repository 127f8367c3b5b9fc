//! Checks that depend on what does not run: what is written of that can never suppress anything, so it is told.

use std::{collections::BTreeSet, sync::Arc};

use crate::config::Check;

/// Who depends on which check that does not run, as it was told already.
#[derive(Default)]
pub(super) struct Orphans(BTreeSet<(String, String)>);

impl Orphans {
    /// Warns of those that are new among these checks, which are all that run.
    pub(super) fn tell(&mut self, running: &[Arc<Check>]) {
        let found = find(running);
        for (check, parent) in found.difference(&self.0) {
            tracing::warn!(
                "check `{check}`: depends_on: no check `{parent}` runs here, so it never suppresses what is told of `{check}`; \
                 correct the name, or leave it out"
            );
        }
        self.0 = found;
    }
}

fn find(running: &[Arc<Check>]) -> BTreeSet<(String, String)> {
    if running.iter().all(|check| check.depends_on.is_empty()) {
        return BTreeSet::new();
    }
    let names: BTreeSet<&str> = running.iter().map(|check| check.name.as_str()).collect();
    let orphaned = running.iter().flat_map(|check| {
        let missing = check.depends_on.iter().filter(|parent| !names.contains(parent.as_str()));
        missing.map(|parent| (check.name.clone(), parent.clone()))
    });
    orphaned.collect()
}
