//! The thread that writes: everything that there is, once in a while, all of it or none.

mod opening;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use probity_core::time::nanoseconds;

use super::{
    Before, Common, Options,
    db::{Db, Trouble},
    holder::{Holder, Unheld},
    keys::{self, CheckId},
    load::{self, ALIVE, ENDED, FRAME, RESERVED},
    phases::Phases,
    pulse::Leap,
    queue::{Item, Taken},
    record::{self, Frame},
    track::{Pending, Track},
};

/// How often it is written that the runner is there, if nothing else is: what happened last is known up to here.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often what is of no more use is removed.
const CLEAN_UP: Duration = Duration::from_secs(3600);
/// How long a check that is gone is remembered: as long as its hours are.
const GONE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How much may wait for a store in trouble to come back: beyond this the oldest is not worth more than the memory.
const MOST: usize = 65_536;
/// When a store in trouble is looked at again, at first and at the latest.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A store that gives up so often without keeping anything for a while, though there is room on its disk, is damaged.
const GIVEN_UP: u32 = 3;
/// For how long it has to keep things to be taken for sound again.
const SOUND: Duration = Duration::from_secs(60);
/// What the library needs to go on: its journals.
const ROOM_ON_DISK: u64 = 64 << 20;

/// The thread that writes.
pub(super) struct Writer {
    folder: PathBuf,
    flush_interval: Duration,
    instance: String,
    common: Arc<Common>,
    holder: Option<Holder>,
    db: Option<Arc<Db>>,
    /// What was there before has been read, once.
    loaded: bool,
    frame: Frame,
    tracks: HashMap<Arc<str>, Track>,
    next: CheckId,
    phases: Phases,
    pending: Pending,
    /// The number of the latest event.
    last: u64,
    /// More may be missing of what is kept than waits to be written.
    incomplete: bool,
    /// When to look at a store in trouble again, and how long it is until then.
    retry: (Instant, Duration),
    given_up: u32,
    opened: Instant,
    beat: Instant,
    cleaned: Instant,
}

impl Writer {
    pub(super) fn new(options: Options, instance: String, common: Arc<Common>) -> Writer {
        let now = Instant::now();
        Writer {
            folder: options.folder,
            flush_interval: options.flush_interval,
            frame: Frame {
                instance: instance.clone(),
                results: common.sizes.places(),
                events: common.sizes.events,
                reserved: RESERVED,
            },
            instance,
            holder: None,
            db: None,
            loaded: false,
            tracks: HashMap::new(),
            next: 1,
            phases: Phases::new(Arc::clone(&common.phases), Vec::new()),
            pending: Pending::new(),
            last: 0,
            incomplete: false,
            retry: (now, RETRY.0),
            given_up: 0,
            opened: now,
            beat: now,
            cleaned: now,
            common,
        }
    }

    /// Opens what there is. Only that another runner has it is an error.
    pub(super) fn begin(&mut self) -> Result<Before, Unheld> {
        match Holder::hold(&self.folder) {
            Ok(holder) => self.holder = Some(holder),
            Err(unheld @ Unheld::ByAnother { .. }) => return Err(unheld),
            Err(unheld @ Unheld::Io { .. }) => {
                self.trouble(Trouble::Disk(unheld.to_string()));
                return Ok(self.nothing_before());
            }
        }
        match self.open() {
            Ok(before) => {
                self.serve();
                let before = before.unwrap_or_else(|| self.nothing_before());
                self.last = before.last;
                Ok(before)
            }
            Err(trouble) => {
                self.trouble(trouble);
                Ok(self.nothing_before())
            }
        }
    }

    fn nothing_before(&self) -> Before {
        Before { instance: self.instance.clone(), last: 0, events: Vec::new() }
    }

