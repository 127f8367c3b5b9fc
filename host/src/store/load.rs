//! What the store tells a runner that begins: where its events and its checks stood.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError},
};

use jiff::Timestamp;
use probity_core::{
    outcome::Run,
    rollup::{Level, Rollup},
};

use super::{
    Common, Handover, Known, Past, Sizes,
    db::{Db, Trouble},
    keys::{self, CheckId},
    phases::Names,
    record::{self, Frame, Kept, Life, State, Stretch},
    ring::Ring,
    track::{Pending, SAID_AGAIN, Track, everything},
};
use crate::{clock::Clock, events::Record};

/// How many numbers of events are set apart at a time. A runner that ends as it should gives back those that it did not use;
/// one that does not leaves a gap, so that no number is given away twice.
pub(super) const RESERVED: u64 = 1 << 16;

/// What the store holds of a runner that was there before.
pub(super) struct Loaded {
    pub(super) frame: Frame,
    /// The latest number of an event that may have been given away.
    pub(super) last: u64,
    /// When the runner was there last.
    pub(super) until: Timestamp,
    pub(super) events: Vec<Arc<Record>>,
    pub(super) tracks: HashMap<Arc<str>, Track>,
    pub(super) lives: HashMap<Arc<str>, Past>,
    pub(super) phases: Vec<Arc<str>>,
}

/// When the runner was there last, in milliseconds since 1970.
pub(super) const ALIVE: &str = "alive";
/// What the store knows of itself.
pub(super) const FRAME: &str = "frame";
/// The latest number of an event, if the runner ended as it should.
pub(super) const ENDED: &str = "ended";

/// In the place of how many results of a check have a place, while they are given others.
const MOVING: u64 = 0;

/// Reads what there is; `instance` is what events are named after if there is nothing.
pub(super) fn load(db: &Db, sizes: Sizes, instance: &str, now: Timestamp) -> Result<Loaded, Trouble> {
    let kept: Option<Frame> = meta(db, FRAME)?;
    let fresh = kept.is_none();
    let mut frame = kept.unwrap_or_else(|| Frame {
        instance: instance.to_owned(),
        results: sizes.places(),
        events: sizes.events,
        reserved: 0,
    });
    let alive: Option<i64> = meta(db, ALIVE)?;
    let ended: Option<u64> = meta(db, ENDED)?;
    let alive = alive.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(now).min(now);
    let (phases, names) = (phases(db)?, names(db)?);
    if !fresh && frame.results != sizes.places() {
        // If the runner ends on the way, some are in their new places and some are not: the next one moves them again.
        commit_frame(db, &Frame { results: MOVING, ..frame.clone() })?;
        for id in names.values() {
            move_results(db, *id, sizes)?;
        }
    }
    let mut events = events(db)?;
    if frame.events != sizes.events {
        move_events(db, &mut events, sizes)?;
    }
    let last = events.last().map_or(0, |event| event.seq);
    let last = ended.unwrap_or(frame.reserved).max(last);
    (frame.results, frame.events, frame.reserved) = (sizes.places(), sizes.events, last + RESERVED);
    let known = Names::default();
    known.replace(phases.clone());
    let (mut tracks, mut lives) = (HashMap::with_capacity(names.len()), HashMap::with_capacity(names.len()));
    for (name, id) in names {
        if let Some((track, past)) = check(db, id, sizes.places(), &known, alive)? {
            lives.extend(past.map(|past| (Arc::clone(&name), past)));
            tracks.insert(name, track);
        }
    }
    commit_frame(db, &frame)?;
    Ok(Loaded { frame, last, until: alive, events, tracks, lives, phases })
}

/// Writes what the store knows of itself while a runner is there.
fn commit_frame(db: &Db, frame: &Frame) -> Result<(), Trouble> {
    let mut pending = Pending::new();
    pending.insert(keys::meta(FRAME), Some(record::write(frame)));
    pending.insert(keys::meta(ENDED), None);
    db.commit(pending.iter())
}

