//! Who is told of trouble: follows the events, keeps the alerts, and has messages delivered.
//!
//! Nobody waits for it but whoever acknowledges or silences: it reads the event log and the board as any other reader does. What
//! it must not forget lies in the [`spool`] before anybody is told of it, and a message stays there until its sink has taken it.

mod delivery;
mod follow;
mod hook;
mod parents;
mod sinks;
mod spool;
mod web;
mod words;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use probity_core::alert::{Acknowledgement, Alert, Family, Keeper, Letter, Message, Silence, Told};
use tokio::sync::{Notify, watch};

pub use self::{
    delivery::Failure,
    follow::follow,
    hook::{Call, Hooks, NoHooks},
    parents::{NoRuns, RunChecks},
    sinks::test,
};
use self::{
    delivery::Post,
    spool::{Recalled, Record, Spool},
};
use crate::{
    board::{Board, Component, Notifications},
    config::Alerting,
    events::{Events, Fact, Notice},
};

/// What is in force, as the configuration has it: it changes while the runner runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InForce {
    /// The rules and sinks.
    pub alerting: Arc<Alerting>,
    /// Which checks depend on which.
    pub family: Arc<Family>,
}

/// All alerts of a runner, and what is told of them.
pub struct Alerts {
    board: Arc<Board>,
    events: Arc<Events>,
    /// The last event of earlier lives of the runner, of which nobody is told any more.
    before: u64,
    keeper: Mutex<Keeper>,
    post: Post,
    spool: Arc<Spool>,
    /// Held from a change to when it is on disk: what was written last is what is true.
    turn: tokio::sync::Mutex<()>,
    /// Something is due at another time than it was.
    changed: Notify,
    /// There is something that is not on disk yet, and may wait.
    unsaved: AtomicBool,
    in_force: watch::Sender<InForce>,
    /// What was told last of how notifications themselves fare.
    standing: Mutex<Option<String>>,
}

impl Alerts {
    /// The alerts of a runner that keeps them in this folder, and recalls what it finds there. `None`: they end with the runner.
    ///
    /// A folder that can't be used is no reason to tell nobody: what it would hold is kept in memory, and that is told.
    #[must_use]
    pub fn new(
        board: Arc<Board>,
        events: Arc<Events>,
        folder: Option<&Path>,
        in_force: InForce,
        hooks: Arc<dyn Hooks>,
    ) -> Arc<Alerts> {
        let (spool, recalled) = Spool::open(folder);
        let now = board.wall();
        let mut keeper = Keeper::new(Arc::clone(&in_force.alerting.policy), Arc::clone(&in_force.family));
        let mut told = Told::default();
        if let Some(memory) = recalled.memory {
            keeper.recall(memory, now, &mut told);
        }
        let spool = Arc::new(spool);
        let post = Post::new(Arc::clone(&events), Arc::clone(&board), Arc::clone(&spool), hooks);
        post.restore(recalled.letters);
        let alerts = Alerts {
            before: events.last(),
            board,
            events,
            keeper: Mutex::new(keeper),
            post,
            spool,
            turn: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            unsaved: AtomicBool::new(false),
            in_force: watch::Sender::new(in_force),
            standing: Mutex::default(),
        };
        alerts.tell(now, told.happened);
        Arc::new(alerts)
    }

    /// The alerts of a runner that tells nobody of them.
    #[must_use]
    pub fn untold(board: Arc<Board>, events: Arc<Events>) -> Arc<Alerts> {
        Alerts::new(board, events, None, InForce::default(), Arc::new(NoHooks))
    }

    /// Takes over another configuration, if it is one.
    pub fn adopt(&self, in_force: InForce) {
        self.in_force.send_if_modified(|old| {
            let other = *old != in_force;
            *old = in_force;
            other
        });
    }

    /// Every alert, by the name of its check.
    #[must_use]
    pub fn list(&self) -> BTreeMap<Arc<str>, Alert> {
        self.keeper().alerts().clone()
    }

    /// Every silence, by its id.
    #[must_use]
    pub fn silences(&self) -> BTreeMap<String, Silence> {
        self.keeper().silences().clone()
    }