    /// Writes until the store is closed.
    pub(super) fn run(mut self) {
        loop {
            let Taken { items, asked, closed } = self.common.queue.take(self.wait());
            for item in items {
                self.take(item);
            }
            if self.db.is_none() && (self.retry.0 <= Instant::now() || closed) {
                self.reopen();
            }
            if self.cleaned.elapsed() >= CLEAN_UP {
                self.clean_up();
            }
            self.common.standings.pass(Instant::now());
            if closed {
                self.end();
                break;
            }
            if !self.pending.is_empty() || self.beat.elapsed() >= HEARTBEAT {
                self.flush();
            }
            self.common.queue.answer(asked);
        }
        // Whoever waits for the end waits for the files to be closed.
        let Writer { common, db, holder, .. } = self;
        common.db.store(None);
        drop((db, holder));
        common.queue.end();
    }

    /// How long nothing needs to be done unless something comes in.
    fn wait(&self) -> Duration {
        let beat = HEARTBEAT.saturating_sub(self.beat.elapsed());
        let flush = if self.flush_interval.is_zero() { beat } else { self.flush_interval.min(beat) };
        match self.db {
            Some(_) => flush,
            None => flush.min(self.retry.0.saturating_duration_since(Instant::now())),
        }
        // With a clock that stands still, a loop that never waits would do nothing else.
        .max(Duration::from_millis(1))
    }

    fn take(&mut self, item: Item) {
        // Where nothing has been read yet, nobody knows what a check's number is, or an event's place.
        if !self.loaded {
            match item {
                Item::Begun(..) | Item::Gone(..) | Item::Leap(..) => return,
                Item::Event(event) => self.last = event.seq,
                Item::News(..) => {}
            }
            return self.common.queue.drop_some(1);
        }
        match item {
            Item::Begun(check, seat, at) => {
                let track = self.track(&check, at);
                (track.claimed, track.seat) = (true, seat);
            }
            Item::News(check, news) => {
                let places = self.common.sizes.places();
                self.track(&check, news.at);
                if let Some(track) = self.tracks.get_mut(&check) {
                    track.take(&news, places, &mut self.phases, &mut self.pending);
                }
            }
            // Whoever kept a check may leave only after the next one of that name has begun.
            Item::Gone(check, seat, at) => {
                if let Some(track) = self.tracks.get_mut(&check).filter(|track| track.seat <= seat) {
                    track.gone(at, &mut self.pending);
                }
            }
            Item::Leap(leap) => self.leap(leap),
            Item::Event(event) => {
                self.last = event.seq;
                let key = keys::event(event.seq, self.common.sizes.events);
                self.pending.insert(key, Some(record::write(&*event)));
            }
        }
        for (number, name) in self.phases.take_new() {
            self.pending.insert(keys::phase(number), Some(name.as_bytes().to_vec()));
        }
    }

    /// Time leaped, for all checks.
    fn leap(&mut self, leap: Leap) {
        let (from, to) = leap;
        let what = if from < to { "the runner stood still, or the clock was set" } else { "the clock was set back" };
        tracing::warn!("history: {what} from {from} to {to}");
        let Writer { tracks, pending, db, .. } = self;
        for track in tracks.values_mut() {
            track.leap(leap, db.as_deref(), pending);
        }
    }

    fn track(&mut self, check: &Arc<str>, now: Timestamp) -> &mut Track {
        self.tracks.entry(Arc::clone(check)).or_insert_with(|| {
            let id = self.next;
            self.next += 1;
            let track = Track::new(id, check, now, &mut self.pending);
            let mut known = self.common.known.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(Arc::clone(check), Arc::clone(&track.known));
            track
        })
    }

    /// Writes all that there is, or makes room for more.
    fn flush(&mut self) {
        if self.db.is_none() {
            return self.make_room();
        }
        if let Err(trouble) = self.write() {
            self.trouble(trouble);
        }
    }

