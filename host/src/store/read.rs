//! What can be asked of the store. All of it reads the disk, so it is for threads that may wait.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use jiff::Timestamp;
use probity_core::{
    account::{Account, Entry, Incident},
    health::Health,
    history::{History, RESULTS},
    outcome::{Outcome, Run},
    rollup::{Level, Rollup},
};

use super::{
    Handover, Store, Unreadable,
    db::{Db, Trouble},
    keys::{self, CheckId},
    load,
    record::{self, Kept, State, Stretch},
};

/// A run, or a call that was reported, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Counts those of the check, from 1.
    pub number: u64,
    /// The run; of its verdict the details are not kept, and of its measurements those that tell of time.
    pub run: Run,
    /// What was known of the target after it.
    pub health: Health,
    /// That of the check then.
    pub generation: u64,
    /// It was somebody else's call.
    pub reported: bool,
}

impl Recorded {
    /// The verdict, in the words for what is known: unknown after a fault, and pending if there was nothing to judge.
    #[must_use]
    pub fn status(&self) -> Health {
        match &self.run.outcome {
            Outcome::Verdict(verdict) => verdict.status.into(),
            Outcome::Fault(fault) if fault.kind.is_failure() => Health::Unknown,
            Outcome::Fault(_) => Health::Pending,
        }
    }
}

/// What is wanted of a list whose newest entries come first.
#[derive(Clone, Debug)]
pub struct Asked {
    /// From when to when.
    pub times: Range<Timestamp>,
    /// Only entries with a lower number.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The newest first.
    pub entries: Vec<T>,
    /// Where the next part begins: before the entry of this number. `None`: there are no more.
    pub next: Option<u64>,
}

impl<T> Page<T> {
    /// Takes what is wanted of entries that come newest first.
    fn of(entries: impl IntoIterator<Item = T>, asked: &Asked, number: impl Fn(&T) -> u64) -> Page<T> {
        let wanted = entries.into_iter().filter(|entry| asked.before.is_none_or(|before| number(entry) < before));
        // One more, to know whether there is one.
        let mut entries: Vec<T> = wanted.take(asked.limit.saturating_add(1)).collect();
        let more = entries.len() > asked.limit;
        entries.truncate(asked.limit);
        Page { next: entries.last().map(number).filter(|_| more), entries }
    }
}

/// The stretches of a part of a check's life, and what they come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretches {
    /// Where the first begins. It is the last that begins no later than what was asked for.
    pub from: Timestamp,
    /// How long each is.
    pub level: Level,
    /// Those in which anything happened, by when they begin.
    pub stretches: BTreeMap<i64, Rollup>,
    /// Their sum.
    pub total: Rollup,
}

/// A check as it stands, up to the present.
struct Standing {
    account: Account,
    /// Stretches that are over by now, but not written yet.
    closed: Vec<Entry>,
}

impl Store {
    /// The latest results of a check, and its latest failures though they are older; each as often as it is kept. `None`: the
    /// store knows no such check.
    ///
    /// # Errors
    ///
    /// The store is in trouble.
    pub fn results(
        &self,
        check: &str,
        asked: &Asked,
        wanted: impl Fn(&Recorded) -> bool,
    ) -> Result<Option<Page<Recorded>>, Unreadable> {
        self.read(check, |db, id| {
            let all = self.all_results(db, id)?;
            let within = |recorded: &Recorded| asked.times.contains(&recorded.run.started) && wanted(recorded);
            Ok(Page::of(all.into_values().rev().filter(within), asked, |recorded| recorded.number))
        })
    }

    /// The incidents of a check that overlap the times that are asked for.
    ///
    /// # Errors
    ///
    /// As for [`results`](Store::results).
    pub fn incidents(&self, check: &str, asked: &Asked) -> Result<Option<Page<Incident>>, Unreadable> {
        let (from, to) = (asked.times.start.as_millisecond(), asked.times.end.as_millisecond());
        self.read(check, |db, id| {
            let mut all = BTreeMap::new();
            db.each(&keys::incidents(id), |_, bytes| {
                all.extend(record::read::<Incident>(bytes).map(|incident| (incident.number, incident)));
            })?;
            let within = |incident: &Incident| incident.began < to && incident.ended.is_none_or(|ended| ended >= from);
            Ok(Page::of(all.into_values().rev().filter(within), asked, |incident| incident.number))
        })
    }

