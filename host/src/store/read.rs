//! What can be asked of the store of results and incidents. All of it reads the disk, so it is for threads that may wait.

use std::{
    collections::BTreeMap,
    ops::{
        ControlFlow::{Break, Continue},
        Range, RangeInclusive,
    },
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;
use probity_core::{
    account::Incident,
    health::Health,
    history::{History, RESULTS},
    outcome::{Fault, Outcome, Run, Verdict},
};

use super::{
    Known, Store, Unreadable,
    db::{Db, Trouble},
    keys,
    phases::Names,
    record::{self, Kept},
    ring::Ring,
    track::SAID_AGAIN,
};

/// A run, or a call that was reported, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Counts those of the check, from 1.
    pub number: u64,
    /// The run; of its verdict neither the details are in it nor the measurements.
    pub run: Run,
    /// How long each phase of it took.
    pub phases: Vec<(Arc<str>, Duration)>,
    /// The verdict, in the words for what is known: unknown after a fault, and pending if there was nothing to judge.
    pub status: Health,
    /// What was known of the target after it.
    pub health: Health,
    /// That of the check then.
    pub generation: u64,
    /// It was somebody else's call.
    pub reported: bool,
}

impl Recorded {
    fn of(kept: &Kept<'_>, said: Arc<str>, names: &Names) -> Recorded {
        let Kept { number, health, generation, reported, .. } = *kept;
        let (run, phases) = (kept.run(said), kept.phases(names));
        Recorded { number, run, phases, status: kept.status(), health, generation, reported }
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

impl Asked {
    fn wants(&self, kept: &Kept<'_>, wanted: &impl Fn(Health) -> bool) -> bool {
        let before = self.before.is_none_or(|before| kept.number < before);
        before && wanted(kept.status()) && self.times.contains(&kept.started())
    }
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
    /// The first of these entries, which come newest first.
    fn of(entries: impl IntoIterator<Item = T>, limit: usize, number: impl Fn(&T) -> u64) -> Page<T> {
        // One more, to know whether there is one.
        let mut entries: Vec<T> = entries.into_iter().take(limit.saturating_add(1)).collect();
        let more = entries.len() > limit;
        entries.truncate(limit);
        Page { next: entries.last().map(number).filter(|_| more), entries }
    }
}

impl Store {
    /// The latest results of a check, and its latest failures though they are older; each as often as it is kept, if its status is
    /// `wanted`. `None`: the store knows no such check.
    ///
    /// # Errors
    ///
    /// The store is in trouble.
    pub fn results(
        &self,
        check: &str,
        asked: &Asked,
        wanted: impl Fn(Health) -> bool,
    ) -> Result<Option<Page<Recorded>>, Unreadable> {
        self.read(check, |db, known| {
            let shown = self.shown(known);
            let mut found = self.latest(db, known, shown.clone(), asked, &wanted)?;
            if found.len() <= asked.limit {
                let within = |kept: &Kept<'_>| kept.number < *shown.start() && asked.wants(kept, &wanted);
                found.extend(self.failures(db, known, within)?.into_values().rev());
            }
            Ok(Page::of(found, asked.limit, |recorded| recorded.number))
        })
    }

    /// The incidents of a check that overlap the times that are asked for.
    ///
    /// # Errors
    ///
    /// As for [`results`](Store::results).
    pub fn incidents(&self, check: &str, asked: &Asked) -> Result<Option<Page<Incident>>, Unreadable> {
        let (from, to) = (asked.times.start.as_millisecond(), asked.times.end.as_millisecond());
        self.read(check, |db, known| {
            let mut all = BTreeMap::new();
            db.each(&keys::incidents(known.id), |_, bytes| {
                all.extend(record::read::<Incident>(bytes).map(|incident| (incident.number, incident)));
            })?;
            let within = |incident: &Incident| incident.began < to && incident.ended.is_none_or(|ended| ended >= from);
            let before = |incident: &Incident| asked.before.is_none_or(|before| incident.number < before);
            let wanted = all.into_values().rev().filter(|incident| before(incident) && within(incident));
            Ok(Page::of(wanted, asked.limit, |incident| incident.number))
        })
    }

    /// The latest results of a check, and its latest failures, as many as a check keeps in memory. Of a store in trouble there
    /// are none.
    #[must_use]
    pub fn recent(&self, check: &str) -> History {
        let all = Asked { times: Timestamp::MIN..Timestamp::MAX, before: None, limit: RESULTS };
        let read = self.read(check, |db, known| {
            let mut latest = self.latest(db, known, self.shown(known), &all, &|_| true)?;
            latest.truncate(RESULTS);
            let first = latest.last().map_or(0, |recorded| recorded.number);
            let older = self.failures(db, known, |kept| kept.number < first)?;
            let mut history = History::default();
            older.values().chain(latest.iter().rev()).for_each(|recorded| history.push(&recorded.run));
            Ok(history)
        });
        read.ok().flatten().unwrap_or_default()
    }

    /// The names of all checks that the store knows.
    #[must_use]
    pub fn checks(&self) -> Vec<Arc<str>> {
        let known = self.common.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<Arc<str>> = known.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    pub(super) fn read<T>(
        &self,
        check: &str,
        read: impl FnOnce(&Db, &Known) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Unreadable> {
        let Some(db) = self.common.db.load_full() else {
            return Err(Unreadable(self.standing().message.clone()));
        };
        let Some(known) = self.common.known(check) else {
            return Ok(None);
        };
        read(&db, &known).map(Some).map_err(|trouble| {
            self.common.errors.fetch_add(1, Ordering::Relaxed);
            if let Trouble::Damaged(why) = &trouble {
                self.common.standings.has_flaw(why.clone());
            }
            Unreadable(trouble.to_string())
        })
    }

    /// The numbers of those results of a check that are shown though they are no failures. The last may be yet to be written.
    fn shown(&self, known: &Known) -> RangeInclusive<u64> {
        let latest = known.latest.load(Ordering::Relaxed);
        (latest + 1).saturating_sub(self.common.sizes.entries).max(1)..=latest
    }

    /// Those of these results of a check that are wanted, newest first: one more than asked for, if there is one.
    fn latest(
        &self,
        db: &Db,
        known: &Known,
        shown: RangeInclusive<u64>,
        asked: &Asked,
        wanted: &impl Fn(Health) -> bool,
    ) -> Result<Vec<Recorded>, Trouble> {
        let (first, latest) = shown.into_inner();
        let newest = asked.before.map_or(latest, |before| latest.min(before.saturating_sub(1)));
        // What the oldest that is shown says may have been written with one before it.
        let oldest = first.saturating_sub(SAID_AGAIN).max(1);
        let most = asked.limit.saturating_add(1);
        let nothing: Arc<str> = "".into();
        let mut found: Vec<Recorded> = Vec::new();
        // From here on it is not known yet what they said.
        let mut unsaid = 0;
        let ring = Ring { db, id: known.id, places: self.common.sizes.places() };
        ring.newest_first(oldest..=newest, |kept| {
            if found.len() < most && kept.number >= first && asked.wants(&kept, wanted) {
                found.push(Recorded::of(&kept, Arc::clone(&nothing), &self.common.phases));
            }
            if let Some(said) = kept.message.filter(|_| unsaid < found.len()) {
                let said: Arc<str> = said.into();
                found[unsaid..].iter_mut().for_each(|recorded| say(&mut recorded.run.outcome, &said));
                unsaid = found.len();
            }
            let enough = found.len() == most || kept.number < first;
            if enough && unsaid == found.len() { Break(()) } else { Continue(()) }
        })?;
        Ok(found)
    }

    /// Those of the latest failures of a check that are wanted, by number.
    fn failures(
        &self,
        db: &Db,
        known: &Known,
        wanted: impl Fn(&Kept<'_>) -> bool,
    ) -> Result<BTreeMap<u64, Recorded>, Trouble> {
        let mut failures = BTreeMap::new();
        db.each(&keys::failures(known.id), |_, bytes| {
            if let Some(kept) = record::read_kept(bytes).filter(&wanted) {
                let said = kept.message.unwrap_or_default().into();
                failures.insert(kept.number, Recorded::of(&kept, said, &self.common.phases));
            }
        })?;
        Ok(failures)
    }
}

/// Has an outcome say this.
fn say(outcome: &mut Outcome, said: &Arc<str>) {
    let (Outcome::Verdict(Verdict { message, .. }) | Outcome::Fault(Fault { message, .. })) = outcome;
    *message = Arc::clone(said);
}
