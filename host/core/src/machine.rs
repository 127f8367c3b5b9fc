//! The life of one check: when it runs next, and what each outcome, each command and the time do to its health, to its
//! connection and to its circuit.
//!
//! Whoever drives it polls it, does what it says, and tells what came of it. Whatever changes on the way is added to a list
//! of events; nothing changes without one.

mod command;
mod due;
mod saved;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use self::due::{Due, Next, Start};
pub use self::{
    command::{Acquired, Command, Unavailable},
    saved::Saved,
};
use crate::{
    activity::{self, Activity},
    backoff,
    circuit::{self, Circuit, Pass},
    connection::{Cause, Change, Connection, State},
    event::{Breaker, Event},
    flapping::{Flapping, Shares, Turn},
    health::{Finding, Health, Judge, Mode, Thresholds},
    outcome::{FaultKind, Outcome, Run, Verdict},
    schedule::{Schedule, Tick},
    snapshot::{Rest, Snapshot},
    stats::Stats,
    time::Now,
};

/// When a probe that keeps failing is given a rest, and for how long. The target has no part in it: three crashes are no
/// accident any more, and what a broken probe costs is not worth more than a run every five minutes.
const PROBE: circuit::Policy = circuit::Policy {
    trip: circuit::Trip { failures: std::num::NonZeroU32::new(3), rate: None, slow: None },
    expiry: circuit::Expiry::Progressive {
        initial: circuit::Expiry::INITIAL,
        factor: circuit::Expiry::FACTOR,
        max: circuit::Expiry::MAX,
    },
    permits: std::num::NonZeroU32::MIN,
};

/// How a check lives.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// When it is due while its target is up.
    pub schedule: Schedule,
    /// The first runs of all checks are spread over this, or over the interval if that is shorter.
    pub spread: Duration,
    /// How often its target must be found down, or up again, until that counts.
    pub thresholds: Thresholds,
    /// How long to wait between attempts to reach a lost target.
    pub backoff: backoff::Policy,
    /// The wait for the next run while a finding is in doubt.
    pub fast_interval: Duration,
    /// The wait for the next run after all attempts are used up; `None`: the check rests until somebody asks for it.
    pub down_interval: Option<Duration>,
    /// When calls to the target are not let through.
    pub circuit: circuit::Policy,
    /// When the target counts as changing its mind too often.
    pub flapping: Shares,
    /// When nobody needs the connection any more.
    pub activity: activity::Policy,
    /// Whether the connection is wanted from the start, and not only once somebody asks for it.
    pub autoconnect: bool,
}

