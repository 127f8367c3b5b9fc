//! Who hears of what happens to a connection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use probity_core::event::Event;
use thiserror::Error;
use tokio::{sync::watch, task::AbortHandle};

use super::ConnectionManager;
use crate::events::{Followed, Follower, Gap, Record};

/// There are no events of this kind.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there are no events `{0}`; there are {known}", known = Event::KINDS.join(", "))]
pub struct UnknownKind(String);

/// A listener's place. To drop it changes nothing: the listener stays until it is [removed](Subscription::remove), or the
/// connection ends.
#[derive(Debug)]
pub struct Subscription {
    removed: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Subscription {
    /// Removes the listener. If it is being called just now, on another thread, that call still ends.
    pub fn remove(self) {
        self.removed.store(true, Ordering::Release);
        self.task.abort();
    }
}

impl ConnectionManager {
    /// Has `listener` called for each event of one [kind](Event::KINDS) from now on, in order. It is called beside the
    /// connection and beside other listeners, and so keeps nobody waiting; one that falls 64 events behind misses
    /// some. One that panics harms nobody, and is called again for the next event. One that holds a handle keeps its own
    /// connection alive until it is removed, or the connection is shut down.
    ///
    /// # Errors
    ///
    /// There is no such kind.
    pub fn on(&self, kind: &str, listener: impl FnMut(&Record) + Send + 'static) -> Result<Subscription, UnknownKind> {
        let kind = Event::KINDS.into_iter().find(|known| *known == kind).ok_or_else(|| UnknownKind(kind.to_owned()))?;
        Ok(self.listen(Some(kind), listener))
    }

    /// Has `listener` called for each event from now on; all else is as of [`on`](Self::on).
    pub fn on_any(&self, listener: impl FnMut(&Record) + Send + 'static) -> Subscription {
        self.listen(None, listener)
    }

    /// Each event from now on, until the connection ends. Who reads too slowly misses some, which shows in the numbers of the
    /// records. The stream does not keep the connection alive.
    #[must_use]
    pub fn events(&self) -> BoxStream<'static, Arc<Record>> {
        stream::unfold(self.follow(), async |mut follower| {
            loop {
                match follower.next().await {
                    Followed::Event(record) => return Some((record, follower)),
                    Followed::Gap(_) => {}
                    Followed::End => return None,
                }
            }
        })
        .boxed()
    }

    fn follow(&self) -> Follower {
        self.life.events.follow(self.life.events.last())
    }

    fn listen(&self, kind: Option<&'static str>, listener: impl FnMut(&Record) + Send + 'static) -> Subscription {
        let removed = Arc::new(AtomicBool::new(false));
        let hear = hear(self.life.name(), self.follow(), kind, listener, Arc::clone(&removed));
        let listening = self.life.listening.subscribe();
        let task = self.life.runtime.spawn(while_listening(hear, listening)).abort_handle();
        Subscription { removed, task }
    }
}

/// Holds the place of a listener until it has heard all.
async fn while_listening(hear: impl Future<Output = ()>, listening: watch::Receiver<()>) {
    hear.await;
    drop(listening);
}

async fn hear(
    name: Arc<str>,
    mut follower: Follower,
    kind: Option<&'static str>,
    mut listener: impl FnMut(&Record),
    removed: Arc<AtomicBool>,
) {
    let mut told = false;
    loop {
        let record = match follower.next().await {
            Followed::Event(record) => record,
            Followed::Gap(gap) => {
                if let Gap::Expired(numbers) = gap {
                    let (from, to) = numbers.into_inner();
                    tracing::warn!(check = &*name, "a listener was too slow for the events {from} to {to}");
                }
                continue;
            }
            Followed::End => return,
        };
        if removed.load(Ordering::Acquire) {
            return;
        }
        if kind.is_some_and(|kind| kind != record.fact.kind()) {
            continue;
        }
        let called = catch_unwind(AssertUnwindSafe(|| listener(&record)));
        if called.is_err() && !std::mem::replace(&mut told, true) {
            let kind = record.fact.kind();
            tracing::error!(
                check = &*name,
                kind,
                "a listener panicked; it is called again, and this is not said again"
            );
        }
    }
}
