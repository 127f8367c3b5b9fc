//! One queue a sink: messages wait in it until they are taken, the oldest first, and are tried again with growing delays.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use probity_core::{
    alert::{Item, ItemKind, Letter},
    backoff::{self, Delays},
};
use thiserror::Error;
use tokio::{sync::Notify, task::AbortHandle, time::MissedTickBehavior};

use super::{
    Alerts,
    hook::Hooks,
    sinks,
    spool::{Record, Spool},
};
use crate::{
    board::{Board, SinkFigures},
    config::{Alerting, Sink},
    events::{Events, Fact, Notice},
};

/// Why a message was not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct Failure {
    /// What happened, and what can be done about it.
    pub message: String,
    /// Whether it would be the same at any other time.
    pub permanent: bool,
    /// How long the sink wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// That it may be different another time.
    #[must_use]
    pub fn passing(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), permanent: false, retry_after: None }
    }

    /// That this message will never be taken.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Failure {
        Failure { permanent: true, ..Failure::passing(message) }
    }
}

/// Whatever takes messages.
pub(super) trait Deliver: Send + Sync {
    /// Hands a message over. Whatever this returns, or if it is dropped, the message may have arrived.
    fn deliver<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Failure>>;

    /// How often it wants to hear of all alerts that go on, if it forgets them by itself.
    fn refreshes(&self) -> Option<Duration> {
        None
    }

    /// Tells it that these go on.
    fn refresh<'a>(&'a self, _: &'a [Item]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// All queues.
pub(super) struct Post {
    world: Arc<World>,
    desks: Mutex<BTreeMap<Arc<str>, Arc<Desk>>>,
}

/// What all desks share.
struct World {
    events: Arc<Events>,
    board: Arc<Board>,
    spool: Arc<Spool>,
    hooks: Arc<dyn Hooks>,
}

/// One queue, and whoever serves it.
struct Desk {
    sink: Arc<str>,
    queue: Mutex<VecDeque<Arc<Letter>>>,
    arrived: Notify,
    most: AtomicU64,
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    error: Mutex<Option<String>>,
    server: Mutex<Option<Server>>,
}

/// Who serves a desk, and as what.
struct Server {
    sink: Arc<Sink>,
    retry_for: Duration,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Post {
    pub(super) fn new(events: Arc<Events>, board: Arc<Board>, spool: Arc<Spool>, hooks: Arc<dyn Hooks>) -> Post {
        Post { world: Arc::new(World { events, board, spool, hooks }), desks: Mutex::default() }
    }

    /// Takes back what waited when the runner ended.
    pub(super) fn restore(&self, letters: Vec<(Arc<str>, Arc<Letter>)>) {
        for (sink, letter) in letters {
            lock(&self.desk(&sink).queue).push_back(letter);
        }
    }

    /// Has each sink served as it is configured. What waits for a sink that is gone is given up.
    pub(super) async fn apply(&self, alerting: &Alerting, alerts: &Arc<Alerts>) {
        let gone: Vec<Arc<Desk>> = {
            let mut desks = lock(&self.desks);
            let gone = desks.keys().filter(|name| alerting.sink(name).is_none()).cloned().collect::<Vec<_>>();
            gone.iter().filter_map(|name| desks.remove(name)).collect()
        };
        for desk in gone {
            *lock(&desk.server) = None;
            let left: Vec<_> = lock(&desk.queue).drain(..).collect();
            for letter in left {
                self.world.give_up(&desk, &letter, "there is no such sink any more").await;
            }
        }
        for sink in &alerting.sinks {
            let desk = self.desk(&sink.name);
            desk.most.store(alerting.max_queued as u64, Ordering::Relaxed);
            let mut server = lock(&desk.server);
            if server.as_ref().is_some_and(|old| old.sink == *sink && old.retry_for == alerting.retry_for) {
                continue;
            }
            let deliver = sinks::make(sink, &self.world.board.node_id, &self.world.hooks);
            let (world, own, alerts) = (Arc::clone(&self.world), Arc::clone(&desk), Arc::downgrade(alerts));
            let serving = serve(world, own, deliver, Arc::clone(sink), alerting.retry_for, alerts);
            let task = tokio::spawn(serving).abort_handle();
            *server = Some(Server { sink: Arc::clone(sink), retry_for: alerting.retry_for, task });
        }
    }

    /// Queues messages. Where that are too many, the oldest are given up.
    pub(super) async fn send(&self, letters: Vec<(Arc<str>, Arc<Letter>)>) {
        for (sink, letter) in letters {
            let desk = self.desk(&sink);
            let oldest = {
                let mut queue = lock(&desk.queue);
                queue.push_back(letter);
                let most = desk.most.load(Ordering::Relaxed);
                // The first is on its way, and may arrive any moment.
                let next = usize::from(queue.len() > 1);
                if queue.len() as u64 > most { queue.remove(next) } else { None }
            };
            desk.arrived.notify_one();
            if let Some(oldest) = oldest {
                self.world.give_up(&desk, &oldest, "too many wait for this sink, see `notify.max_queued`").await;
            }
        }
    }

    pub(super) fn figures(&self) -> Vec<SinkFigures> {
        lock(&self.desks)
            .values()
            .map(|desk| SinkFigures {
                sink: Arc::clone(&desk.sink),
                sent: desk.sent.load(Ordering::Relaxed),
                failed: desk.failed.load(Ordering::Relaxed),
                dropped: desk.dropped.load(Ordering::Relaxed),
                queued: lock(&desk.queue).len() as u64,
            })
            .collect()
    }

    /// Which queue is full, if one is.
    pub(super) fn trouble(&self) -> Option<String> {
        let desks = lock(&self.desks);
        let full = desks.values().find(|desk| lock(&desk.queue).len() as u64 >= desk.most.load(Ordering::Relaxed));
        full.map(|desk| {
            let why = lock(&desk.error).clone().unwrap_or_else(|| "it is too slow".to_owned());
            format!("the queue of the sink `{}` is full, and the oldest messages are given up: {why}", desk.sink)
        })
    }

    fn desk(&self, sink: &Arc<str>) -> Arc<Desk> {
        let mut desks = lock(&self.desks);
        let desk = desks.entry(Arc::clone(sink)).or_insert_with(|| {
            Arc::new(Desk {
                sink: Arc::clone(sink),
                queue: Mutex::default(),
                arrived: Notify::new(),
                most: AtomicU64::new(u64::MAX),
                sent: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
                error: Mutex::default(),
                server: Mutex::default(),
            })
        });
        Arc::clone(desk)
    }
}

impl World {
    async fn give_up(&self, desk: &Desk, letter: &Letter, why: &str) {
        desk.dropped.fetch_add(1, Ordering::Relaxed);
        self.spool.append(vec![Record::done(&desk.sink, &letter.id)]).await;
        self.failed(desk, letter, why, true);
    }

