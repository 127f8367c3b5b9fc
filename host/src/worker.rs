//! The loop of one check: drives its machine, and publishes what comes of it.
//!
//! What an attempt does is none of its business: it is handed in. So all that a worker does is tested with a paused clock.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use probity_core::{
    event::Event,
    machine::{Machine, Policy, Step},
    outcome::{Attempt, Outcome, Run},
};
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::{
    board::{Board, CheckInfo, CheckState, Slot},
    clock::Clock,
    events::Events,
};

/// An attempt that is under way.
pub type Attempting<'a> = Pin<Box<dyn Future<Output = Attempt> + Send + 'a>>;

/// A leave-taking that is under way.
pub type Closing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Whatever can examine a target once.
pub trait Examine: Send + Sync {
    /// Examines the target. `state` is what the last verdict left. It must end by itself: the worker waits for it, unless
    /// somebody has the connection closed meanwhile, which drops the attempt.
    fn attempt<'a>(&'a self, state: &'a [u8]) -> Attempting<'a>;

    /// Takes leave of the target as its protocol asks, if a connection is kept open between attempts; the next attempt
    /// dials anew. It must end by itself. Whoever is dropped without it just hangs up.
    fn close(&self) -> Closing<'_> {
        Box::pin(std::future::ready(()))
    }
}

/// What a worker is to do, from now on.
#[derive(Clone)]
pub struct Assignment {
    /// The check, as it is published; its generation rises with each assignment.
    pub info: Arc<CheckInfo>,
    /// How the check lives.
    pub policy: Arc<Policy>,
    /// What examines its target.
    pub examine: Arc<dyn Examine>,
    /// The target, or what is asked of it, is another: what was learned of the old one is forgotten.
    pub afresh: bool,
}

/// Where a worker finds what is asked of it.
#[derive(Default)]
pub struct Inbox {
    mail: Mutex<Mail>,
    bell: Notify,
}

#[derive(Default)]
struct Mail {
    assignment: Option<Assignment>,
    requests: Vec<oneshot::Sender<()>>,
    stop: Option<Stop>,
}

impl Mail {
    fn outdate_a_run(&self) -> bool {
        self.assignment.is_some() || self.stop == Some(Stop::Removed)
    }
}

