//! The loop of one check: drives its machine, answers what is asked of it, and publishes what comes of it.
//!
//! What an attempt does is none of its business: it is handed in. So all that a worker does is tested with a paused clock.

mod beginning;
mod inbox;
#[cfg(test)]
mod tests;

use std::{
    pin::{Pin, pin},
    sync::Arc,
};

use probity_core::{
    connection::State,
    event::Event,
    machine::{Acquired, Command, Machine, Policy, Step},
    outcome::{Attempt, Outcome, Run, Trace},
    report::Reports,
    time::Now,
};
use tokio::sync::{Semaphore, oneshot};

use self::inbox::Mail;
pub use self::{
    beginning::{life, standing},
    inbox::{Answer, Ask, Inbox, Inboxes, Stop},
};
use crate::{
    board::{Board, CheckInfo, CheckState, Slot},
    clock::Clock,
    events::{Events, Fact},
    store::Keeper,
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
    /// Tells the target, and what is asked of it, from others: what was learned of it outlives the runner.
    pub target: u64,
}

/// A run that is over, for whoever records it.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The check.
    pub info: Arc<CheckInfo>,
    /// The run.
    pub run: Arc<Run>,
    /// The span that it was.
    pub trace: Trace,
}

/// Who records runs.
pub type Record = Box<dyn Fn(Finished) + Send + Sync>;

/// What all workers share.
pub struct Shared {
    /// Where results go.
    pub board: Arc<Board>,
    /// Where events go.
    pub events: Arc<Events>,
    /// Where workers are asked for something.
    pub inboxes: Inboxes,
    /// The clocks.
    pub clock: Clock,
    /// A permit for each run that may be under way.
    pub room: Arc<Semaphore>,
    /// Who records runs, if anybody does.
    pub record: Option<Record>,
}

/// Runs a check until its inbox says to stop. There may be a hundred thousand of these, so what is made of the arguments is
/// all that the future holds.
pub fn work(
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    inbox: Arc<Inbox>,
    first: Assignment,
    (machine, keeper): (Machine, Option<Box<Keeper>>),
) -> impl Future<Output = ()> + Send + 'static {
    let mut worker = Worker {
        machine,
        state: keeper.as_ref().map(|keeper| keeper.state()).unwrap_or_default(),
        keeper,
        assignment: first,
        events: Vec::new(),
        kept: 0,
        waiting: Vec::new(),
        for_the_next: Vec::new(),
        shared,
        slot,
        inbox,
    };
    async move {
        while worker.read_mail().await {
            worker.step().await;
        }
        worker.leave();
        worker.assignment.examine.close().await;
    }
}

struct Worker {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    inbox: Arc<Inbox>,
    assignment: Assignment,
    machine: Machine,
    keeper: Option<Box<Keeper>>,
    state: Vec<u8>,
    /// What is yet to be told.
    events: Vec<Event>,
    /// How many of these the store knows the consequences of.
    kept: usize,
    /// Who waits for the outcome of the run that is under way, or else of the next one.
    waiting: Vec<Waiting>,
    /// Who waits for the outcome of a run that starts after the one under way.
    for_the_next: Vec<oneshot::Sender<Answer>>,
}

/// Somebody who waits for an outcome.
struct Waiting {
    reply: oneshot::Sender<Answer>,
    /// Whether they want to know if the connection is there.
    acquires: bool,
}

impl Worker {
    /// Does what is asked; `false` is to stop.
    async fn read_mail(&mut self) -> bool {
        let Mail { assignment, asks, stop } = self.inbox.take();
        if stop.is_some() {
            return false;
        }
        if let Some(assignment) = assignment {
            self.take_over(assignment).await;
        }
        self.answer(asks);
        true
    }

    async fn take_over(&mut self, assignment: Assignment) {
        let now = self.shared.clock.now();
        let afresh = assignment.afresh;
        self.machine.adopt(Arc::clone(&assignment.policy), now, &mut self.events);
        self.slot.forget_reads();
        if let Some(keeper) = &mut self.keeper {
            keeper.aim(&assignment.info.probe, assignment.target);
        }
        let old = std::mem::replace(&mut self.assignment, assignment);
        if old.info.probe != self.assignment.info.probe {
            // What was reported was meant for the other one.
            self.hear(Some(self.slot.reports()));
        }
        if afresh {
            self.machine.obey(Command::Reset, now, &mut self.events);
            self.state = Vec::new();
            if let Some(keeper) = &mut self.keeper {
                keeper.leave(&self.state);
            }
            old.examine.close().await;
        }
        // The run that they waited for is of no interest any more, so they wait for another.
        if !self.waiting.is_empty() {
            self.machine.request(now);
        }
        self.publish(None);
        self.tell();
    }