impl Policy {
    /// How a check with this schedule lives unless told otherwise: it runs at once, looks again after five seconds while in
    /// doubt, and every minute after it has given up; all else as each part has it built in.
    #[must_use]
    pub fn usual(schedule: Schedule) -> Policy {
        const FAST: Duration = Duration::from_secs(5);
        const DOWN: Duration = Duration::from_secs(60);
        Policy {
            schedule,
            spread: Duration::ZERO,
            thresholds: Thresholds::default(),
            backoff: backoff::Policy::default(),
            fast_interval: FAST,
            down_interval: Some(DOWN),
            circuit: circuit::Policy::default(),
            flapping: Shares::default(),
            activity: activity::Policy::default(),
            autoconnect: true,
        }
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing until this much time has passed since the runner's start.
    Wait(Duration),
    /// Nothing until somebody asks for the check.
    Rest,
    /// Run the check, which was due this long ago.
    Run {
        /// How late the run starts.
        lag: Duration,
    },
    /// Take leave of the target, if a connection to it is kept open between runs.
    Close,
}

/// What a run under way was let through with.
#[derive(Clone, Copy, Debug)]
struct Flight {
    target: Option<Pass>,
    probe: Option<Pass>,
}

/// The machine of one check.
#[derive(Clone, Debug)]
pub struct Machine {
    policy: Arc<Policy>,
    connection: Connection,
    judge: Judge,
    flapping: Flapping,
    /// Of the target.
    circuit: Circuit,
    /// Of the probe.
    breaker: Circuit,
    activity: Activity,
    health: Health,
    mode: Mode,
    /// Somebody has decreed that in this life of the runner.
    decreed: bool,
    /// Somebody wants the connection.
    wanted: bool,
    stats: Stats,
    last: Option<Arc<Run>>,
    last_fault: Option<FaultKind>,
    /// The last verdict was a failure.
    failing: bool,
    /// When the connection was lost, since the runner's start.
    lost: Option<Duration>,
    /// The last tick that the schedule gave, used or not.
    tick: Tick,
    due: Due,
    /// Somebody asked for the next run: no circuit holds it back.
    by_hand: bool,
    /// A circuit holds the next run back, so that it is not late when it starts.
    held: bool,
    /// The run under way.
    flight: Option<Flight>,
    /// Leave is to be taken of the target.
    close: bool,
    /// What is known was known to the runner before this one, and nothing has come in since.
    restored: bool,
}

impl Machine {
    /// A check that has not run. `random` is from `[0, 1)` and places its first run.
    #[must_use]
    pub fn new(policy: Arc<Policy>, now: Now, random: f64) -> Machine {
        Machine {
            connection: Connection::new(now),
            judge: Judge::default(),
            flapping: Flapping::default(),
            circuit: Circuit::new(now.wall),
            breaker: Circuit::new(now.wall),
            activity: Activity::new(now.elapsed),
            health: Health::Pending,
            mode: Mode::Auto,
            decreed: false,
            wanted: policy.autoconnect,
            stats: Stats::default(),
            last: None,
            last_fault: None,
            failing: false,
            lost: None,
            tick: policy.schedule.first(now, policy.spread, random),
            due: if policy.autoconnect { Due::Tick } else { Due::Never },
            by_hand: false,
            held: false,
            flight: None,
            close: false,
            restored: false,
            policy,
        }
    }

    /// Goes on under another policy, and perhaps with another probe. A check that is watched runs at once; a run under way
    /// is of no interest.
    pub fn adopt(&mut self, policy: Arc<Policy>, now: Now, events: &mut Vec<Event>) {
        self.abandon();
        // A tick of the old schedule may lie far ahead, and what changed is to be seen.
        self.tick = policy.schedule.first(now, Duration::ZERO, 0.0);
        self.due = if self.watched() { Due::Tick } else { Due::Never };
        self.policy = policy;
        self.held = false;
        // What the old probe did says nothing of the new one.
        tell(events, Breaker::Probe, self.breaker.reset(now.wall));
    }

    /// The connection was made use of at this time since the runner's start.
    pub fn touch(&mut self, at: Duration) {
        self.activity.touch(at);
    }

    /// Whether a run is under way: it is, from the step that says so until its outcome is told, unless a command ended it.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        self.flight.is_some()
    }

    /// What to do now. It must not be asked while a run is under way. Whatever changes by it is added to `events`.
    pub fn poll(&mut self, now: Now, events: &mut Vec<Event>) -> Step {
        self.pass_time(now, events);
        if std::mem::take(&mut self.close) {
            return Step::Close;
        }
        let later = match self.turn(now) {
            Start::Now(lag) => {
                self.take_off(now, events);
                return Step::Run { lag };
            }
            Start::Later(at) => Some(at),
            Start::Never => None,
        };
        let others = [self.circuit.expires(), self.breaker.expires(), self.idle_at()];
        others.into_iter().chain([later]).flatten().min().map_or(Step::Rest, Step::Wait)
    }

