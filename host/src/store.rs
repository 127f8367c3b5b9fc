//! What outlives the runner: each run, each event, where each check stood, and what its time came to.
//!
//! Whoever has something to keep puts it into a bounded queue and waits for nobody. A thread of its own writes what is there once
//! in a while, all of it or none. Readers see what is written, and what is written has reached the disk.
//!
//! A store in trouble (a full disk, a damaged file) takes no runner down: it says so, drops what it can't keep, and looks again.

mod carried;
mod db;
mod holder;
mod keeper;
mod keys;
mod load;
mod phases;
mod pulse;
mod queue;
mod read;
mod record;
mod ring;
mod standing;
mod stretches;
#[cfg(test)]
mod tests;
mod track;
mod writer;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use probity_core::{machine::Saved, outcome::Run};
use thiserror::Error;

use self::{
    carried::Found,
    db::{Db, Trouble},
    holder::Holder,
    keys::CheckId,
    phases::Names,
    queue::{Item, Queue},
    standing::Standings,
    track::SAID_AGAIN,
    writer::Writer,
};
pub use self::{
    holder::Unheld,
    keeper::{Keeper, Recalled},
    read::{Asked, Page, Recorded},
    standing::Standing,
    stretches::Stretches,
};
use crate::{clock::Clock, events::Record};

/// How a store is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that it lies in, which nothing else does.
    pub folder: PathBuf,
    /// How many of the latest results of each check are kept.
    pub entries: u64,
    /// How many of the latest events.
    pub events: u64,
    /// How often what there is is written; zero: each as it comes.
    pub flush_interval: Duration,
}

/// How many of each there is room for.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    entries: u64,
    events: u64,
}

impl Sizes {
    /// How many results of a check have a place: so many more than are shown that each that is shown has what it said among them.
    fn places(self) -> u64 {
        self.entries + SAID_AGAIN
    }
}

/// What the store has done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// How much waits to be written.
    pub queued: u64,
    /// Results and events that could not be kept.
    pub dropped: u64,
    /// Changes that were written.
    pub written: u64,
    /// How often they were.
    pub flushes: u64,
    /// How long that took, all times together.
    pub flush_time: Duration,
    /// What it takes of the disk, in bytes.
    pub size: u64,
    /// How often something went wrong.
    pub errors: u64,
    /// How often the store was found damaged, and a new one begun.
    pub damaged: u64,
}

/// How a check lived under the runner before this one.
#[derive(Clone, Debug)]
struct Past {
    target: u64,
    saved: Saved,
    /// The run that came in last.
    last: Option<Arc<Run>>,
    /// When that runner was there last.
    until: Timestamp,
}

/// What readers know of a check.
#[derive(Debug)]
struct Known {
    id: CheckId,
    /// The number of its latest result, which may be yet to be written.
    latest: AtomicU64,
}

impl Known {
    fn new(id: CheckId, latest: u64) -> Known {
        Known { id, latest: AtomicU64::new(latest) }
    }
}

/// What the events were under the runners before this one.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// What they are named after.
    pub instance: String,
    /// The latest number that may have been given away.
    pub last: u64,
    /// Those that are kept, the oldest first.
    pub events: Vec<Arc<Record>>,
}

/// Why there is nothing to be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the store can't be read: {0}")]
pub struct Unreadable(String);

/// Why a store can't be looked at.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// There is none.
    #[error("{} holds no history", .0.display())]
    Missing(PathBuf),
    /// A runner has it, or the system does not let it be held.
    #[error(transparent)]
    Held(#[from] Unheld),
    /// It is not as it was written.
    #[error("it can't be read: {0}")]
    Unreadable(String),
}

/// The store.
pub struct Store {
    common: Arc<Common>,
    /// Of a store that nobody writes.
    _holder: Option<Holder>,
}

