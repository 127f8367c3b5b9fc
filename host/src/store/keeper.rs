//! What a worker has to do with the store: it hands over what happened, and now and then how its check lives.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use probity_core::{
    history::History,
    machine::{Machine, Policy, Saved},
    outcome::{Outcome, Run},
    report::Reports,
    snapshot::Snapshot,
    time::Now,
};

use super::{
    Item, Past, Store,
    carried::Carried,
    lock,
    track::{News, Ran},
};

/// After how many runs it is written down how a check lives though nothing changed: so many are read again at a start.
const RUNS: u32 = 64;
/// After how long at the latest.
const SPAN: Duration = Duration::from_secs(300);

/// Keeps what happens to one check.
pub struct Keeper {
    store: Arc<Store>,
    check: Arc<str>,
    probe: Arc<str>,
    target: u64,
    /// Tells it from those who keep, or kept, the check of the same name.
    seat: u64,
    /// What the check takes along; `None` while that is nothing.
    carried: Option<Arc<Carried>>,
    /// It has been found out how the check lived before.
    aware: bool,
    /// Runs since it was written down how the check lives.
    runs: u32,
    /// When that was, since the runner's start.
    saved: Duration,
}

/// How a check lived under the runner before this one, where that is found only once it lives again.
pub struct Recalled {
    /// Its life, if its target was the same.
    pub life: Option<Saved>,
    /// What its probe had left for the next run.
    pub state: Vec<u8>,
    /// What had been reported to it, if its probe was the same.
    pub reports: Option<Reports>,
}

impl Store {
    /// How a check stands that can't run yet: as it did under the runner before this one if its target is the same, or else as
    /// new. Once it runs, its [`Keeper`] tells.
    #[must_use]
    pub fn as_it_was(&self, check: &str, target: u64, policy: Arc<Policy>, now: Now) -> Snapshot {
        let past = lock(&self.common.lives).get(check).filter(|past| past.target == target).cloned();
        let machine = match past {
            Some(Past { saved, last, until, .. }) => Machine::restored(policy, &saved, last, until, now, 0.0),
            None => Machine::new(policy, now, 0.0),
        };
        machine.snapshot()
    }
}

impl Keeper {
    /// For a check that begins to run with this probe, and with a target that `target` tells from others.
    #[must_use]
    pub fn new(store: Arc<Store>, check: Arc<str>, probe: &str, target: u64, now: Now) -> Keeper {
        let seat = store.seat();
        store.put(Item::Begun(Arc::clone(&check), seat, now.wall));
        Keeper {
            store,
            check,
            probe: probe.into(),
            target,
            seat,
            carried: None,
            aware: false,
            runs: RUNS,
            saved: Duration::ZERO,
        }
    }

    /// The check has this probe and this target from now on; they may be the same.
    pub fn aim(&mut self, probe: &str, target: u64) {
        if *self.probe != *probe {
            self.probe = probe.into();
        }
        if std::mem::replace(&mut self.target, target) != target {
            self.runs = RUNS;
        }
        if let Some(carried) = &self.carried {
            carried.aim(&self.probe, target);
        }
    }

    /// The machine of the check: as it was under the runner before this one if its target is the same, or else as new.
    #[must_use]
    pub fn machine(&mut self, policy: Arc<Policy>, now: Now, random: f64) -> Machine {
        self.aware = self.store.has_read();
        let Some(Past { target, saved, mut last, until }) = self.store.past(&self.check) else {
            return Machine::new(policy, now, random);
        };
        let target = Some(self.target).filter(|now| *now == target);
        let found = self.store.found(&self.check);
        self.carried = Carried::recalled(found, &self.probe, target, &mut last, now).map(Arc::new);
        if target.is_none() {
            self.carried.iter().for_each(|carried| carried.aim(&self.probe, self.target));
            return Machine::new(policy, now, random);
        }
        Machine::restored(policy, &saved, last, until, now, random)
    }

    /// Whether it can be found out only now how the check lived before, as the store could not be read at the start.
    #[must_use]
    pub fn is_late(&self) -> bool {
        !self.aware && self.store.has_read()
    }