    /// Takes in what came of a run. `random` is from `[0, 1)` and places the next one. Whatever changes by it is added to
    /// `events`.
    pub fn finished(&mut self, run: Arc<Run>, now: Now, random: f64, events: &mut Vec<Event>) {
        let Flight { target, probe } = self.flight.take().unwrap_or(Flight { target: None, probe: None });
        self.stats.count(&run);
        let next = match &run.outcome {
            Outcome::Verdict(verdict) => {
                self.last_fault = None;
                if let Some(pass) = probe {
                    tell(events, Breaker::Probe, self.breaker.record(pass, true, Duration::ZERO, now, &PROBE));
                }
                if let Some(pass) = target {
                    self.record(pass, verdict, &run, now, events);
                }
                self.judge(verdict, now, random, events)
            }
            Outcome::Fault(fault) => {
                if let Some(pass) = target {
                    self.circuit.cancel(pass);
                }
                match probe {
                    Some(pass) if fault.kind.is_of_the_probe() => {
                        tell(events, Breaker::Probe, self.breaker.record(pass, false, Duration::ZERO, now, &PROBE));
                    }
                    Some(pass) => self.breaker.cancel(pass),
                    None => {}
                }
                let is_failure = fault.kind.is_failure();
                if self.last_fault.replace(fault.kind) != Some(fault.kind) && is_failure {
                    events.push(Event::Fault(fault.clone()));
                }
                if self.watched() {
                    let known = if is_failure { Health::Unknown } else { Health::Pending };
                    self.know(known, &fault.message, events);
                }
                Next::Schedule
            }
        };
        (self.last, self.restored) = (Some(run), false);
        if self.watched() {
            self.plan(next, now, random, events);
        } else {
            // Somebody wanted to know, and nothing more.
            (self.due, self.close) = (Due::Never, true);
        }
    }

    /// Takes in what a call of somebody else came to, as a run would: `run` holds the verdict. If it was let through under
    /// an older `generation` of the circuit, it is dated and changes nothing; whether it was not is
    /// returned. Whatever changes by it is added to `events`.
    pub fn reported(
        &mut self,
        run: Arc<Run>,
        generation: Option<u64>,
        now: Now,
        random: f64,
        events: &mut Vec<Event>,
    ) -> bool {
        let Outcome::Verdict(verdict) = &run.outcome else {
            return false;
        };
        self.stats.count_report(verdict.status);
        self.activity.touch(now.elapsed);
        let current = self.circuit.generation();
        let pass = Pass::of(generation.unwrap_or(current));
        self.record(pass, verdict, &run, now, events);
        if pass.generation != current || !self.watched() {
            return false;
        }
        let was_up = self.judge.judged().is_none_or(|status| status.is_up());
        let next = self.judge(verdict, now, random, events);
        let changes_the_plan = match next {
            Next::Schedule => !was_up,
            // Sooner than planned, but not later.
            Next::Soon => match self.due {
                Due::At(at) => at > now.elapsed + self.policy.fast_interval,
                Due::Tick => self.tick.wait(now).is_some_and(|at| at > now.elapsed + self.policy.fast_interval),
                Due::Never => true,
            },
            Next::After(_) => was_up,
        };
        (self.last, self.restored) = (Some(run), false);
        // A run under way will see to the plan when it ends.
        if changes_the_plan && self.flight.is_none() {
            self.plan(next, now, random, events);
        }
        true
    }