    /// What the life of a check came to from then until now, in stretches of the length that is kept for so long.
    ///
    /// # Errors
    ///
    /// As for [`results`](Store::results).
    pub fn stretches(
        &self,
        check: &str,
        level: Level,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Stretches>, Unreadable> {
        self.read(check, |db, id| {
            let Some(Standing { account, closed }) = self.standing_of(db, id, now)? else {
                return Ok(None);
            };
            let (open, under_way) = account.open(level);
            let first = level.index(from.as_millisecond()).max(open - level.kept() + 1);
            let mut stretches = BTreeMap::new();
            let mut take = |_: &[u8], bytes: &[u8]| {
                let read = record::read::<Stretch>(bytes).filter(|it| (first..open).contains(&it.index));
                stretches.extend(read.map(|Stretch { index, rollup }| (index, rollup)));
            };
            // Places go round, so they may begin anew within what is wanted.
            let key = |index| keys::stretch(id, level, index);
            let turn = open - open.rem_euclid(level.kept());
            if first < turn {
                db.between(key(first)..=key(-1), &mut take)?;
            }
            db.between(key(first.max(turn))..=key(open), &mut take)?;
            stretches.extend(closed.into_iter().filter_map(|entry| match entry {
                Entry::Stretch { level: of, index, rollup } if of == level && index >= first => Some((index, rollup)),
                _ => None,
            }));
            stretches.insert(open, under_way);
            let mut total = Rollup::default();
            stretches.values().for_each(|stretch| total.add(stretch));
            let length = level.length();
            let stretches = stretches.into_iter().map(|(index, rollup)| (index * length, rollup)).collect();
            let from = Timestamp::from_millisecond(first * length).unwrap_or(from);
            Ok(Some(Stretches { from, level, stretches, total }))
        })
        .map(Option::flatten)
    }

    /// The latest results of a check, and its latest failures, as many as a check keeps in memory. Of a store in trouble there
    /// are none.
    #[must_use]
    pub fn recent(&self, check: &str) -> History {
        let read = self.read(check, |db, id| {
            let mut history = History::default();
            let mut latest = BTreeMap::new();
            let mut take = |_: &[u8], bytes: &[u8]| {
                latest.extend(record::read_kept(bytes).map(|kept| (kept.number, bytes.to_vec())));
            };
            db.each(&keys::failures(id), &mut take)?;
            let places = self.common.sizes.places();
            let last = self.load(db, id)?.map_or(0, |state| state.number);
            // So many more that what each says is among them.
            let first = (last + 1).saturating_sub((RESULTS as u64 + super::SAID_AGAIN).min(places));
            let key = |number| keys::result(id, number, places);
            // Places go round.
            if first % places <= last % places {
                db.between(key(first)..=key(last), &mut take)?;
            } else {
                db.between(key(first)..=key(places - 1), &mut take)?;
                db.between(key(0)..=key(last), &mut take)?;
            }
            self.told(&latest).into_values().for_each(|recorded| history.push(&recorded.run));
            Ok(history)
        });
        read.ok().flatten().unwrap_or_default()
    }

    /// The names of all checks that the store knows.
    #[must_use]
    pub fn checks(&self) -> Vec<Arc<str>> {
        let ids = self.common.ids.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<Arc<str>> = ids.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    fn read<T>(
        &self,
        check: &str,
        read: impl FnOnce(&Db, CheckId) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Unreadable> {
        let Some(db) = self.common.db.load_full() else {
            return Err(Unreadable(self.standing().message.clone()));
        };
        let Some(id) = self.common.id(check) else {
            return Ok(None);
        };
        read(&db, id).map(Some).map_err(|trouble| {
            self.common.errors.fetch_add(1, Ordering::Relaxed);
            Unreadable(trouble.to_string())
        })
    }

    /// All that is kept of the results of a check, by number.
    fn all_results(&self, db: &Db, id: CheckId) -> Result<BTreeMap<u64, Recorded>, Trouble> {
        let mut kept: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let mut take = |bytes: &[u8]| {
            kept.extend(record::read_kept(bytes).map(|result| (result.number, bytes.to_vec())));
        };
        db.each(&keys::results(id), |_, bytes| take(bytes))?;
        let latest = usize::try_from(self.common.sizes.entries).unwrap_or(usize::MAX);
        let mut failures: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        db.each(&keys::failures(id), |_, bytes| {
            failures.extend(record::read_kept(bytes).map(|result| (result.number, bytes.to_vec())));
        })?;
        let mut told = self.told(&kept);
        if told.len() > latest
            && let Some((first, _)) = told.iter().nth(told.len() - latest)
        {
            let first = *first;
            told = told.split_off(&first);
        }
        for (number, recorded) in self.told(&failures) {
            told.entry(number).or_insert(recorded);
        }
        Ok(told)
    }

    /// What was written, with what each said.
    fn told(&self, kept: &BTreeMap<u64, Vec<u8>>) -> BTreeMap<u64, Recorded> {
        let mut message: Arc<str> = "".into();
        let told = kept.values().filter_map(|bytes| {
            let kept: Kept<'_> = record::read_kept(bytes)?;
            if let Some(said) = kept.message.filter(|said| **said != *message) {
                message = said.into();
            }
            let run = kept.run(Arc::clone(&message), &self.common.phases);
            let Kept { number, health, generation, reported, .. } = kept;
            Some((number, Recorded { number, run, health, generation, reported }))
        });
        told.collect()
    }

    /// Where the account of a check stands that was written, and what came after that.
    fn load(&self, db: &Db, id: CheckId) -> Result<Option<State>, Trouble> {
        let Some(mut state) = db.get(&keys::state(id))?.and_then(|bytes| record::read::<State>(&bytes)) else {
            return Ok(None);
        };
        let after = state.number;
        load::replay(db, id, self.common.sizes.places(), &self.common.phases, after, &mut |number, kept, run| {
            load::catch_up(&mut state, number, kept, run);
        })?;
        Ok(Some(state))
    }

    fn standing_of(&self, db: &Db, id: CheckId, now: Timestamp) -> Result<Option<Standing>, Trouble> {
        let Some(State { mut account, .. }) = self.load(db, id)? else {
            return Ok(None);
        };
        let Handover { until, opened } = **self.common.handover.load();
        let mut closed = Vec::new();
        if account.at() < opened.as_millisecond() {
            // This runner has not heard of it yet.
            account.pass(until, &mut closed);
            account.away(now, &mut closed);
        } else {
            account.pass(now, &mut closed);
        }
        Ok(Some(Standing { account, closed }))
    }
}
