//! The life of a connection: what its handles share, and the task that goes on for as long as there is one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join};
use probity_core::{
    machine::{Command, Policy},
    time::Now,
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
};

use super::Error;
use crate::{
    board::{Board, CheckInfo, CheckState, Slot},
    clock::Clock,
    events::Events,
    worker::{self, Answer, Ask, Assignment, Examine, Inbox, Inboxes, Shared, Stop},
};

/// How many events are kept for those who are behind. An outage has about eight; and many connections that each keep a long
/// log of their troubles would take more memory than all else about them.
const EVENTS: usize = 64;
/// What stands where a check of the runner has the name of its probe.
const PROBE: &str = "embedded";

/// What the handles of a connection share. When it is dropped, the connection is disconnected.
pub(super) struct Life {
    pub(super) name: Arc<str>,
    pub(super) slot: Arc<Slot>,
    pub(super) events: Arc<Events>,
    /// Where it lives.
    pub(super) runtime: Handle,
    /// Each listener holds a receiver of it, for as long as it has something to hear.
    pub(super) listening: watch::Sender<()>,
    inbox: Arc<Inbox>,
    clock: Clock,
    /// Its life ends when this is `true`, or is dropped.
    closing: watch::Sender<bool>,
    /// Its life is over when what sends to this is dropped.
    ended: watch::Receiver<()>,
}

impl Life {
    /// Begins one.
    pub(super) fn begin(
        runtime: Handle,
        name: Arc<str>,
        policy: Policy,
        timeout: Duration,
        examine: Arc<dyn Examine>,
    ) -> Arc<Life> {
        let clock = Clock::new();
        let policy = Arc::new(policy);
        let info = Arc::new(CheckInfo {
            name: Arc::clone(&name),
            probe: PROBE.to_owned(),
            description: String::new(),
            critical: false,
            group: None,
            labels: BTreeMap::new(),
            policy: Arc::clone(&policy),
            timeout,
            limits: None,
            grants: Vec::new(),
            generation: 1,
            digest: None,
        });
        let board = Arc::new(Board::new(String::new(), clock));
        let events = Arc::new(Events::new(board.started, EVENTS));
        let shared = Arc::new(Shared {
            board,
            events: Arc::clone(&events),
            inboxes: Inboxes::default(),
            clock,
            room: Arc::new(Semaphore::new(1)),
            record: None,
        });
        let inbox = Arc::new(Inbox::default());
        let (closing, told) = watch::channel(false);
        let (ending, ended) = watch::channel(());
        let first = Assignment { info: Arc::clone(&info), policy, examine, afresh: true, target: 0 };
        let life = worker::life(&shared, &first, fastrand::f64());
        let slot = Arc::new(Slot::new(CheckState { info, snapshot: life.0.snapshot() }));
        let work = worker::work(shared, Arc::clone(&slot), Arc::clone(&inbox), first, life);
        runtime.spawn(live(work, Arc::clone(&inbox), Arc::clone(&events), told, ending));
        let listening = watch::Sender::new(());
        Arc::new(Life { name, slot, events, runtime, listening, inbox, clock, closing, ended })
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    /// The time since it began.
    pub(super) fn uptime(&self) -> Duration {
        self.now().elapsed
    }

    /// How long nobody has made use of the connection.
    pub(super) fn inactive_for(&self) -> Duration {
        let last = self.slot.touched().max(self.slot.state().snapshot.activity.last());
        self.uptime().saturating_sub(last)
    }

    /// Asks the worker for something.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Answer, Error> {
        let mut ended = self.ended.clone();
        let answer = tokio::select! {
            biased;
            answer = self.inbox.ask(ask) => answer.ok(),
            // A worker whose runtime is gone can't say that it stops.
            _ = ended.changed() => None,
        };
        answer.ok_or_else(|| Error::ShutDown { name: self.name() })
    }

    /// Whether it goes on.
    pub(super) fn is_going_on(&self) -> bool {
        !*self.closing.borrow() && self.ended.has_changed().is_ok()
    }

    /// Ends it, and waits for its end.
    pub(super) async fn shutdown(&self) {
        self.closing.send_replace(true);
        // Nothing is ever sent: it fails when the sender is dropped, which is what is waited for.
        let _ = self.ended.clone().changed().await;
        self.listening.closed().await;
    }
}

/// All of it in one future. What is made of the arguments is all that it holds: there may be many of these.
fn live(
    work: impl Future<Output = ()>,
    inbox: Arc<Inbox>,
    events: Arc<Events>,
    mut closing: watch::Receiver<bool>,
    ending: watch::Sender<()>,
) -> impl Future<Output = ()> {
    let leave = async move {
        // It fails if the last handle was dropped, which is to be told the same.
        let _ = closing.wait_for(|closing| *closing).await;
        // First, so that whoever listens hears of it. The worker stops at no other word, so it answers.
        let _ = inbox.ask(Ask::Command(Command::Disconnect)).await;
        inbox.stop(Stop::Removed);
    };
    join(work, leave).map(move |_| {
        events.close();
        drop(ending);
    })
}
