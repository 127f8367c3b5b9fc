//! What a worker has to do with the store: it hands over what happened, and now and then how its check lives.

use std::{sync::Arc, time::Duration};

use probity_core::{
    history::History,
    machine::{Machine, Policy},
    outcome::{Outcome, Run},
    time::Now,
};

use super::{
    Item, Store,
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
    target: u64,
    /// Runs since it was written down how the check lives.
    runs: u32,
    /// When that was, since the runner's start.
    saved: Duration,
}

impl Keeper {
    /// For a check that begins to run, with a target that `target` tells from others.
    #[must_use]
    pub fn new(store: Arc<Store>, check: Arc<str>, target: u64, now: Now) -> Keeper {
        store.put(Item::Begun(Arc::clone(&check), now.wall));
        Keeper { store, check, target, runs: RUNS, saved: Duration::ZERO }
    }

    /// The check has another target from now on, or the same.
    pub fn aim(&mut self, target: u64) {
        if std::mem::replace(&mut self.target, target) != target {
            self.runs = RUNS;
        }
    }

    /// The machine of the check: as it was under the runner before this one if its target is the same, or else as new.
    #[must_use]
    pub fn machine(&self, policy: Arc<Policy>, now: Now, random: f64) -> Machine {
        match self.store.past(&self.check, self.target) {
            Some(past) => Machine::restored(policy, &past.saved, past.last, past.until, now, random),
            None => Machine::new(policy, now, random),
        }
    }

    /// The latest results of the check under the runner before this one.
    #[must_use]
    pub fn history(&self) -> History {
        self.store.recent(&self.check)
    }

    /// Takes in that something changed, or that a run came to its end: one of the check in this generation, or one that somebody
    /// else reported.
    pub fn keep(&mut self, machine: &Machine, ran: Option<(&Arc<Run>, u64, bool)>, changed: bool, now: Now) {
        self.runs = self.runs.saturating_add(u32::from(ran.is_some()));
        let is_up = |run: &Run| matches!(&run.outcome, Outcome::Verdict(verdict) if verdict.status.is_up());
        let due = self.runs >= RUNS || now.elapsed.saturating_sub(self.saved) >= SPAN;
        let save = match ran {
            None => changed,
            // After a failure more is different than the counters.
            Some((run, ..)) => changed || due || !is_up(run),
        };
        if ran.is_none() && !save {
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
        };
        self.store.put(Item::News(Arc::clone(&self.check), news));
    }

    /// The check is gone, and does not come back with this runner.
    pub fn gone(&self, now: Now) {
        self.store.put(Item::Gone(Arc::clone(&self.check), now.wall));
    }
}