/// What those need who only read.
pub(super) fn look(db: &Db, clock: Clock) -> Result<Common, Trouble> {
    let frame: Frame = meta(db, FRAME)?.ok_or_else(|| Trouble::Damaged("it is empty".into()))?;
    let sizes = Sizes { entries: frame.results.saturating_sub(SAID_AGAIN), events: frame.events };
    let common = Common::new(sizes, false, clock, Box::new(|_| {}));
    common.phases.replace(phases(db)?);
    let mut known = HashMap::new();
    for (name, id) in names(db)? {
        let state = state(db, id, sizes.places())?;
        known.insert(name, Arc::new(Known::new(id, state.map_or(0, |state| state.number))));
    }
    *common.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    let until = meta(db, ALIVE)?.and_then(|at| Timestamp::from_millisecond(at).ok());
    let opened = clock.now().wall;
    common.handover.store(Arc::new(Handover { until: until.unwrap_or(opened), opened }));
    Ok(common)
}

fn meta<T: serde::de::DeserializeOwned>(db: &Db, name: &str) -> Result<Option<T>, Trouble> {
    let Some(bytes) = db.get(&keys::meta(name))? else {
        return Ok(None);
    };
    match (record::read(&bytes), bytes.first()) {
        (Some(value), _) => Ok(Some(value)),
        (None, Some(version)) if *version > record::VERSION => Err(Trouble::Disk(format!(
            "it was written by a newer version of this program (format {version}; this one reads {})",
            record::VERSION
        ))),
        _ => Err(Trouble::Damaged(format!("`{name}` can't be read"))),
    }
}

fn names(db: &Db) -> Result<BTreeMap<Arc<str>, CheckId>, Trouble> {
    let mut names = BTreeMap::new();
    db.each(&keys::all(b'N'), |key, name| {
        if let (Some(id), Ok(name)) = (keys::number(key), std::str::from_utf8(name)) {
            names.insert(name.into(), id);
        }
    })?;
    Ok(names)
}

fn phases(db: &Db) -> Result<Vec<Arc<str>>, Trouble> {
    let mut phases: Vec<Arc<str>> = Vec::new();
    db.each(&keys::all(b'P'), |_, name| phases.push(String::from_utf8_lossy(name).into()))?;
    Ok(phases)
}

fn events(db: &Db) -> Result<Vec<Arc<Record>>, Trouble> {
    let mut events: Vec<Arc<Record>> = Vec::new();
    db.each(&keys::all(b'E'), |_, event| events.extend(record::read(event).map(Arc::new)))?;
    events.sort_by_key(|event| event.seq);
    Ok(events)
}

/// Where a check stood, taking into account what came after that was written down.
fn check(
    db: &Db,
    id: CheckId,
    places: u64,
    names: &Names,
    alive: Timestamp,
) -> Result<Option<(Track, Option<Past>)>, Trouble> {
    let Some(mut state) = db.get(&keys::state(id))?.and_then(|bytes| record::read::<State>(&bytes)) else {
        return Ok(None);
    };
    let mut life = db.get(&keys::life(id))?.and_then(|bytes| record::read::<Life>(&bytes));
    let ring = Ring { db, id, places };
    let mut last = ring.one(state.number, |kept| kept.whole(Arc::clone(&state.message), names))?;
    ring.following(state.number, |kept| {
        let run = replay(&mut state, &kept);
        if let Some(life) = life.as_mut().filter(|life| kept.number > life.number) {
            life.machine.take(&run, kept.reported);
        }
        last = Some(kept.whole(Arc::clone(&state.message), names));
    })?;
    let past =
        life.map(|life| Past { target: life.target, saved: life.machine, last: last.map(Arc::new), until: alive });
    Ok(Some((Track::known(id, state, alive), past)))
}