/// What the writer shares with everybody else.
struct Common {
    clock: Clock,
    sizes: Sizes,
    queue: Queue,
    /// What can be read; `None` while there is trouble.
    db: ArcSwapOption<Db>,
    /// The checks that are known.
    known: RwLock<HashMap<Arc<str>, Arc<Known>>>,
    /// What there was before has been read, once.
    read: AtomicBool,
    /// How many have kept a check.
    seats: AtomicU64,
    phases: Arc<Names>,
    /// How checks lived before, until somebody goes on with them.
    lives: Mutex<HashMap<Arc<str>, Past>>,
    /// When the runner before this one was there last, and when this one began to read what it left.
    handover: ArcSwap<Handover>,
    standings: Standings,
    written: AtomicU64,
    flushes: AtomicU64,
    flush_nanos: AtomicU64,
    size: AtomicU64,
    errors: AtomicU64,
    damaged: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Handover {
    until: Timestamp,
    opened: Timestamp,
}

impl Store {
    /// Opens the store, and begins to write. `tell` is told how it is, now and whenever that changes. What a runner that comes
    /// without one would name its events after is `instance`.
    ///
    /// # Errors
    ///
    /// Another runner has the folder. Any other trouble is no error: the store says so, and goes on looking.
    pub fn open(
        options: Options,
        instance: &str,
        clock: Clock,
        tell: impl Fn(&Standing) + Send + Sync + 'static,
    ) -> Result<(Store, Before), Unheld> {
        let sizes = Sizes { entries: options.entries.max(1), events: options.events.max(1) };
        let common = Arc::new(Common::new(sizes, options.flush_interval.is_zero(), clock, Box::new(tell)));
        let mut writer = Writer::new(options, instance.to_owned(), Arc::clone(&common));
        let before = writer.begin()?;
        let spawned = std::thread::Builder::new().name("history".into()).spawn(move || writer.run());
        if let Err(error) = spawned {
            common.standings.fails(format!("nothing is kept: there is no thread for it ({error})"));
            common.queue.end();
        }
        Ok((Store { common, _holder: None }, before))
    }

    /// Looks at the store of a runner that is gone, and changes nothing.
    ///
    /// # Errors
    ///
    /// There is none, it can't be read, or the runner is not gone.
    pub fn look(folder: &Path, clock: Clock) -> Result<Store, Unavailable> {
        let db = folder.join("db");
        if !db.exists() {
            return Err(Unavailable::Missing(folder.to_owned()));
        }
        let holder = Holder::hold(folder)?;
        let unreadable = |trouble: Trouble| Unavailable::Unreadable(trouble.to_string());
        let db = Db::open(&db).map_err(unreadable)?;
        let common = load::look(&db, clock).map_err(unreadable)?;
        common.db.store(Some(Arc::new(db)));
        Ok(Store { common: Arc::new(common), _holder: Some(holder) })
    }

    /// How a check lived before, if nobody has asked before.
    fn past(&self, check: &str) -> Option<Past> {
        lock(&self.common.lives).remove(check)
    }

    /// What a check took along from before; nothing, if it can't be read now.
    fn found(&self, check: &str) -> Found {
        self.read(check, |db, known| Found::read(db, known.id)).ok().flatten().unwrap_or_default()
    }

    /// Whether what there was before has been read.
    fn has_read(&self) -> bool {
        self.common.read.load(Ordering::Acquire)
    }

    /// A number that tells those apart who keep a check: later ones have higher ones.
    fn seat(&self) -> u64 {
        self.common.seats.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn put(&self, item: Item) {
        let now = self.common.clock.now();
        if !self.common.queue.put(item, now) {
            self.common.standings.loses(now.wall, Instant::now());
        }
    }

    /// Tells that the runner moves, as whoever runs checks does every second. Where that was not told for some seconds, or the clock
    /// was set, nothing is known of the time in between.
    pub fn beat(&self) {
        self.common.queue.beat(self.common.clock.now());
    }

    /// Keeps an event.
    pub fn event(&self, record: &Arc<Record>) {
        self.put(Item::Event(Arc::clone(record)));
    }

    /// How the store is.
    #[must_use]
    pub fn standing(&self) -> Arc<Standing> {
        self.common.standings.now()
    }

    /// What it has done.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let Common { queue, written, flushes, flush_nanos, size, errors, damaged, .. } = &*self.common;
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Figures {
            queued: queue.waiting() as u64,
            dropped: queue.dropped(),
            written: read(written),
            flushes: read(flushes),
            flush_time: Duration::from_nanos(read(flush_nanos)),
            size: read(size),
            errors: read(errors),
            damaged: read(damaged),
        }
    }

    /// Waits until all that it was told is written, or can't be; `false` if that takes longer than this.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        self.common.queue.written(patience)
    }

    /// Writes what there is, and takes nothing more; `false` if that takes longer than this.
    #[must_use]
    pub fn close(&self, patience: Duration) -> bool {
        self.common.queue.close(patience)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.common.queue.hang_up();
    }
}

impl Common {
    /// Of a store that knows nothing yet.
    fn new(sizes: Sizes, each: bool, clock: Clock, tell: Box<dyn Fn(&Standing) + Send + Sync>) -> Common {
        let now = clock.now().wall;
        Common {
            clock,
            sizes,
            queue: Queue::new(each),
            db: ArcSwapOption::empty(),
            known: RwLock::default(),
            read: AtomicBool::new(false),
            seats: AtomicU64::new(0),
            phases: Arc::default(),
            lives: Mutex::default(),
            handover: ArcSwap::from_pointee(Handover { until: now, opened: now }),
            standings: Standings::new(tell),
            written: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
            flush_nanos: AtomicU64::new(0),
            size: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
        }
    }

    fn known(&self, check: &str) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(check).cloned()
    }
}

/// What is guarded is whole at any time, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