    /// Answers what can be answered now, and remembers who waits for an outcome.
    fn answer(&mut self, asks: Vec<(Ask, oneshot::Sender<Answer>)>) {
        if asks.is_empty() {
            return;
        }
        let now = self.shared.clock.now();
        let mut answers = Vec::new();
        for (ask, reply) in asks {
            match ask {
                Ask::Run if self.machine.in_flight() => self.for_the_next.push(reply),
                Ask::Run => {
                    self.machine.request(now);
                    self.waiting.push(Waiting { reply, acquires: false });
                }
                Ask::Acquire => match self.machine.acquire(now, &mut self.events) {
                    Acquired::Wait => self.waiting.push(Waiting { reply, acquires: true }),
                    acquired => answers.push((reply, Answer::Acquired(acquired))),
                },
                Ask::Command(Command::Connect) => {
                    self.machine.obey(Command::Connect, now, &mut self.events);
                    match self.machine.snapshot().connection.state() {
                        State::Connecting => {
                            // The attempt before may have been a fault, and the next one far off.
                            if !self.machine.in_flight() {
                                self.machine.request(now);
                            }
                            self.waiting.push(Waiting { reply, acquires: false });
                        }
                        _ => answers.push((reply, Answer::Done)),
                    }
                }
                Ask::Command(command) => {
                    self.machine.obey(command, now, &mut self.events);
                    if command == Command::Reset {
                        self.slot.forget_reports(now);
                    }
                    self.publish(None);
                    // Whoever waits for an outcome would wait for ever.
                    if !self.machine.in_flight() && self.machine.snapshot().due.is_none() {
                        self.settle(now);
                    }
                    answers.push((reply, Answer::Done));
                }
                Ask::Report { run, generation } => {
                    let counts =
                        self.machine.reported(Arc::clone(&run), generation, now, fastrand::f64(), &mut self.events);
                    self.publish(Some(&run).filter(|_| counts));
                    self.keep(Some(&run).filter(|_| counts), true);
                    answers.push((reply, Answer::Done));
                }
            }
        }
        // Who merely makes use of the connection changes nothing that is published.
        if !self.events.is_empty() {
            self.publish(None);
            self.tell();
        }
        for (reply, answer) in answers {
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
    }

    async fn step(&mut self) {
        self.recall().await;
        self.machine.touch(self.slot.touched());
        let step = self.machine.poll(self.shared.clock.now(), &mut self.events);
        if !self.events.is_empty() {
            self.publish(None);
            self.tell();
        }
        match step {
            Step::Rest => self.inbox.rings().await,
            Step::Wait(until) => {
                tokio::select! {
                    () = tokio::time::sleep_until(self.shared.clock.at(until)) => {}
                    () = self.inbox.rings() => {}
                }
            }
            Step::Close => self.assignment.examine.close().await,
            Step::Run { lag } => self.run(lag).await,
        }
    }

    async fn run(&mut self, lag: std::time::Duration) {
        let (shared, inbox, slot) = (Arc::clone(&self.shared), Arc::clone(&self.inbox), Arc::clone(&self.slot));
        let examine = Arc::clone(&self.assignment.examine);
        let state = std::mem::take(&mut self.state);
        let attempt = async {
            let asked = shared.clock.now();
            let queued = shared.board.run_queued();
            // The semaphore is never closed, so there always is a permit in the end.
            let _room = shared.room.acquire().await;
            drop(queued);
            let started = shared.clock.now();
            let lag = lag + (started.elapsed - asked.elapsed);
            let _in_flight = shared.board.run_started(lag);
            slot.started(lag);
            (started, examine.attempt(&state).await)
        };
        let finished = {
            let mut attempt = pin!(attempt);
            loop {
                tokio::select! {
                    biased;
                    finished = &mut attempt => break Some(finished),
                    () = inbox.rings() => {
                        self.answer(inbox.take_asks());
                        // Somebody disconnected: nobody wants to know what comes of it.
                        if !self.machine.in_flight() {
                            break None;
                        }
                    }
                }
            }
        };
        self.state = state;
        let Some((started, attempt)) = finished else {
            return;
        };
        // The fence: what was examined is no longer what this check is.
        if inbox.outdates_a_run() {
            return;
        }
        let now = self.shared.clock.now();
        let run = Arc::new(Run {
            started: started.wall,
            took: now.elapsed.saturating_sub(started.elapsed),
            outcome: attempt.outcome,
            usage: attempt.usage,
        });
        if let (Some(record), Some(trace)) = (&shared.record, attempt.trace) {
            record(Finished { info: Arc::clone(&self.assignment.info), run: Arc::clone(&run), trace });
        }
        if matches!(run.outcome, Outcome::Verdict(_)) {
            self.state = attempt.state;
            if let Some(keeper) = &mut self.keeper {
                keeper.leave(&self.state);
            }
        }
        self.machine.finished(Arc::clone(&run), now, fastrand::f64(), &mut self.events);
        self.publish(Some(&run));
        self.keep(Some(&run), false);
        self.tell();
        self.settle(now);
    }

    /// Tells those who wait that there is an outcome, or that there will be none.
    fn settle(&mut self, now: Now) {
        for Waiting { reply, acquires } in self.waiting.split_off(0) {
            let answer = if acquires { Answer::Acquired(self.machine.acquired(now)) } else { Answer::Done };
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
        if !self.for_the_next.is_empty() {
            self.machine.request(now);
            let waiting = self.for_the_next.drain(..).map(|reply| Waiting { reply, acquires: false });
            self.waiting.extend(waiting);
        }
    }

    fn publish(&self, run: Option<&Arc<Run>>) {
        let state = CheckState { info: Arc::clone(&self.assignment.info), snapshot: self.machine.snapshot() };
        self.shared.board.publish(&self.slot, state, run.map(|run| &**run));
    }

    /// Takes in how the check lived under the runner before this one, where the store could not tell it at the start.
    async fn recall(&mut self) {
        let Some(mut late) = self.keeper.take_if(|keeper| keeper.is_late()) else {
            return;
        };
        let read = tokio::task::spawn_blocking(move || {
            let recalled = late.recall();
            (late, recalled)
        });
        let Ok((keeper, recalled)) = read.await else {
            return;
        };
        let keeper = self.keeper.insert(keeper);
        let Some(recalled) = recalled else {
            return;
        };
        // What the probe has left since is fresher.
        if self.state.is_empty() {
            self.state = recalled.state;
            keeper.leave(&self.state);
        }
        if let Some(life) = recalled.life {
            self.machine.recall(&life, self.shared.clock.now(), &mut self.events);
        }
        if let Some(reports) = recalled.reports.filter(|_| self.slot.reported().is_some()) {
            self.slot.recall_reports(reports);
        }
        self.publish(None);
        self.tell();
    }

    /// Has a run kept, or the report of somebody else's call, and whatever changed by it.
    fn keep(&mut self, run: Option<&Arc<Run>>, reported: bool) {
        self.hear(self.slot.heard());
        if let Some(keeper) = &mut self.keeper {
            let (generation, changed) = (self.assignment.info.generation, self.events.len() > self.kept);
            keeper.keep(&self.machine, run.map(|run| (run, generation, reported)), changed, self.shared.clock.now());
            self.kept = self.events.len();
        }
    }

    /// Has what was reported kept, if that has changed.
    fn hear(&mut self, reports: Option<Option<Reports>>) {
        if let (Some(keeper), Some(reports)) = (&mut self.keeper, reports) {
            keeper.hear(reports);
        }
    }

    /// Has it kept where the check stands at its end.
    fn leave(&mut self) {
        let now = self.shared.clock.now();
        self.hear(self.slot.heard());
        let Some(keeper) = &mut self.keeper else {
            return;
        };
        match self.inbox.take().stop {
            Some(Stop::Removed) => keeper.gone(now),
            _ => keeper.keep(&self.machine, None, true, now),
        }
    }

    fn tell(&mut self) {
        if self.events.is_empty() {
            return;
        }
        // What changed without a run.
        if self.events.len() > self.kept {
            self.keep(None, false);
        }
        self.kept = 0;
        let time = self.shared.clock.now().wall;
        for event in self.events.drain(..) {
            let info = &self.assignment.info;
            let fact = Fact::Check { check: Arc::clone(&info.name), group: info.group.clone(), event };
            self.shared.events.tell(time, fact);
        }
    }
}