    /// How the check lived under the runner before this one, if that can be found out only now. It is told once, and reads the
    /// disk, so it is for a thread that may wait.
    pub fn recall(&mut self) -> Option<Recalled> {
        if !self.is_late() {
            return None;
        }
        self.aware = true;
        let Past { target, saved, .. } = self.store.past(&self.check)?;
        let target = Some(self.target).filter(|now| *now == target);
        let now = self.store.common.clock.now();
        let (state, reports) = self.store.found(&self.check).late(&self.probe, target, now);
        // All of it is written with the next run, in the place of what there was.
        self.carried();
        self.runs = RUNS;
        Some(Recalled { life: target.map(|_| saved), state, reports })
    }

    /// What the probe has left for its next run.
    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        self.carried.as_ref().map(|carried| carried.state()).unwrap_or_default()
    }

    /// What was reported to the check under the runner before this one, if it takes that along.
    #[must_use]
    pub fn reports(&self) -> Option<Reports> {
        self.carried.as_ref()?.reports()
    }

    /// The latest results of the check under the runner before this one.
    #[must_use]
    pub fn history(&self) -> History {
        self.store.recent(&self.check)
    }

    /// The probe has left this for its next run.
    pub fn leave(&mut self, state: &[u8]) {
        if !state.is_empty() || self.carried.is_some() {
            self.carried().leave(state);
        }
    }

    /// This is what was reported to the check; `None`: it takes no reports.
    pub fn hear(&mut self, reports: Option<Reports>) {
        if reports.is_some() || self.carried.is_some() {
            self.carried().hear(reports);
        }
    }

    fn carried(&mut self) -> &Carried {
        let (probe, target) = (&self.probe, self.target);
        self.carried.get_or_insert_with(|| Arc::new(Carried::new(Arc::clone(probe), target)))
    }

    /// Takes in that something changed, or that a run came to its end: one of the check in this generation, or one that somebody
    /// else reported.
    pub fn keep(&mut self, machine: &Machine, ran: Option<(&Arc<Run>, u64, bool)>, changed: bool, now: Now) {
        self.runs = self.runs.saturating_add(u32::from(ran.is_some()));
        let by_now = ran.map(|(run, ..)| ended_by(run, now));
        let ran = by_now.as_ref().zip(ran).map(|(run, (_, generation, reported))| (run, generation, reported));
        if let Some((run, ..)) = ran
            && let Outcome::Verdict(verdict) = &run.outcome
            && (!verdict.details.is_empty() || self.carried.is_some())
        {
            self.carried().tell(run);
        }
        let is_up = |run: &Run| matches!(&run.outcome, Outcome::Verdict(verdict) if verdict.status.is_up());
        let due = self.runs >= RUNS || now.elapsed.saturating_sub(self.saved) >= SPAN;
        let save = match ran {
            None => changed,
            // After a failure more is different than the counters.
            Some((run, ..)) => changed || due || !is_up(run),
        };
        let carried = self.carried.as_ref().filter(|carried| carried.is_unwritten());
        if ran.is_none() && !save && carried.is_none() {
            return;
        }
        if save {
            (self.runs, self.saved) = (0, now.elapsed);
        }
        let news = News {
            at: ran.map_or(now.wall, |(run, ..)| run.ended()),
            health: machine.health(),
            ran: ran.map(|(run, generation, reported)| Ran { run: Arc::clone(run), generation, reported }),
            life: save.then(|| (self.target, Box::new(machine.save(now)))),
            carried: carried.cloned(),
            aware: self.aware,
        };
        self.store.put(Item::News(Arc::clone(&self.check), news));
    }

    /// The check is gone, and does not come back with this runner.
    pub fn gone(&self, now: Now) {
        self.store.put(Item::Gone(Arc::clone(&self.check), self.seat, now.wall));
    }
}

/// A run as the clock shows it now. If that was set back during the run, its start would have it end in times that are yet to come.
fn ended_by(run: &Arc<Run>, now: Now) -> Arc<Run> {
    if run.ended() <= now.wall {
        return Arc::clone(run);
    }
    let took = SignedDuration::try_from(run.took).unwrap_or(SignedDuration::MAX);
    let started = now.wall.checked_sub(took).unwrap_or(Timestamp::MIN);
    Arc::new(Run { started, ..Run::clone(run) })
}