    /// Writes all that there is, if there is a store to write to.
    fn write(&mut self) -> Result<(), Trouble> {
        let Some(db) = &self.db else {
            return Ok(());
        };
        let begun = Instant::now();
        if self.last + RESERVED / 2 > self.frame.reserved {
            self.frame.reserved = self.last + RESERVED;
            self.pending.insert(keys::meta(FRAME), Some(record::write(&self.frame)));
        }
        let now = self.common.clock.now().wall.as_millisecond();
        self.pending.insert(keys::meta(ALIVE), Some(record::write(&now)));
        db.commit(self.pending.iter())?;
        let Common { written, flushes, flush_nanos, size, .. } = &*self.common;
        written.fetch_add(self.pending.len() as u64, Ordering::Relaxed);
        flushes.fetch_add(1, Ordering::Relaxed);
        flush_nanos.fetch_add(nanoseconds(begun.elapsed()), Ordering::Relaxed);
        if self.beat.elapsed() >= HEARTBEAT || size.load(Ordering::Relaxed) == 0 {
            size.store(db.size(), Ordering::Relaxed);
            self.beat = begun;
        }
        if self.given_up > 0 && self.opened.elapsed() > SOUND {
            self.given_up = 0;
        }
        self.pending.clear();
        Ok(())
    }

    /// Forgets what a store in trouble could not take for too long: results first, for where checks stand can be told again.
    fn make_room(&mut self) {
        self.beat = Instant::now();
        if self.pending.len() <= MOST {
            return;
        }
        let before = self.pending.len();
        self.pending.retain(|key, _| !matches!(key.first(), Some(b'R' | b'F' | b'E')));
        self.common.queue.drop_some((before - self.pending.len()) as u64);
        if self.pending.len() > MOST / 2 {
            self.pending.clear();
            self.incomplete = true;
        }
    }

    /// The store can't be used for now.
    fn trouble(&mut self, trouble: Trouble) {
        self.common.errors.fetch_add(1, Ordering::Relaxed);
        self.common.db.store(None);
        self.db = None;
        let mut message = format!("nothing is kept for now: {trouble}");
        match trouble {
            Trouble::Damaged(why) => {
                if let Err(error) = self.set_aside(&why) {
                    message = format!(
                        "nothing is kept for now: the history is damaged ({why}), and can't be set aside: {error}"
                    );
                }
            }
            Trouble::GivenUp => {
                self.given_up += 1;
                if self.given_up >= GIVEN_UP && self.room_on_disk().is_none_or(|room| room > ROOM_ON_DISK) {
                    self.given_up = 0;
                    // If it can't be, it is found again.
                    let _ = self.set_aside("it keeps giving up");
                }
            }
            Trouble::Disk(_) | Trouble::Busy => {}
        }
        if self.common.standings.now().message != message {
            tracing::error!("{message}; checks go on");
        }
        self.common.standings.fails(message);
        self.retry = (Instant::now() + self.retry.1, (self.retry.1 * 2).min(RETRY.1));
    }

    fn room_on_disk(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Removes what is of no more use: what is kept of checks that are long gone. All else takes the place of what is older.
    fn clean_up(&mut self) {
        self.cleaned = Instant::now();
        let Some(db) = self.db.clone() else {
            return;
        };
        let now = self.common.clock.now().wall;
        let gone: Vec<Arc<str>> =
            self.tracks.iter().filter(|(_, track)| !track.claimed).map(|(name, _)| Arc::clone(name)).collect();
        for name in gone {
            let Some(track) = self.tracks.get_mut(&name) else {
                continue;
            };
            if track.unheard.is_some() {
                track.gone(now, &mut self.pending);
            }
            if track.state.account.at() >= (now - GONE).as_millisecond() {
                continue;
            }
            if let Err(trouble) = load::forget(&db, track.id, &mut self.pending) {
                drop(db);
                return self.trouble(trouble);
            }
            self.tracks.remove(&name);
            self.common.known.write().unwrap_or_else(PoisonError::into_inner).remove(&name);
        }
    }

    /// Writes that this was the end.
    fn end(&mut self) {
        if self.loaded {
            self.pending.insert(keys::meta(ENDED), Some(record::write(&self.last)));
        }
        self.flush();
    }
}