    /// The alert of that id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Alert> {
        self.keeper().alerts().values().find(|alert| *alert.id == *id).cloned()
    }

    /// Takes in that somebody takes care of an alert; `false` if there is none of that id. It is on disk when this returns.
    pub async fn acknowledge(&self, id: &str, acknowledgement: Acknowledgement) -> bool {
        self.change(|keeper, now, told| keeper.acknowledge(id, acknowledgement, now, told)).await
    }

    /// Takes back, as somebody says, that somebody takes care of an alert; `false` if nobody does. It is on disk when this returns.
    pub async fn disown(&self, id: &str, by: &str) -> bool {
        self.change(|keeper, now, told| keeper.disown(id, by, now, told)).await
    }

    /// Silences some checks. It is on disk when this returns.
    pub async fn silence(&self, silence: Silence) {
        self.change(|keeper, now, told| keeper.silence(silence, now, told)).await;
    }

    /// Ends a silence, as somebody says; `false` if there is none of that id. It is on disk when this returns.
    pub async fn unsilence(&self, id: &str, by: &str) -> bool {
        self.change(|keeper, now, told| keeper.unsilence(id, by, now, told)).await
    }

    /// How it all fares, in numbers.
    #[must_use]
    pub fn figures(&self) -> Notifications {
        let (alerts, silences) = {
            let keeper = self.keeper();
            (keeper.alerts().len() as u64, keeper.silences().len() as u64)
        };
        Notifications { alerts, silences, sinks: self.post.figures() }
    }

    /// What is wrong with the notifications themselves, for the runner's own health; `None`: nothing.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.spool.trouble().or_else(|| self.post.trouble())
    }

    /// Tells the board how notifications themselves fare, if that changed. Where there are none, there is nothing to tell.
    fn tell_standing(&self) {
        let trouble = self.trouble();
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() && standing.is_none() && self.in_force.borrow().alerting.sinks.is_empty() {
            return;
        }
        let healthy = trouble.is_none();
        let message = trouble.unwrap_or_else(|| "messages are kept until they are taken".to_owned());
        if standing.as_ref() != Some(&message) {
            *standing = Some(message.clone());
            self.board.take_component("notifications", Component { healthy, message });
        }
    }

    /// Changes something at somebody's wish, and waits until it is on disk.
    async fn change<T>(&self, act: impl FnOnce(&mut Keeper, Timestamp, &mut Told) -> T) -> T {
        let result = self.act(true, act).await;
        self.changed.notify_one();
        result
    }

    /// Does something, tells what comes of it, and writes down what must not be forgotten: at once if there are messages, or
    /// somebody waits for it.
    async fn act<T>(&self, save: bool, act: impl FnOnce(&mut Keeper, Timestamp, &mut Told) -> T) -> T {
        let _turn = self.turn.lock().await;
        let now = self.board.wall();
        let mut told = Told::default();
        let (result, memory) = {
            let mut keeper = self.keeper();
            let result = act(&mut keeper, now, &mut told);
            keeper.poll(now, &mut told);
            let at_once = !told.messages.is_empty() || save;
            self.unsaved.store(!at_once, Ordering::Relaxed);
            (result, at_once.then(|| keeper.take_changes().map(Record::memory)).flatten())
        };
        let letters = self.letters(&told.messages);
        // The messages come before the memory that they were told: where writing ends in the middle, they are told once more.
        let queued = letters.iter().map(|(sink, letter)| Record::queued(sink, letter));
        let records: Vec<Record> = queued.chain(memory).collect();
        if !records.is_empty() {
            self.spool.append(records).await;
        }
        self.tell(now, told.happened);
        self.post.send(letters).await;
        result
    }

    /// Has what could not be written down tried again, and takes in what could not be read at the start.
    async fn mend(&self) {
        if self.spool.trouble().is_none() {
            return;
        }
        let Recalled { memory, letters } = self.spool.mend().await;
        if let Some(memory) = memory {
            self.act(false, |keeper, now, told| keeper.recall(memory, now, told)).await;
        }
        self.post.send(letters).await;
    }

    /// Writes down what was left for later.
    async fn save(&self) {
        if self.unsaved.load(Ordering::Relaxed) {
            self.act(true, |_, _, _| ()).await;
        }
    }

    /// A letter for each sink of each message.
    fn letters(&self, messages: &[Message]) -> Vec<(Arc<str>, Arc<Letter>)> {
        let mut letters = Vec::new();
        for message in messages {
            let mut letter = Letter::new(new_id(), &self.board.node_id, message);
            let info = letter
                .check
                .as_ref()
                .and_then(|check| self.board.check(check))
                .map(|slot| Arc::clone(&slot.state().info));
            letter.description = info.map(|info| info.description.clone()).filter(|said| !said.is_empty());
            let letter = Arc::new(letter);
            letters.extend(message.sinks.iter().map(|sink| (Arc::clone(sink), Arc::clone(&letter))));
        }
        letters
    }

    fn tell(&self, now: Timestamp, happened: Vec<probity_core::alert::Happening>) {
        for happening in happened {
            self.events.tell(now, Fact::Notice(Notice::Alert(happening)));
        }
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name for a message, which no other has: 128 random bits, as of a UUID.
#[must_use]
pub fn new_id() -> Arc<str> {
    format!("msg_{:032x}", fastrand::u128(..)).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_core::{
        alert::{Policy, Rule, Subject},
        health::Health,
    };

    use super::*;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_message_is_on_disk_before_it_is_remembered_as_told() {
        let folder = tempfile::tempdir().unwrap();
        let board = Arc::new(Board::new("node".into(), Clock::new()));
        let events = Arc::new(Events::new(board.started, 10));
        let rules = vec![Rule::new("page", ["ops", "others"])];
        let policy = Policy { rules, window: std::time::Duration::ZERO, ..Policy::default() };
        let alerting = Alerting { policy: policy.into(), ..Alerting::default() };
        let in_force = InForce { alerting: alerting.into(), ..InForce::default() };
        let alerts = Alerts::new(board, events, Some(folder.path()), in_force, Arc::new(NoHooks));
        let (check, message) = (Subject::new("orders-db"), "connection refused".into());
        alerts.act(false, |keeper, now, told| keeper.observe(&check, Health::Unhealthy, &message, now, told)).await;
        drop(alerts);

        // Wherever writing may have ended, nothing is remembered as told that is not there to be sent.
        let text = std::fs::read_to_string(folder.path().join("notifications.log")).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let told = |lines: &[&str]| lines.iter().any(|line| line.contains("\"told\":{"));
        assert!(told(&lines), "{text}");
        for end in 0..lines.len() {
            let part = tempfile::tempdir().unwrap();
            std::fs::write(part.path().join("notifications.log"), lines[..end].concat()).unwrap();
            let (_, recalled) = Spool::open(Some(part.path()));
            assert!(recalled.letters.len() == 2 || !told(&lines[..end]), "the first {end} lines of {text}");
        }
    }
}