/// Why a worker is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// There is no such check any more: what comes of a run under way is of no interest.
    Removed,
    /// The runner stops: what comes of a run under way still counts.
    Drained,
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

    /// Asks for a run that starts from now on; what is returned is told when its result is published.
    pub fn request(&self) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        self.mail().requests.push(done);
        self.bell.notify_one();
        wait
    }

    /// Asks the worker to stop. A run under way goes on to its end.
    pub fn stop(&self, why: Stop) {
        self.mail().stop = Some(why);
        self.bell.notify_one();
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all workers share.
pub struct Shared {
    /// Where results go.
    pub board: Arc<Board>,
    /// Where events go.
    pub events: Events,
    /// The clocks.
    pub clock: Clock,
    /// A permit for each run that may be under way.
    pub room: Arc<Semaphore>,
}

/// Runs a check until its inbox says to stop. There may be a hundred thousand of these, so what is made of the arguments is
/// all that the future holds.
pub fn work(
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    inbox: Arc<Inbox>,
    first: Assignment,
) -> impl Future<Output = ()> + Send + 'static {
    let machine = Machine::new(Arc::clone(&first.policy), shared.clock.now(), fastrand::f64());
    let mut worker = Worker { machine, assignment: first, state: Vec::new(), waiting: Vec::new(), shared, slot, inbox };
    async move {
        while worker.read_mail() {
            worker.step().await;
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    inbox: Arc<Inbox>,
    assignment: Assignment,
    machine: Machine,
    state: Vec<u8>,
    /// Who wants to know when the next run that starts is published.
    waiting: Vec<oneshot::Sender<()>>,
}

impl Worker {
    /// Does what is asked; `false` is to stop.
    fn read_mail(&mut self) -> bool {
        let mail = std::mem::take(&mut *self.inbox.mail());
        if mail.stop.is_some() {
            return false;
        }
        let now = self.shared.clock.now();
        if let Some(assignment) = mail.assignment {
            if assignment.afresh {
                self.machine = Machine::new(Arc::clone(&assignment.policy), now, 0.0);
                self.state = Vec::new();
            } else {
                self.machine.adopt(Arc::clone(&assignment.policy), now);
            }
            self.assignment = assignment;
            self.publish(None);
        }
        if !mail.requests.is_empty() {
            self.machine.request(now);
            self.waiting.extend(mail.requests);
        }
        true
    }

    async fn step(&mut self) {
        let mut events = Vec::new();
        let step = self.machine.poll(self.shared.clock.now(), &mut events);
        self.tell(&events);
        match step {
            Step::Rest => self.inbox.bell.notified().await,
            Step::Wait(until) => {
                tokio::select! {
                    () = tokio::time::sleep_until(self.shared.clock.at(until)) => {}
                    () = self.inbox.bell.notified() => {}
                }
            }
            Step::Run { lag } => {
                if !events.is_empty() {
                    self.publish(None);
                }
                self.run(lag).await;
            }
        }
    }

    async fn run(&mut self, lag: std::time::Duration) {
        let clock = self.shared.clock;
        let asked = clock.now();
        // The semaphore is never closed, so there always is a permit in the end.
        let room = self.shared.room.acquire().await;
        let started = clock.now();
        let in_flight = self.shared.board.run_started(lag + (started.elapsed - asked.elapsed));
        let attempt = self.assignment.examine.attempt(&self.state).await;
        drop((in_flight, room));
        let now = clock.now();

        // The fence: what was examined is no longer what this check is.
        if self.inbox.mail().outdate_a_run() {
            return;
        }
        let run = Arc::new(Run {
            started: started.wall,
            took: now.elapsed.saturating_sub(started.elapsed),
            outcome: attempt.outcome,
            usage: attempt.usage,
        });
        if matches!(run.outcome, Outcome::Verdict(_)) {
            self.state = attempt.state;
        }
        let mut events = Vec::new();
        self.machine.finished(Arc::clone(&run), now, fastrand::f64(), &mut events);
        self.publish(Some(&run));
        self.tell(&events);
        for done in self.waiting.drain(..) {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }

    fn publish(&self, run: Option<&Run>) {
        let state = CheckState { info: Arc::clone(&self.assignment.info), snapshot: self.machine.snapshot() };
        self.shared.board.publish(&self.slot, state, run);
    }

    fn tell(&self, events: &[Event]) {
        for event in events {
            self.shared.events.tell(&self.assignment.info.name, event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::atomic::{AtomicU64, Ordering},
        time::Duration,
    };

    use probity_core::{
        backoff,
        health::{Health, Thresholds},
        outcome::{Outcome, Status, Usage, Verdict},
        schedule::{Every, Schedule},
    };

    use super::*;

    /// Does what a script says: how long each attempt takes, and what it comes to. After the script, all is well at once.
    #[derive(Default)]
    struct Script {
        steps: Mutex<VecDeque<(Duration, Status)>>,
        attempts: AtomicU64,
        states: Mutex<Vec<Vec<u8>>>,
    }

    impl Examine for Script {
        fn attempt<'a>(&'a self, state: &'a [u8]) -> Attempting<'a> {
            let (takes, status) = self.steps.lock().unwrap().pop_front().unwrap_or((Duration::ZERO, Status::Healthy));
            self.states.lock().unwrap().push(state.to_vec());
            let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
            Box::pin(async move {
                tokio::time::sleep(takes).await;
                let message = format!("attempt {attempt}").into();
                let verdict =
                    Verdict { status, message, details: vec![], measurements: vec![], latency: None, permanent: false };
                Attempt { outcome: Outcome::Verdict(verdict), usage: Usage::default(), state: vec![attempt as u8] }
            })
        }
    }

    fn script(steps: impl IntoIterator<Item = (Duration, Status)>) -> Arc<Script> {
        Arc::new(Script { steps: Mutex::new(steps.into_iter().collect()), ..Script::default() })
    }

    struct Office {
        shared: Arc<Shared>,
        slot: Arc<Slot>,
        inbox: Arc<Inbox>,
        worker: tokio::task::JoinHandle<()>,
    }

    fn assignment(examine: Arc<Script>, interval: Duration, generation: u64, afresh: bool) -> Assignment {
        let policy = Policy {
            schedule: Schedule::Every(Every::new(interval, 0.0, "check").unwrap()),
            spread: Duration::ZERO,
            thresholds: Thresholds::default(),
            backoff: backoff::Policy::default(),
            fast_interval: interval,
            down_interval: None,
        };
        let info = CheckInfo {
            name: "check".into(),
            probe: "probe".into(),
            description: String::new(),
            critical: false,
            group: None,
            labels: Default::default(),
            schedule: String::new(),
            timeout: interval,
            grants: vec![],
            generation,
            digest: None,
        };
        Assignment { info: Arc::new(info), policy: Arc::new(policy), examine, afresh }
    }

    impl Office {
        fn open(first: Assignment, room: usize) -> Office {
            let clock = Clock::new();
            let shared = Arc::new(Shared {
                board: Arc::new(Board::new("node".into(), clock)),
                events: Events::default(),
                clock,
                room: Arc::new(Semaphore::new(room)),
            });
            let machine = Machine::new(Arc::clone(&first.policy), clock.now(), 0.0);
            let state = CheckState { info: Arc::clone(&first.info), snapshot: machine.snapshot() };
            let (slot, inbox) = (Arc::new(Slot::new(state)), Arc::new(Inbox::default()));
            let worker = tokio::spawn(work(Arc::clone(&shared), Arc::clone(&slot), Arc::clone(&inbox), first));
            Office { shared, slot, inbox, worker }
        }

        fn message(&self) -> Option<String> {
            self.slot.state().snapshot.last.as_ref().map(|run| run.outcome.message().to_string())
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_check_runs_on_its_schedule_and_its_state_is_handed_on() {
        let script = script([]);
        let office = Office::open(assignment(Arc::clone(&script), SECOND, 1, true), 1);
        tokio::time::sleep(SECOND * 10).await;
        let runs = script.attempts.load(Ordering::Relaxed);
        assert!((9..=12).contains(&runs), "{runs}");
        assert_eq!(office.slot.state().snapshot.health, Health::Healthy);
        assert_eq!(office.slot.history().results().count() as u64, runs);
        assert_eq!(script.states.lock().unwrap()[..3], [vec![], vec![1], vec![2]]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_result_of_a_replaced_assignment_is_never_published() {
        let slow = script([(SECOND * 5, Status::Unhealthy)]);
        let office = Office::open(assignment(slow, SECOND, 1, true), 1);
        tokio::time::sleep(SECOND).await;
        office.inbox.assign(assignment(script([]), SECOND * 60, 2, false));
        assert_eq!(office.message(), None);
        let version = office.shared.board.version();
        tokio::time::sleep(SECOND * 5).await;
        assert!(office.shared.board.version() > version);
        let state = office.slot.state();
        assert_eq!((state.info.generation, state.snapshot.health), (2, Health::Healthy));
        assert_eq!((state.snapshot.stats.runs(), state.snapshot.stats.unhealthy), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_new_is_seen_at_once_and_what_is_another_target_starts_afresh() {
        let office = Office::open(assignment(script([]), SECOND * 3600, 1, true), 1);
        tokio::time::sleep(SECOND).await;
        office.inbox.assign(assignment(script([]), SECOND * 3600, 2, false));
        tokio::time::sleep(SECOND).await;
        assert_eq!(office.slot.state().snapshot.stats.runs(), 2);
        let other = script([]);
        office.inbox.assign(assignment(Arc::clone(&other), SECOND * 3600, 3, true));
        tokio::time::sleep(SECOND).await;
        assert_eq!(office.slot.state().snapshot.stats.runs(), 1);
        assert_eq!(other.states.lock().unwrap()[0], Vec::<u8>::new(), "what the old target left is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_answered_when_a_run_that_started_after_it_is_published() {
        let office = Office::open(assignment(script([(SECOND * 5, Status::Healthy)]), SECOND * 3600, 1, true), 1);
        tokio::time::sleep(SECOND).await;
        let asked = office.inbox.request();
        asked.await.unwrap();
        assert_eq!(office.message().as_deref(), Some("attempt 2"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_waits_for_room_and_the_wait_is_lag() {
        let office = Office::open(assignment(script([]), SECOND * 3600, 1, true), 1);
        let taken = Arc::clone(&office.shared.room).acquire_owned().await.unwrap();
        tokio::time::sleep(SECOND * 3).await;
        assert_eq!(office.slot.state().snapshot.health, Health::Pending);
        drop(taken);
        tokio::time::sleep(SECOND).await;
        assert_eq!(office.slot.state().snapshot.health, Health::Healthy);
        let (_, sum) = office.shared.board.lag.read();
        assert!(sum >= 2.9, "{sum}");
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_waits_for_the_run_under_way() {
        let mut office = Office::open(assignment(script([(SECOND * 5, Status::Healthy)]), SECOND * 3600, 1, true), 1);
        tokio::time::sleep(SECOND).await;
        let asked = office.inbox.request();
        office.inbox.stop(Stop::Drained);
        (&mut office.worker).await.unwrap();
        assert_eq!(office.message().as_deref(), Some("attempt 1"));
        assert!(asked.await.is_err(), "who asked for another run is told that there is none");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_of_a_removed_check_is_of_no_interest() {
        let mut office = Office::open(assignment(script([(SECOND * 5, Status::Healthy)]), SECOND * 3600, 1, true), 1);
        tokio::time::sleep(SECOND).await;
        office.inbox.stop(Stop::Removed);
        (&mut office.worker).await.unwrap();
        assert_eq!(office.message(), None);
    }
}
