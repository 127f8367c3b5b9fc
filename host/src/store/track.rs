//! What the writer knows of one check, and what it writes of each run.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use jiff::Timestamp;
use probity_core::{
    account::{Account, Entry},
    health::Health,
    machine,
    outcome::Run,
};

use super::{
    Known,
    carried::Carried,
    db::Db,
    keys::{self, CheckId},
    load,
    phases::Phases,
    pulse::Leap,
    record::{self, Kept, Life, State, Stretch},
};

/// After how many results that say the same it is written down again, so that what a result says is found near it.
pub(super) const SAID_AGAIN: u64 = 100;

/// What is yet to be committed, by key: another value, or none any more.
pub(super) type Pending = HashMap<Vec<u8>, Option<Vec<u8>>>;

/// What happened to a check.
#[derive(Debug)]
pub(super) struct News {
    /// When it was known.
    pub(super) at: Timestamp,
    /// What is known now.
    pub(super) health: Health,
    /// A run or a report, if that is what happened.
    pub(super) ran: Option<Ran>,
    /// How the check lives from now on, if that is to be kept.
    pub(super) life: Option<(u64, Box<machine::Saved>)>,
    /// What it takes along, if any of that is yet to be written.
    pub(super) carried: Option<Arc<Carried>>,
    /// Whoever tells knows how the check lived before: what is kept of that may be overwritten.
    pub(super) aware: bool,
}

/// A run, or what somebody else's call came to.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) run: Arc<Run>,
    pub(super) generation: u64,
    /// It was somebody else's call.
    pub(super) reported: bool,
}

/// What the writer knows of one check.
pub(super) struct Track {
    pub(super) id: CheckId,
    /// What readers know of it.
    pub(super) known: Arc<Known>,
    pub(super) state: State,
    /// What it takes along, once it has told.
    carried: Option<Arc<Carried>>,
    /// Who keeps it.
    pub(super) seat: u64,
    /// Results since the last one that was written with what it says.
    since_said: u64,
    /// Nothing was heard of it since the store was opened: what was known was known until this time, and no longer.
    pub(super) unheard: Option<Timestamp>,
    /// It runs, or has run since the store was opened.
    pub(super) claimed: bool,
}

impl Track {
    /// Of a check that is new to the store.
    pub(super) fn new(id: CheckId, name: &str, now: Timestamp, pending: &mut Pending) -> Track {
        pending.insert(keys::name(id), Some(name.as_bytes().to_vec()));
        let state = State { number: 0, failures: 0, message: "".into(), account: Account::new(now) };
        Track { claimed: true, unheard: None, ..Track::known(id, state, now) }
    }

    /// Of one that the store knows, from a runner that was there until this time.
    pub(super) fn known(id: CheckId, state: State, until: Timestamp) -> Track {
        Track {
            id,
            known: Arc::new(Known::new(id, state.number)),
            state,
            carried: None,
            seat: 0,
            since_said: SAID_AGAIN,
            unheard: Some(until),
            claimed: false,
        }
    }

    /// Writes down what happened. Of `kept` results each has its place.
    pub(super) fn take(&mut self, news: &News, kept: u64, phases: &mut Phases, pending: &mut Pending) {
        let mut entries = Vec::new();
        let State { number, failures, message, account } = &mut self.state;
        if let Some(until) = self.unheard.take() {
            account.pass(until, &mut entries);
            account.away(news.at, &mut entries);
        }
        self.claimed = true;
        match &news.ran {
            Some(Ran { run, generation, reported }) => {
                *number += 1;
                self.known.latest.store(*number, Ordering::Relaxed);
                let said = self.since_said < SAID_AGAIN && run.outcome.message() == message;
                self.since_said = if said { self.since_said + 1 } else { 0 };
                if !said {
                    *message = Arc::clone(run.outcome.message());
                }
                let mut result = Kept::of(run, *number, news.health, *generation, *reported, said, phases);
                pending.insert(keys::result(self.id, *number, kept), Some(record::write(&result)));
                if result.failed() {
                    *failures += 1;
                    result.message = Some(message);
                    pending.insert(keys::failure(self.id, *failures), Some(record::write(&result)));
                }
                account.ran(run, &mut entries);
                account.know(news.health, run.outcome.message(), news.at, &mut entries);
            }
            None => {
                let message = &"the runner was asked for it".into();
                account.know(news.health, message, news.at, &mut entries);
            }
        }
        self.put(entries, pending);
        if !news.aware {
            return;
        }
        if let Some((target, saved)) = &news.life {
            let life = Life { number: self.state.number, target: *target, machine: (**saved).clone() };
            pending.insert(keys::life(self.id), Some(record::write(&life)));
            self.save(pending);
        }
        if let Some(carried) = &news.carried {
            carried.write(self.id, false, pending);
            self.carried = Some(Arc::clone(carried));
        }
    }

