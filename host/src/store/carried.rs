//! What a check takes along into the next runner beside its life: what its probe has left for the next run, what was reported to
//! it, and the details of its last verdict.
//!
//! Of each the latest alone counts. So a check has one place for all of it, which the writer looks into when it hears from the check:
//! however often it changes, nothing piles up before the writer.

use std::sync::{Arc, Mutex};

use probity_core::{
    outcome::{Detail, Outcome, Run},
    report::Reports,
    time::Now,
};

use super::{
    db::{Db, Trouble},
    keys::{self, CheckId},
    lock,
    record::{self, Details, Heard, Left},
    track::Pending,
};

/// What a check takes along.
#[derive(Debug)]
pub(super) struct Carried(Mutex<Inside>);

#[derive(Debug)]
struct Inside {
    /// Whose target the state and the details are of.
    target: u64,
    state: Vec<u8>,
    /// The run with the last verdict, for its details.
    told: Option<Arc<Run>>,
    /// Whom the reports were meant for.
    probe: Arc<str>,
    reports: Option<Reports>,
    unwritten: Parts,
}

/// Some of the parts of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts {
    state: bool,
    details: bool,
    reports: bool,
}

impl Parts {
    const ALL: Parts = Parts { state: true, details: true, reports: true };
}

/// What a check took along from the runner before this one. Each part says whose it is.
#[derive(Default)]
pub(super) struct Found {
    left: Option<Left>,
    heard: Option<Heard>,
    details: Option<Details>,
}

impl Found {
    /// Reads what there is of a check.
    pub(super) fn read(db: &Db, id: CheckId) -> Result<Found, Trouble> {
        let get = |key: Vec<u8>| db.get(&key);
        Ok(Found {
            left: get(keys::left(id))?.and_then(|bytes| record::read(&bytes)),
            heard: get(keys::reports(id))?.and_then(|bytes| record::read(&bytes)),
            details: get(keys::details(id))?.and_then(|bytes| record::read(&bytes)),
        })
    }

    /// Leaves out what is of another target than this one, or was meant for another probe.
    fn fit(self, probe: &str, target: Option<u64>) -> Found {
        Found {
            left: self.left.filter(|left| Some(left.target) == target),
            heard: self.heard.filter(|heard| heard.probe == probe),
            details: self.details.filter(|details| Some(details.target) == target),
        }
    }

    fn parts(&self) -> Parts {
        Parts { state: self.left.is_some(), details: self.details.is_some(), reports: self.heard.is_some() }
    }

    /// What there is for a check that lives already: what its probe has left, if its target was this one, and what was reported to it,
    /// if its probe was.
    pub(super) fn late(self, probe: &str, target: Option<u64>, now: Now) -> (Vec<u8>, Option<Reports>) {
        let Found { left, heard, .. } = self.fit(probe, target);
        (left.map(|left| left.state).unwrap_or_default(), heard.map(|heard| Reports::restored(&heard.reports, now)))
    }
}

impl Carried {
    /// Of a check that takes nothing along yet.
    pub(super) fn new(probe: Arc<str>, target: u64) -> Carried {
        let (state, told, reports) = (Vec::new(), None, None);
        // Nobody has looked what the store has of it.
        Carried(Mutex::new(Inside { target, state, told, probe, reports, unwritten: Parts::ALL }))
    }

    /// Goes on with what was found, if that is anything, and gives the run that came in last its details. Without a `target` it is known
    /// to be another one.
    pub(super) fn recalled(
        found: Found,
        probe: &Arc<str>,
        target: Option<u64>,
        last: &mut Option<Arc<Run>>,
        now: Now,
    ) -> Option<Carried> {
        let there = found.parts();
        if there == Parts::default() {
            return None;
        }
        let found = found.fit(probe, target);
        let mut fits = found.parts();
        match (found.details, last.as_mut().map(|run| &mut Arc::make_mut(run).outcome)) {
            (Some(Details { details, .. }), Some(Outcome::Verdict(verdict))) => verdict.details = details,
            // A fault came after the verdict.
            _ => fits.details = false,
        }
        Some(Carried(Mutex::new(Inside {
            target: target.unwrap_or_default(),
            state: found.left.map(|left| left.state).unwrap_or_default(),
            told: last.clone(),
            probe: Arc::clone(probe),
            reports: found.heard.map(|heard| Reports::restored(&heard.reports, now)),
            // What is of no use is to be removed.
            unwritten: Parts {
                state: there.state && !fits.state,
                details: there.details && !fits.details,
                reports: there.reports && !fits.reports,
            },
        })))
    }

    /// The check has another target from now on, or another probe: what it has is not of them.
    pub(super) fn aim(&self, probe: &Arc<str>, target: u64) {
        let mut inside = lock(&self.0);
        if inside.target != target {
            (inside.target, inside.state, inside.told) = (target, Vec::new(), None);
            (inside.unwritten.state, inside.unwritten.details) = (true, true);
        }
        if inside.probe != *probe {
            (inside.probe, inside.reports) = (Arc::clone(probe), None);
            inside.unwritten.reports = true;
        }
    }

    /// What its probe has left for its next run.
    pub(super) fn state(&self) -> Vec<u8> {
        lock(&self.0).state.clone()
    }

    /// What was reported to it.
    pub(super) fn reports(&self) -> Option<Reports> {
        lock(&self.0).reports.clone()
    }

    /// Its probe has left this.
    pub(super) fn leave(&self, state: &[u8]) {
        let mut inside = lock(&self.0);
        if inside.state != state {
            state.clone_into(&mut inside.state);
            inside.unwritten.state = true;
        }
    }

    /// This is what was reported to it.
    pub(super) fn hear(&self, reports: Option<Reports>) {
        let mut inside = lock(&self.0);
        inside.reports = reports;
        inside.unwritten.reports = true;
    }

    /// This run has a verdict.
    pub(super) fn tell(&self, run: &Arc<Run>) {
        let mut inside = lock(&self.0);
        if details(Some(run)) != details(inside.told.as_ref()) {
            inside.unwritten.details = true;
        }
        inside.told = Some(Arc::clone(run));
    }

    /// Whether there is anything that is yet to be written.
    pub(super) fn is_unwritten(&self) -> bool {
        lock(&self.0).unwritten != Parts::default()
    }

    /// Writes what is yet to be written; `all`: everything.
    pub(super) fn write(&self, id: CheckId, all: bool, pending: &mut Pending) {
        let mut inside = lock(&self.0);
        let parts = if all { Parts::ALL } else { inside.unwritten };
        inside.unwritten = Parts::default();
        let target = inside.target;
        if parts.state {
            let left = (!inside.state.is_empty()).then(|| Left { target, state: inside.state.clone() });
            pending.insert(keys::left(id), left.map(|left| record::write(&left)));
        }
        if parts.details {
            let details = details(inside.told.as_ref());
            let kept = (!details.is_empty()).then(|| Details { target, details: details.to_vec() });
            pending.insert(keys::details(id), kept.map(|kept| record::write(&kept)));
        }
        if parts.reports {
            let heard = |reports: &Reports| Heard { probe: inside.probe.to_string(), reports: reports.save() };
            pending.insert(keys::reports(id), inside.reports.as_ref().map(|reports| record::write(&heard(reports))));
        }
    }
}

/// What a run has to tell beside its verdict.
fn details(run: Option<&Arc<Run>>) -> &[Detail] {
    match run.map(|run| &run.outcome) {
        Some(Outcome::Verdict(verdict)) => &verdict.details,
        _ => &[],
    }
}
