//! The place on the board that belongs to one check.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use probity_core::{
    history::History,
    outcome::Run,
    report::{Kind, Report, Reports},
    score,
    time::{Now, nanoseconds},
};

use super::CheckState;

/// The place on the board that belongs to one check.
#[derive(Debug)]
pub struct Slot {
    state: ArcSwap<CheckState>,
    history: Mutex<History>,
    /// When somebody asked for the connection last, in nanoseconds since the runner's start.
    touched: AtomicU64,
    /// What others told of its target; `None` if its probe does not want to know.
    reports: Mutex<Option<Box<Reports>>>,
    /// They changed since somebody asked for what changed.
    heard: AtomicBool,
    /// How late its last run started, in nanoseconds.
    lag: AtomicU64,
    /// The checks that its probe has read since it was given to it, or at its latest run that read any.
    reads: Mutex<Vec<Arc<str>>>,
}

impl Slot {
    /// A place with its first state.
    #[must_use]
    pub fn new(state: CheckState) -> Slot {
        Slot::resumed(state, History::default())
    }

    /// A place with its first state, of a check that has a past.
    #[must_use]
    pub fn resumed(state: CheckState, history: History) -> Slot {
        Slot {
            state: ArcSwap::from_pointee(state),
            history: Mutex::new(history),
            touched: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            reports: Mutex::default(),
            heard: AtomicBool::new(false),
            reads: Mutex::default(),
        }
    }

    /// Its next run started so late.
    pub fn started(&self, lag: Duration) {
        self.lag.store(nanoseconds(lag), Ordering::Relaxed);
    }

    /// How late its last run started.
    #[must_use]
    pub fn lag(&self) -> Duration {
        Duration::from_nanos(self.lag.load(Ordering::Relaxed))
    }

    /// Somebody asked for the connection at this time since the runner's start. Its worker need not be woken for it.
    pub fn touch(&self, at: Duration) {
        self.touched.fetch_max(nanoseconds(at), Ordering::Relaxed);
    }

    /// When somebody asked for the connection last, as time since the runner's start.
    #[must_use]
    pub fn touched(&self) -> Duration {
        Duration::from_nanos(self.touched.load(Ordering::Relaxed))
    }

    /// The latest state.
    #[must_use]
    pub fn state(&self) -> Arc<CheckState> {
        self.state.load_full()
    }

    /// The latest state, for a moment.
    pub(super) fn look(&self) -> Guard<Arc<CheckState>> {
        self.state.load()
    }

    /// A copy of the latest results.
    #[must_use]
    pub fn history(&self) -> History {
        lock(&self.history).clone()
    }

    /// How well its target does, from 0 to 1; `None` while it is pending.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        let state = self.state.load();
        let fall = state.info.policy.thresholds.fall.get();
        score::of_check(&state.snapshot, fall, lock(&self.history).results())
    }

    pub(super) fn publish(&self, state: CheckState, run: Option<&Run>) {
        if let Some(run) = run {
            lock(&self.history).push(run);
        }
        self.state.store(Arc::new(state));
    }

    /// What others told of the target; `None` if the check's probe does not want to know.
    #[must_use]
    pub fn reports(&self) -> Option<Reports> {
        lock(&self.reports).as_deref().cloned()
    }

    /// How many reports there were of each kind, by [`Kind::index`]; `None` if none are taken.
    #[must_use]
    pub fn reported(&self) -> Option<[u64; Kind::ALL.len()]> {
        lock(&self.reports).as_deref().map(Reports::counts)
    }

    /// What others told of the target, if that changed since this was asked last; within, `None` if the check's probe does not want to
    /// know.
    #[must_use]
    pub fn heard(&self) -> Option<Option<Reports>> {
        self.heard.swap(false, Ordering::AcqRel).then(|| self.reports())
    }

    /// Takes reports from now on, and goes on taking them if it did before.
    pub fn listen(&self, now: Now) {
        self.change_reports(|reports| {
            reports.get_or_insert_with(|| Box::new(Reports::new(now)));
        });
    }

    /// Goes on with the reports that there were before those that there are.
    pub fn recall_reports(&self, earlier: Reports) {
        self.change_reports(|reports| {
            let since = reports.take().map(|since| *since);
            *reports = Some(Box::new(match since {
                Some(since) => since.after(earlier),
                None => earlier,
            }));
        });
    }

    /// Takes no reports any more, and forgets those that there were.
    pub fn listen_no_more(&self) {
        self.change_reports(|reports| *reports = None);
    }

    /// Forgets the reports that there were, if any are taken.
    pub fn forget_reports(&self, now: Now) {
        self.change_reports(|reports| {
            if let Some(reports) = reports {
                **reports = Reports::new(now);
            }
        });
    }

    /// `false` if the check's probe does not want to know.
    pub(super) fn take_report(&self, report: Report) -> bool {
        self.change_reports(|reports| reports.as_deref_mut().map(|reports| reports.take(report)).is_some())
    }

    fn change_reports<T>(&self, change: impl FnOnce(&mut Option<Box<Reports>>) -> T) -> T {
        let changed = change(&mut lock(&self.reports));
        self.heard.store(true, Ordering::Release);
        changed
    }

    /// Its probe has read these checks. `anew`: at the beginning of a run, which makes what it read before of no interest.
    pub fn has_read(&self, checks: impl IntoIterator<Item = Arc<str>>, anew: bool) {
        let mut reads = lock(&self.reads);
        if anew {
            reads.clear();
        }
        reads.extend(checks);
    }

    /// Forgets which checks its probe has read: it may be another one now, or told to read others.
    pub fn forget_reads(&self) {
        lock(&self.reads).clear();
    }

    pub(super) fn reads(&self) -> Vec<Arc<str>> {
        lock(&self.reads).clone()
    }
}

/// What is guarded is whole at any time, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