    /// Time leaped.
    pub(super) fn leap(&mut self, (from, to): Leap, db: Option<&Db>, pending: &mut Pending) {
        // Of one that was not heard of yet it is not known how it is in any case, and of one that is gone nobody wants to know.
        if !self.claimed || self.unheard.is_some() {
            return;
        }
        let mut entries = Vec::new();
        let account = &mut self.state.account;
        if from < to {
            account.missed(from, to, &mut entries);
        } else {
            account.pass(from, &mut entries);
            let kept = |level, index| load::stretch(db, pending, self.id, level, index);
            account.set_back(to, kept, &mut entries);
        }
        self.put(entries, pending);
        // Results tell nothing of it, so that whoever goes on from them has to find it done.
        self.save(pending);
    }

    /// A runner begins whose clock shows this. If the one before was ahead of that, time goes on from here.
    pub(super) fn begin(&mut self, now: Timestamp, db: &Db, pending: &mut Pending) {
        if self.state.account.at() <= now.as_millisecond() {
            return;
        }
        let mut entries = Vec::new();
        let kept = |level, index| load::stretch(Some(db), pending, self.id, level, index);
        self.state.account.set_back(now, kept, &mut entries);
        self.state.account.away(now, &mut entries);
        self.put(entries, pending);
        self.save(pending);
    }

    /// Nobody watches the target any more, and the check is gone.
    pub(super) fn gone(&mut self, at: Timestamp, pending: &mut Pending) {
        let mut entries = Vec::new();
        // Of one that was gone before this runner began, nobody knows when it went.
        let at = self.unheard.take().unwrap_or(at);
        self.state.account.know(Health::Pending, &"the check is gone".into(), at, &mut entries);
        self.claimed = false;
        self.put(entries, pending);
        self.carried = None;
        self.save(pending);
        for key in [keys::life(self.id), keys::left(self.id), keys::reports(self.id), keys::details(self.id)] {
            pending.insert(key, None);
        }
    }

    /// Writes down where the account stands.
    fn save(&self, pending: &mut Pending) {
        pending.insert(keys::state(self.id), Some(record::write(&self.state)));
    }

    /// Writes down all that is known of it here.
    pub(super) fn save_all(&self, name: &str, pending: &mut Pending) {
        pending.insert(keys::name(self.id), Some(name.as_bytes().to_vec()));
        self.save(pending);
        if let Some(carried) = &self.carried {
            carried.write(self.id, true, pending);
        }
    }

    fn put(&self, entries: Vec<Entry>, pending: &mut Pending) {
        for entry in entries {
            match entry {
                Entry::Stretch { level, index, rollup } => {
                    let stretch = record::write(&Stretch { index, rollup });
                    pending.insert(keys::stretch(self.id, level, index), Some(stretch));
                }
                Entry::Incident(incident) => {
                    let key = keys::incident(self.id, incident.number);
                    pending.insert(key, Some(record::write(&incident)));
                }
            }
        }
    }
}

/// All keys of a check but its name begin with one of these.
pub(super) fn everything(id: CheckId) -> [Vec<u8>; 9] {
    [
        keys::state(id),
        keys::life(id),
        keys::left(id),
        keys::reports(id),
        keys::details(id),
        keys::results(id),
        keys::failures(id),
        keys::incidents(id),
        keys::stretches(id),
    ]
}
