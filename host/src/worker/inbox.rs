//! Where a worker finds what is asked of it, and where it is found by whoever asks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use probity_core::{
    machine::{Acquired, Command},
    outcome::Run,
};
use tokio::sync::{Notify, oneshot};

use super::Assignment;

/// What a worker can be asked for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A run that starts from now on; answered when its outcome is published.
    Run,
    /// The connection; answered once it is there or known not to be.
    Acquire,
    /// This; answered when it is done and published, and for [`Command::Connect`] when the target has been examined.
    Command(Command),
    /// To take in what a call of somebody else came to: a verdict.
    Report {
        /// The call.
        run: Arc<Run>,
        /// That of the circuit that let it through, if that is known.
        generation: Option<u64>,
    },
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// How it stands with the connection. It is never [`Acquired::Wait`].
    Acquired(Acquired),
}

/// Why a worker is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// There is no such check any more: what comes of a run under way is of no interest.
    Removed,
    /// The runner stops: what comes of a run under way still counts.
    Drained,
}

/// Where a worker finds what is asked of it.
#[derive(Default)]
pub struct Inbox {
    mail: Mutex<Mail>,
    bell: Notify,
}

#[derive(Default)]
pub(super) struct Mail {
    pub(super) assignment: Option<Assignment>,
    pub(super) asks: Vec<(Ask, oneshot::Sender<Answer>)>,
    pub(super) stop: Option<Stop>,
}

impl Inbox {
    /// Replaces the assignment. A run under way goes on to its end under the old one, and its result is dropped.
    pub fn assign(&self, assignment: Assignment) {
        let mut mail = self.mail();
        let afresh = mail.assignment.as_ref().is_some_and(|unread| unread.afresh);
        mail.assignment = Some(Assignment { afresh: assignment.afresh || afresh, ..assignment });
        drop(mail);
        self.bell.notify_one();
    }

    /// Asks for something. What is returned tells what came of it, or fails if the worker stops.
    pub fn ask(&self, ask: Ask) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        let mut mail = self.mail();
        if mail.stop.is_none() {
            mail.asks.push((ask, reply));
        }
        drop(mail);
        self.bell.notify_one();
        answer
    }

    /// Asks the worker to stop. A run under way goes on to its end.
    pub fn stop(&self, why: Stop) {
        let mut mail = self.mail();
        mail.stop = Some(why);
        // Those who asked are told by it that nobody will answer.
        mail.asks.clear();
        drop(mail);
        self.bell.notify_one();
    }

    /// Waits until there is something new.
    pub(super) async fn rings(&self) {
        self.bell.notified().await;
    }

    /// All that there is, but that it is to stop stays known.
    pub(super) fn take(&self) -> Mail {
        let mut mail = self.mail();
        let stop = mail.stop;
        std::mem::replace(&mut *mail, Mail { stop, ..Mail::default() })
    }

    pub(super) fn take_asks(&self) -> Vec<(Ask, oneshot::Sender<Answer>)> {
        std::mem::take(&mut self.mail().asks)
    }

    /// Whether what comes of a run that is under way is of no interest any more.
    pub(super) fn outdates_a_run(&self) -> bool {
        let mail = self.mail();
        mail.assignment.is_some() || mail.stop == Some(Stop::Removed)
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The inboxes of all workers, by the names of their checks.
#[derive(Default)]
pub struct Inboxes(RwLock<BTreeMap<Arc<str>, Arc<Inbox>>>);

impl Inboxes {
    /// That of one check.
    #[must_use]
    pub fn find(&self, check: &str) -> Option<Arc<Inbox>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(check).cloned()
    }

    /// Adds one.
    pub fn add(&self, check: Arc<str>, inbox: Arc<Inbox>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(check, inbox);
    }

    /// Removes one.
    pub fn remove(&self, check: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(check);
    }
}
