//! What is published: every check's latest snapshot, every probe, and the runner itself.
//!
//! Workers write their own slot and nothing else; readers take what is there and never wait. Each write raises the
//! board's version, which is how a reader knows whether what it made of the board is still true. What others report of a
//! check's target lies in its slot as well, and so does which other checks its probe reads.

mod check;
mod circle;
mod components;
mod figures;
mod inventory;
mod lag;
mod slot;
mod vitals;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use probity_core::{
    health::{Overall, Phase, Tally},
    outcome::{Measurement, Run},
    report::Report,
    score,
    time::Now,
};

use self::components::Components;
pub use self::{
    check::{CheckInfo, CheckState},
    components::Component,
    figures::{Figures, MetricLimits, Notifications, SinkFigures},
    inventory::{InForce, Inventory, ProbeInfo, ProbeSource, ProbeState, Source},
    lag::{LAG_BUCKETS, Lag},
    slot::Slot,
    vitals::{Part, STILL, Vitals},
};
use crate::{clock::Clock, store::Store};

type Slots = BTreeMap<Arc<str>, Arc<Slot>>;

/// The board.
pub struct Board {
    /// The name of this runner among others.
    pub node_id: String,
    /// When the runner started.
    pub started: Timestamp,
    /// How late runs start.
    pub lag: Lag,
    /// Whether the runner itself lives.
    pub vitals: Vitals,
    clock: Clock,
    slots: ArcSwap<Slots>,
    inventory: ArcSwap<Inventory>,
    phase: AtomicU8,
    version: AtomicU64,
    changed: tokio::sync::Notify,
    in_flight: AtomicU64,
    components: Components,
    store: OnceLock<(Arc<Store>, Timestamp)>,
    notifications: OnceLock<Box<dyn Fn() -> Notifications + Send + Sync>>,
    queued: AtomicU64,
    figures: OnceLock<Box<dyn Fn() -> Figures + Send + Sync>>,
    metric_limits: ArcSwap<MetricLimits>,
    names: figures::Names,
    score_limits: ArcSwap<score::Limits>,
}

impl Board {
    /// An empty board of a runner that is starting.
    #[must_use]
    pub fn new(node_id: String, clock: Clock) -> Board {
        Board {
            node_id,
            started: clock.now().wall,
            lag: Lag::default(),
            vitals: Vitals::default(),
            clock,
            slots: ArcSwap::default(),
            inventory: ArcSwap::default(),
            phase: AtomicU8::new(Phase::Starting as u8),
            version: AtomicU64::new(1),
            changed: tokio::sync::Notify::new(),
            in_flight: AtomicU64::new(0),
            components: Components::default(),
            store: OnceLock::new(),
            notifications: OnceLock::new(),
            queued: AtomicU64::new(0),
            figures: OnceLock::new(),
            metric_limits: ArcSwap::default(),
            names: figures::Names::default(),
            score_limits: ArcSwap::default(),
        }
    }

    /// Takes in how to find out what others count. Only the first that is told counts.
    pub fn count_by(&self, figures: impl Fn() -> Figures + Send + Sync + 'static) {
        // A second way to count the same would come to the same.
        let _ = self.figures.set(Box::new(figures));
    }