/// Where the account of a check stands that was written, and what came after that.
pub(super) fn state(db: &Db, id: CheckId, places: u64) -> Result<Option<State>, Trouble> {
    let Some(mut state) = db.get(&keys::state(id))?.and_then(|bytes| record::read::<State>(&bytes)) else {
        return Ok(None);
    };
    Ring { db, id, places }.following(state.number, |kept| {
        replay(&mut state, &kept);
    })?;
    Ok(Some(state))
}

/// What is kept of a stretch of a check's life, or waits to be. What can't be read is gone.
pub(super) fn stretch(db: Option<&Db>, pending: &Pending, id: CheckId, level: Level, index: i64) -> Option<Rollup> {
    let key = keys::stretch(id, level, index);
    let of = |bytes: &[u8]| record::read::<Stretch>(bytes).filter(|it| it.index == index).map(|it| it.rollup);
    match pending.get(&key) {
        Some(waiting) => waiting.as_deref().and_then(of),
        None => db?.get(&key).ok().flatten().as_deref().and_then(of),
    }
}

/// Adds a result to an account that was written down before it; the run.
fn replay(state: &mut State, kept: &Kept<'_>) -> Run {
    if let Some(said) = kept.message {
        state.message = said.into();
    }
    let run = kept.run(Arc::clone(&state.message));
    let mut closed = Vec::new();
    state.number = kept.number;
    state.failures += u64::from(kept.failed());
    state.account.ran(&run, &mut closed);
    state.account.know(kept.health, run.outcome.message(), run.ended(), &mut closed);
    run
}

/// Gives the results of a check the places that they have now that there are more, or fewer.
fn move_results(db: &Db, id: CheckId, sizes: Sizes) -> Result<(), Trouble> {
    let mut pending = Pending::new();
    let mut results: Vec<(u64, Vec<u8>)> = Vec::new();
    db.each(&keys::results(id), |key, bytes| {
        pending.insert(key.to_vec(), None);
        results.extend(record::read_kept(bytes).map(|kept| (kept.number, bytes.to_vec())));
    })?;
    results.sort_unstable();
    let places = sizes.places();
    let most = usize::try_from(places).unwrap_or(usize::MAX);
    let says = |(_, bytes): &(u64, Vec<u8>)| record::read_kept(bytes)?.message.map(str::to_owned);
    // What nobody knows any more is of no use: those that say what one said which is gone.
    results.drain(..results.iter().position(|result| says(result).is_some()).unwrap_or(results.len()));
    let first = results.len().saturating_sub(most);
    let said = results[..first].iter().rev().find_map(says);
    if let Some((_, bytes)) = results.get_mut(first)
        && let Some(mut kept) = record::read_kept(bytes)
    {
        kept.message = kept.message.or(said.as_deref());
        *bytes = record::write(&kept);
    }
    for (number, bytes) in results.drain(first..) {
        pending.insert(keys::result(id, number, places), Some(bytes));
    }
    db.commit(pending.iter())
}

fn move_events(db: &Db, events: &mut Vec<Arc<Record>>, sizes: Sizes) -> Result<(), Trouble> {
    let mut pending = Pending::new();
    db.each(&keys::all(b'E'), |key, _| {
        pending.insert(key.to_vec(), None);
    })?;
    let most = usize::try_from(sizes.events).unwrap_or(usize::MAX);
    events.drain(..events.len().saturating_sub(most));
    for event in events {
        pending.insert(keys::event(event.seq, sizes.events), Some(record::write(&**event)));
    }
    db.commit(pending.iter())
}

/// Forgets all that is kept of a check.
pub(super) fn forget(db: &Db, id: CheckId, pending: &mut Pending) -> Result<(), Trouble> {
    for prefix in everything(id) {
        db.each(&prefix, |key, _| {
            pending.insert(key.to_vec(), None);
        })?;
    }
    pending.insert(keys::name(id), None);
    Ok(())
}