    /// What is known of the target.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// All that is published of the check.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            health: self.health,
            mode: self.mode,
            connection: self.connection,
            circuit: self.circuit,
            rest: Rest { state: self.breaker.state(), since: self.breaker.since(), expires: self.breaker.expires() },
            flapping: self.flapping.flaps(),
            watched: self.watched(),
            activity: self.activity,
            due: self.due_at(),
            last: self.last.clone(),
            stats: self.stats,
            restored: self.restored,
        }
    }

    /// Whether the target is examined: somebody wants the connection, and nobody disabled it.
    fn watched(&self) -> bool {
        self.wanted && self.mode != Mode::Disabled
    }

    /// Whatever becomes true by the mere passing of time.
    fn pass_time(&mut self, now: Now, events: &mut Vec<Event>) {
        tell(events, Breaker::Target, self.circuit.pass_time(now, &self.policy.circuit));
        tell(events, Breaker::Probe, self.breaker.pass_time(now, &PROBE));
        if self.idle_at().is_some_and(|at| at <= now.elapsed) {
            self.wanted = false;
            self.let_go(Cause::Idle, now, events);
        }
    }

    fn idle_at(&self) -> Option<Duration> {
        let connected = self.connection.state() != State::Disconnected;
        self.activity.closed_at(&self.policy.activity).filter(|_| connected)
    }

    fn take_off(&mut self, now: Now, events: &mut Vec<Event>) {
        // Whoever asks by hand needs no permit; what is found out past an open circuit does not count for it.
        let target = self.circuit.admit(now, &self.policy.circuit).ok();
        let probe = self.breaker.admit(now, &PROBE).ok();
        self.flight = Some(Flight { target, probe });
        self.by_hand = false;
        if self.watched() {
            let change = self.connection.examine(now);
            self.tell_of_state(change, events);
        }
    }

    fn record(&mut self, pass: Pass, verdict: &Verdict, run: &Run, now: Now, events: &mut Vec<Event>) {
        let up = verdict.status.is_up();
        tell(events, Breaker::Target, self.circuit.record(pass, up, run.latency(), now, &self.policy.circuit));
    }

    /// What a verdict does to the judgement, and all that follows from it.
    fn judge(&mut self, verdict: &Verdict, now: Now, random: f64, events: &mut Vec<Event>) -> Next {
        if !self.watched() {
            return Next::Schedule;
        }
        let up = verdict.status.is_up();
        if !up && !self.failing {
            events.push(Event::Error { message: Arc::clone(&verdict.message) });
        }
        self.failing = !up;
        let (status, next) = match self.judge.observe(verdict.status, self.policy.thresholds) {
            Finding::InDoubt(status) => (status, Next::Soon),
            Finding::Settled(status) if status.is_up() => {
                if let Some(change) = self.connection.up(now) {
                    let lost_for = self.lost.take().map(|lost| now.elapsed.saturating_sub(lost));
                    self.tell_of_state(Some(change), events);
                    events.push(Event::Connected { lost_for });
                }
                (status, Next::Schedule)
            }
            Finding::Settled(status) => {
                let (change, retry) = self.connection.down(verdict.permanent, &self.policy.backoff, random, now);
                self.tell_of_state(change, events);
                if change.is_some_and(|change| change.from == State::Connected) {
                    self.lost = Some(now.elapsed);
                }
                if let Some(Change { cause: Cause::AttemptsExhausted, .. }) = change {
                    let attempts = self.connection.attempts();
                    events.push(Event::MaxReconnectAttemptsReached { attempts });
                }
                (status, Next::After(retry))
            }
        };
        self.know(status.into(), &verdict.message, events);
        let turn = self.flapping.observe(verdict.status, self.policy.flapping);
        self.tell_of_flapping(turn, events);
        next
    }

    fn tell_of_state(&mut self, change: Option<Change>, events: &mut Vec<Event>) {
        if let Some(change) = change {
            self.stats.state_changes += 1;
            events.push(Event::StateChange(change));
        }
    }

    fn tell_of_flapping(&self, turn: Option<Turn>, events: &mut Vec<Event>) {
        let share = self.flapping.share();
        events.extend(turn.map(|turn| match turn {
            Turn::Start => Event::FlappingStart { share },
            Turn::End => Event::FlappingEnd { share, health: self.health, state: self.connection.state() },
        }));
    }

    /// Takes in what is known of the target.
    fn know(&mut self, health: Health, message: &Arc<str>, events: &mut Vec<Event>) {
        let from = std::mem::replace(&mut self.health, health);
        if from != health {
            self.stats.health_changes += 1;
            events.push(Event::HealthChange { from, to: health, message: Arc::clone(message) });
        }
    }

    /// Nobody watches the target any more: what was judged of it is forgotten, and a run under way is of no interest.
    fn let_go(&mut self, cause: Cause, now: Now, events: &mut Vec<Event>) {
        self.abandon();
        if let Some(change) = self.connection.disconnect(cause, now) {
            self.tell_of_state(Some(change), events);
            events.push(Event::Disconnected { cause });
        }
        if self.health != Health::Pending {
            self.know(Health::Pending, &"nobody watches the target".into(), events);
        }
        (self.judge, self.failing, self.lost) = (Judge::default(), false, None);
        (self.due, self.by_hand, self.held, self.close) = (Due::Never, false, false, true);
    }

    /// Gives back what a run under way was let through with.
    fn abandon(&mut self) {
        if let Some(Flight { target, probe }) = self.flight.take() {
            target.into_iter().for_each(|pass| self.circuit.cancel(pass));
            probe.into_iter().for_each(|pass| self.breaker.cancel(pass));
        }
    }
}

fn tell(events: &mut Vec<Event>, of: Breaker, change: Option<circuit::Change>) {
    events.extend(change.map(|change| Event::CircuitChange { of, change }));
}