    fn failed(&self, desk: &Desk, letter: &Letter, error: &str, dropped: bool) {
        let notice = Notice::DeliveryFailed {
            sink: Arc::clone(&desk.sink),
            id: Arc::clone(&letter.id),
            title: letter.title.clone(),
            error: error.to_owned(),
            dropped,
        };
        self.events.tell(self.board.wall(), Fact::Notice(notice));
    }
}

impl Desk {
    /// The message to hand over next; waits for one.
    async fn front(&self) -> Arc<Letter> {
        loop {
            let arrived = self.arrived.notified();
            if let Some(letter) = lock(&self.queue).front().cloned() {
                return letter;
            }
            arrived.await;
        }
    }

    /// Takes a message out, if it was not given up meanwhile.
    fn take(&self, id: &str) {
        lock(&self.queue).retain(|letter| *letter.id != *id);
    }
}

/// Hands over what waits at a desk, one after the other, for ever.
async fn serve(
    world: Arc<World>,
    desk: Arc<Desk>,
    deliver: Box<dyn Deliver>,
    sink: Arc<Sink>,
    retry_for: Duration,
    alerts: Weak<Alerts>,
) {
    let policy = backoff::Policy::default();
    let mut delays = Delays::default();
    let mut refreshes = deliver.refreshes().map(|every| {
        let mut interval = tokio::time::interval(every);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    });
    loop {
        let refresh = async {
            match &mut refreshes {
                Some(interval) => interval.tick().await,
                None => std::future::pending().await,
            }
        };
        let letter = tokio::select! {
            letter = desk.front() => letter,
            _ = refresh => {
                let Some(alerts) = alerts.upgrade() else { return };
                let told = alerts.told_to(&sink.name);
                drop(alerts);
                if !told.is_empty() {
                    // If this one does not arrive, the next does; what matters more waits in the queue.
                    let _ = tokio::time::timeout(sink.timeout, deliver.refresh(&told)).await;
                }
                continue;
            }
        };
        let delivered = tokio::time::timeout(sink.timeout, deliver.deliver(&letter)).await;
        let failure = match delivered {
            Ok(Ok(())) => {
                desk.sent.fetch_add(1, Ordering::Relaxed);
                *lock(&desk.error) = None;
                delays = Delays::default();
                desk.take(&letter.id);
                world.spool.append(vec![Record::done(&desk.sink, &letter.id)]).await;
                continue;
            }
            Ok(Err(failure)) => failure,
            Err(_) => Failure::passing(format!("it was not taken within {:?}", sink.timeout)),
        };
        desk.failed.fetch_add(1, Ordering::Relaxed);
        let is_first = lock(&desk.error).replace(failure.message.clone()).is_none();
        let retry_for = SignedDuration::try_from(retry_for).unwrap_or(SignedDuration::MAX);
        let too_old = world.board.wall().duration_since(letter.time) >= retry_for;
        if failure.permanent || too_old {
            desk.take(&letter.id);
            world.give_up(&desk, &letter, &failure.message).await;
            if failure.permanent {
                // It was about this message alone: what happens to the next is an outage of its own.
                *lock(&desk.error) = None;
            }
            continue;
        }
        // Of an outage, the first failure is told, and not each.
        if is_first {
            world.failed(&desk, &letter, &failure.message, false);
        }
        let delay = delays.next(&policy, fastrand::f64()).unwrap_or_default();
        tokio::time::sleep(failure.retry_after.map_or(delay, |after| after.max(delay))).await;
    }
}

impl Alerts {
    /// What a sink was told of and goes on.
    fn told_to(&self, sink: &str) -> Vec<Item> {
        let now = self.board.wall();
        let keeper = self.keeper();
        let rules = keeper.policy().rules.iter().filter(|rule| rule.sinks.iter().any(|name| **name == *sink));
        let rules: Vec<&Arc<str>> = rules.map(|rule| &rule.name).collect();
        let told = keeper.alerts().values().filter(|alert| {
            rules.iter().any(|rule| alert.rules.get(*rule).is_some_and(|standing| standing.told.is_some()))
        });
        told.map(|alert| Item::of(alert, ItemKind::Reminder, &alert.message, now)).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