    /// What others count; nothing, if nobody said how to find out.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures.get().map_or_else(Figures::default, |figures| figures())
    }

    /// Takes in how many series metrics may have.
    pub fn limit_metrics(&self, limits: MetricLimits) {
        self.metric_limits.store(Arc::new(limits));
    }

    /// How many series metrics may have.
    #[must_use]
    pub fn metric_limits(&self) -> MetricLimits {
        **self.metric_limits.load()
    }

    /// Whether this measurement is to be told under its own name: there are not too many others yet.
    #[must_use]
    pub fn admits(&self, measurement: &Measurement) -> bool {
        self.names.admit(measurement, self.metric_limits().measurements)
    }

    /// The parts of the runner itself that tell how they are, by name.
    #[must_use]
    pub fn components(&self) -> Arc<BTreeMap<&'static str, Component>> {
        self.components.all()
    }

    /// Publishes how a part of the runner is.
    pub fn take_component(&self, name: &'static str, component: Component) {
        self.components.take(name, component);
        self.bump();
    }

    /// Takes in where what happens is kept, and since when. Only the first that is told counts.
    pub fn remember(&self, store: Arc<Store>, since: Timestamp) {
        // There is one for each runner.
        let _ = self.store.set((store, since));
    }

    /// Where what happens is kept, if it is.
    #[must_use]
    pub fn store(&self) -> Option<&Arc<Store>> {
        self.store.get().map(|(store, _)| store)
    }

    /// Since when is counted what checks do: since the history began that this runner goes on with, or else since its start.
    #[must_use]
    pub fn counted_since(&self) -> Timestamp {
        self.store.get().map_or(self.started, |(_, since)| self.started.min(*since))
    }

    /// Takes in from which score on the whole is what.
    pub fn limit_score(&self, limits: score::Limits) {
        if **self.score_limits.load() != limits {
            self.score_limits.store(Arc::new(limits));
            self.bump();
        }
    }

    /// From which score on the whole is what.
    #[must_use]
    pub fn score_limits(&self) -> score::Limits {
        **self.score_limits.load()
    }

    /// Has it told here how notifications fare.
    pub fn count_notifications(&self, count: impl Fn() -> Notifications + Send + Sync + 'static) {
        // A second way to count the same would come to the same.
        let _ = self.notifications.set(Box::new(count));
    }

    /// How notifications fare; `None`: there are none.
    #[must_use]
    pub fn notifications(&self) -> Option<Notifications> {
        self.notifications.get().map(|count| count())
    }

    /// Rises with every change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// How long the runner has been up.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.clock.now().elapsed
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// The time of day.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// The time of day at that time since the runner's start, if the clock was not set since.
    #[must_use]
    pub fn at(&self, since_start: Duration) -> Timestamp {
        let span = |span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        let now = self.clock.now();
        let ahead = span(since_start).saturating_sub(span(now.elapsed));
        now.wall.checked_add(ahead).unwrap_or(now.wall)
    }

    /// Every check, by name.
    #[must_use]
    pub fn checks(&self) -> Arc<Slots> {
        self.slots.load_full()
    }

    /// One check.
    #[must_use]
    pub fn check(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots.load().get(name).cloned()
    }

    /// Every probe and every source.
    #[must_use]
    pub fn inventory(&self) -> Arc<Inventory> {
        self.inventory.load_full()
    }

    /// Where the runner is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            phase if phase == Phase::Starting as u8 => Phase::Starting,
            phase if phase == Phase::Running as u8 => Phase::Running,
            _ => Phase::Stopping,
        }
    }

    /// How many runs are under way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How many runs wait for room among all others.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    /// How many checks are how, and the one word for it.
    #[must_use]
    pub fn tally(&self) -> (Tally, Overall) {
        let mut tally = Tally { impaired: self.components.impaired(), ..Tally::default() };
        for slot in self.slots.load().values() {
            let state = slot.look();
            tally.count(state.snapshot.counts_as(), state.info.critical);
        }
        (tally, tally.overall(self.phase()))
    }

    /// Whether every check that is watched has been examined at least once.
    #[must_use]
    pub fn all_examined(&self) -> bool {
        self.slots.load().values().all(|slot| !slot.look().snapshot.is_awaited())
    }

    /// Waits for the next change. To miss none, call before looking, and await after.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Adds and removes places, all in one step.
    pub fn arrange(&self, added: impl IntoIterator<Item = (Arc<str>, Arc<Slot>)>, removed: &[Arc<str>]) {
        let mut slots = Slots::clone(&self.slots.load());
        for name in removed {
            slots.remove(name);
        }
        slots.extend(added);
        self.slots.store(Arc::new(slots));
        self.bump();
    }

    /// Publishes a check's new state, and the run that led to it.
    pub fn publish(&self, slot: &Slot, state: CheckState, run: Option<&Run>) {
        slot.publish(state, run);
        self.bump();
    }

    /// Takes what somebody told of a check's target; `false` if its probe does not want to know.
    pub fn report(&self, slot: &Slot, report: Report) -> bool {
        let taken = slot.take_report(report);
        if taken {
            self.bump();
        }
        taken
    }

    /// The way from the check `from` to one that reads `reader`, if there is any: then neither must read the other.
    #[must_use]
    pub fn circle(&self, from: &Arc<str>, reader: &str) -> Option<Vec<Arc<str>>> {
        circle::find(&self.slots.load(), from, reader)
    }

    /// Publishes what the supervisor knows of probes and sources.
    pub fn take_inventory(&self, inventory: Inventory) {
        self.inventory.store(Arc::new(inventory));
        self.bump();
    }

    /// Moves on in the runner's life; it never goes back.
    pub fn enter(&self, phase: Phase) {
        if self.phase.fetch_max(phase as u8, Ordering::AcqRel) < phase as u8 {
            self.bump();
        }
    }

    /// Counts a run in that waits for room, until what is returned is dropped.
    pub fn run_queued(&self) -> Counted<'_> {
        Counted::new(&self.queued)
    }

    /// Counts a run in, until what is returned is dropped.
    pub fn run_started(&self, lag: Duration) -> Counted<'_> {
        self.lag.record(lag);
        Counted::new(&self.in_flight)
    }

    fn bump(&self) {
        self.version.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
    }
}

/// A run that counts as long as this is there.
pub struct Counted<'a>(&'a AtomicU64);

impl Counted<'_> {
    fn new(counter: &AtomicU64) -> Counted<'_> {
        counter.fetch_add(1, Ordering::Relaxed);
        Counted(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
