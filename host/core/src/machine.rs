//! The life of one check: when it runs next, and what each outcome does to its health and to its connection.

use std::{sync::Arc, time::Duration};

use crate::{
    backoff,
    connection::{Cause, Change, Connection, Retry},
    event::Event,
    health::{Finding, Health, Judge, Thresholds},
    outcome::{FaultKind, Outcome, Run, Verdict},
    schedule::{Schedule, Tick},
    snapshot::Snapshot,
    stats::Stats,
    time::Now,
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
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Due {
    /// By the schedule.
    Tick,
    /// At this time since the runner's start: because somebody asked, or the last outcome wants another look.
    At(Duration),
    /// Not by itself.
    Never,
}

/// The machine of one check.
#[derive(Clone, Debug)]
pub struct Machine {
    policy: Arc<Policy>,
    connection: Connection,
    judge: Judge,
    health: Health,
    stats: Stats,
    last: Option<Arc<Run>>,
    last_fault: Option<FaultKind>,
    /// The last tick that the schedule gave, used or not.
    tick: Tick,
    due: Due,
}

impl Machine {
    /// A check that has not run. `random` is from `[0, 1)` and places its first run.
    #[must_use]
    pub fn new(policy: Arc<Policy>, now: Now, random: f64) -> Machine {
        Machine {
            connection: Connection::new(now.wall),
            judge: Judge::default(),
            health: Health::Pending,
            stats: Stats::default(),
            last: None,
            last_fault: None,
            tick: policy.schedule.first(now, policy.spread, random),
            due: Due::Tick,
            policy,
        }
    }

    /// Goes on under another policy. The check runs at once.
    pub fn adopt(&mut self, policy: Arc<Policy>, now: Now) {
        // A tick of the old schedule may lie far ahead, and what changed is to be seen.
        self.tick = policy.schedule.first(now, Duration::ZERO, 0.0);
        self.due = Due::Tick;
        self.policy = policy;
    }

    /// Somebody wants the check to run now.
    pub fn request(&mut self, now: Now) {
        self.due = Due::At(now.elapsed);
    }

    /// What to do now. Whatever changes by it is added to `events`.
    pub fn poll(&mut self, now: Now, events: &mut Vec<Event>) -> Step {
        let lag = match self.due {
            Due::Never => return Step::Rest,
            Due::At(at) if at > now.elapsed => return Step::Wait(at),
            Due::At(at) => now.elapsed.saturating_sub(at),
            Due::Tick => match self.tick.wait(now) {
                Some(until) => return Step::Wait(until),
                None => self.tick.overdue(now),
            },
        };
        if let Some(change) = self.connection.examine(now.wall) {
            events.push(Event::StateChange(change));
        }
        Step::Run { lag }
    }

    /// Takes in what came of a run. `random` is from `[0, 1)` and places the next one. Whatever changes by it is added to
    /// `events`.
    pub fn finished(&mut self, run: Arc<Run>, now: Now, random: f64, events: &mut Vec<Event>) {
        self.stats.count(&run);
        let (health, next) = match &run.outcome {
            Outcome::Verdict(verdict) => {
                self.last_fault = None;
                self.judge(verdict, now, random, events)
            }
            Outcome::Fault(fault) => {
                if self.last_fault.replace(fault.kind) != Some(fault.kind) {
                    events.push(Event::Fault(fault.clone()));
                }
                (Health::Unknown, Next::Schedule)
            }
        };
        if health != self.health {
            events.push(Event::HealthChange {
                from: self.health,
                to: health,
                message: Arc::clone(run.outcome.message()),
            });
            self.health = health;
        }
        self.last = Some(run);
        self.plan(next, now, random, events);
    }

    /// All that is published of the check.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            health: self.health,
            state: self.connection.state(),
            since: self.connection.since(),
            attempts: self.connection.attempts(),
            last: self.last.clone(),
            stats: self.stats,
        }
    }

    fn judge(&mut self, verdict: &Verdict, now: Now, random: f64, events: &mut Vec<Event>) -> (Health, Next) {
        let status = match self.judge.observe(verdict.status, self.policy.thresholds) {
            Finding::Settled(status) => status,
            Finding::InDoubt(status) => return (status.into(), Next::Soon),
        };
        if status.is_up() {
            events.extend(self.connection.up(now.wall).map(Event::StateChange));
            return (status.into(), Next::Schedule);
        }
        let (change, retry) = self.connection.down(verdict.permanent, &self.policy.backoff, random, now.wall);
        events.extend(change.map(Event::StateChange));
        if let Some(Change { cause: Cause::AttemptsExhausted, .. }) = change {
            let attempts = self.connection.attempts();
            events.push(Event::MaxReconnectAttemptsReached { attempts });
        }
        (status.into(), Next::After(retry))
    }

    fn plan(&mut self, next: Next, now: Now, random: f64, events: &mut Vec<Event>) {
        let scheduled = self.due == Due::Tick;
        let by_calendar = matches!(self.policy.schedule, Schedule::Cron(_));
        self.due = match next {
            // Whoever names the minutes of the day at which a check runs does not want it at others.
            _ if by_calendar => self.next_tick(now, random, scheduled),
            Next::Schedule => self.next_tick(now, random, scheduled),
            Next::Soon => Due::At(now.elapsed + self.policy.fast_interval),
            Next::After(Retry::After { delay, .. }) => Due::At(now.elapsed + delay),
            Next::After(Retry::Never) => {
                self.policy.down_interval.map_or(Due::Never, |interval| Due::At(now.elapsed + interval))
            }
        };
        if let Next::After(Retry::After { attempt, .. }) = next {
            let delay = match self.due {
                Due::Tick => self.tick.expected(now).duration_since(now.wall).try_into().unwrap_or_default(),
                Due::At(at) => at.saturating_sub(now.elapsed),
                Due::Never => return,
            };
            events.push(Event::Reconnecting { attempt, delay });
        }
    }

    fn next_tick(&mut self, now: Now, random: f64, scheduled: bool) -> Due {
        let Some(tick) = self.policy.schedule.after(self.tick, now, random) else {
            return Due::Never;
        };
        // Ticks that passed while the check ran for other reasons were not missed: it was looked at all the same.
        if scheduled {
            self.stats.missed_ticks += tick.missed();
        }
        self.tick = tick;
        Due::Tick
    }
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    /// By the schedule.
    Schedule,
    /// Soon: the finding is in doubt.
    Soon,
    /// As the back-off says: the target is down.
    After(Retry),
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        connection::State,
        outcome::{Fault, Status, Usage},
        schedule::{Cron, Every},
    };

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> Now {
        Now { elapsed: Duration::ZERO, wall: "2026-03-02T12:00:00Z".parse().unwrap() }
    }

    fn policy() -> Policy {
        Policy {
            schedule: Schedule::Every(Every::new(30 * SECOND, 0.0, "a").unwrap()),
            spread: Duration::ZERO,
            thresholds: Thresholds::default(),
            backoff: backoff::Policy::new(SECOND, 2.0, 60 * SECOND, 0.0, None).unwrap(),
            fast_interval: 5 * SECOND,
            down_interval: Some(30 * SECOND),
        }
    }

    fn up() -> Outcome {
        said(Status::Healthy, false)
    }

    fn down() -> Outcome {
        said(Status::Unhealthy, false)
    }

    fn said(status: Status, permanent: bool) -> Outcome {
        Outcome::Verdict(Verdict {
            status,
            message: "said".into(),
            details: vec![],
            measurements: vec![],
            latency: None,
            permanent,
        })
    }

    fn fault(kind: FaultKind) -> Outcome {
        Outcome::Fault(Fault::new(kind, "failed"))
    }

    /// A machine, and a clock that jumps to whatever the machine waits for.
    struct Life {
        machine: Machine,
        now: Now,
        events: Vec<Event>,
    }

    impl Life {
        fn new(policy: Policy) -> Life {
            let now = start();
            Life { machine: Machine::new(Arc::new(policy), now, 0.0), now, events: vec![] }
        }

        /// Waits for the next run; how long that took, or `None` if there is none to come.
        fn wait(&mut self) -> Option<Duration> {
            let before = self.now.elapsed;
            loop {
                match self.machine.poll(self.now, &mut self.events) {
                    Step::Run { lag } => {
                        assert_eq!(lag, Duration::ZERO, "this clock is never late");
                        return Some(self.now.elapsed - before);
                    }
                    Step::Wait(until) => {
                        assert!(until > self.now.elapsed, "waiting for the past");
                        self.now = self.now.plus(until - self.now.elapsed);
                    }
                    Step::Rest => return None,
                }
            }
        }

        fn finish(&mut self, outcome: Outcome) {
            let run = Run { started: self.now.wall, took: Duration::ZERO, outcome, usage: Usage::default() };
            self.machine.finished(Arc::new(run), self.now, 0.5, &mut self.events);
        }

        /// Runs with these outcomes; the seconds waited for each, and the state after it.
        fn live(&mut self, outcomes: impl IntoIterator<Item = Outcome>) -> Vec<(f64, State)> {
            outcomes
                .into_iter()
                .map(|outcome| {
                    let waited = self.wait().map_or(f64::INFINITY, |waited| waited.as_secs_f64());
                    self.finish(outcome);
                    (waited, self.machine.snapshot().state)
                })
                .collect()
        }

        fn kinds(&mut self) -> Vec<&'static str> {
            self.events.drain(..).map(|event| event.kind()).collect()
        }
    }

    #[test]
    fn a_target_that_is_up_is_looked_at_on_schedule() {
        let mut life = Life::new(policy());
        let lived = life.live([up(), up(), up(), up()]);
        assert_eq!(lived[0], (0.0, State::Connected), "the first run does not wait");
        assert!(lived[2..].iter().all(|step| *step == (30.0, State::Connected)), "{lived:?}");
        assert_eq!(life.kinds(), ["state-change", "state-change", "health-change"]);
    }

    #[test]
    fn a_lost_target_is_looked_for_by_the_back_off_and_found_again() {
        let mut life = Life::new(policy());
        life.live([up(), up()]);
        life.kinds();
        let lived = life.live([down(), down(), down(), down(), down(), up()]);
        let expected = [
            (30.0, State::Connected),
            (5.0, State::Connected),
            (5.0, State::Reconnecting),
            (1.0, State::Reconnecting),
            (2.0, State::Reconnecting),
            (4.0, State::Connected),
        ];
        assert_eq!(lived, expected);
        assert_eq!(
            life.kinds(),
            [
                "state-change",
                "health-change",
                "reconnecting",
                "reconnecting",
                "reconnecting",
                "state-change",
                "health-change",
            ]
        );
        assert!(life.live([up(), up()])[1] == (30.0, State::Connected), "and it is back on its schedule");
    }

    #[test]
    fn a_target_that_was_never_up_is_failed_and_looked_for() {
        let mut life = Life::new(policy());
        let lived = life.live([down(), down(), up()]);
        assert_eq!(lived, [(0.0, State::Failed), (1.0, State::Reconnecting), (2.0, State::Connected)]);
    }

    #[test]
    fn what_is_given_up_is_still_looked_at_now_and_then_or_not_at_all() {
        let backoff = backoff::Policy::new(SECOND, 2.0, 60 * SECOND, 0.0, Some(2)).unwrap();
        let mut life = Life::new(Policy { backoff, ..policy() });
        let lived = life.live([down(), down(), down(), down(), up()]);
        let expected = [
            (0.0, State::Failed),
            (1.0, State::Reconnecting),
            (2.0, State::Failed),
            (30.0, State::Failed),
            (30.0, State::Connected),
        ];
        assert_eq!(lived, expected);
        assert_eq!(life.kinds().iter().filter(|kind| **kind == "max-reconnect-attempts-reached").count(), 1);

        let mut life = Life::new(Policy { down_interval: None, ..policy() });
        life.live([said(Status::Unhealthy, true)]);
        assert_eq!(life.wait(), None, "a permanent failure rests");
        life.machine.request(life.now);
        assert_eq!(life.live([up()]), [(0.0, State::Connected)], "until somebody asks");
    }

    #[test]
    fn a_fault_says_nothing_of_the_target() {
        let mut life = Life::new(policy());
        life.live([up()]);
        life.kinds();
        let lived = life.live([fault(FaultKind::Trap), fault(FaultKind::Trap), fault(FaultKind::Timeout), up()]);
        assert!(lived.iter().all(|(_, state)| *state == State::Connected), "{lived:?}");
        assert_eq!(life.kinds(), ["fault", "health-change", "fault", "health-change"]);
        let snapshot = life.machine.snapshot();
        assert_eq!((snapshot.health, snapshot.stats.unhealthy, snapshot.stats.runs()), (Health::Healthy, 0, 5));
        assert_eq!(snapshot.stats.faults[FaultKind::Trap.index()], 2);
    }

    #[test]
    fn a_check_by_the_calendar_runs_at_no_other_time() {
        let schedule = Schedule::Cron(Cron::parse("*/10 * * * *", None, start().wall).unwrap());
        let mut life = Life::new(Policy { schedule, ..policy() });
        let lived = life.live([up(), down(), down(), down(), down()]);
        assert_eq!(lived.iter().map(|(waited, _)| *waited).collect::<Vec<_>>(), [0.0, 600.0, 600.0, 600.0, 600.0]);
        assert_eq!(lived[4].1, State::Reconnecting);
        let delays = life.events.iter().filter_map(|event| match event {
            Event::Reconnecting { delay, .. } => Some(delay.as_secs()),
            _ => None,
        });
        assert!(delays.eq([600, 600]), "an event tells when the next attempt really is");
    }

    #[test]
    fn ticks_that_pass_during_a_run_are_counted_and_not_made_up_for() {
        let mut life = Life::new(policy());
        life.live([up(), up()]);
        life.wait();
        life.now = life.now.plus(100 * SECOND);
        life.finish(up());
        assert_eq!(life.machine.snapshot().stats.missed_ticks, 3);
        assert_eq!(life.wait(), Some(20 * SECOND));
    }

    #[test]
    fn a_new_policy_is_seen_at_once_and_forgets_nothing() {
        let mut life = Life::new(policy());
        life.live([up(), up()]);
        let hourly = Schedule::Every(Every::new(3600 * SECOND, 0.0, "a").unwrap());
        life.machine.adopt(Arc::new(Policy { schedule: hourly, ..policy() }), life.now);
        assert_eq!(life.live([up()]), [(0.0, State::Connected)]);
        assert_eq!(life.machine.snapshot().stats.healthy, 3);
        let next = life.wait().unwrap();
        assert!(next > 1000 * SECOND, "{next:?}");
    }

    mod model {
        //! The machine against a naive reading of its rules, over random outcomes.
        use proptest::prelude::*;

        use super::*;

        #[derive(Clone, Copy, Debug)]
        enum Came {
            Up,
            Degraded,
            Down,
            Permanent,
            Fault,
        }

        impl Came {
            fn outcome(self) -> Outcome {
                match self {
                    Came::Up => up(),
                    Came::Degraded => said(Status::Degraded, false),
                    Came::Down => down(),
                    Came::Permanent => said(Status::Unhealthy, true),
                    Came::Fault => fault(FaultKind::Trap),
                }
            }
        }

        fn came() -> impl Strategy<Value = Came> {
            prop_oneof![
                4 => Just(Came::Up),
                1 => Just(Came::Degraded),
                4 => Just(Came::Down),
                1 => Just(Came::Permanent),
                1 => Just(Came::Fault),
            ]
        }

        proptest! {
            #[test]
            fn no_life_breaks_the_rules(
                outcomes in prop::collection::vec(came(), 1..60),
                fall in 1u32..4,
                rise in 1u32..4,
                attempts in prop::option::of(0u32..4),
            ) {
                let thresholds = Thresholds {
                    fall: NonZeroU32::new(fall).unwrap(),
                    rise: NonZeroU32::new(rise).unwrap(),
                };
                let backoff = backoff::Policy::new(SECOND, 2.0, 60 * SECOND, 0.2, attempts).unwrap();
                let policy = Policy { thresholds, backoff, ..policy() };
                let mut life = Life::new(policy.clone());
                let mut again = Life::new(policy);
                let mut verdicts: Vec<bool> = vec![];
                for came in outcomes {
                    let before = life.machine.snapshot();
                    prop_assert!(life.wait().is_some_and(|waited| waited <= 73 * SECOND));
                    life.finish(came.outcome());
                    let after = life.machine.snapshot();

                    // A fault moves nothing but what is known.
                    if matches!(came, Came::Fault) {
                        prop_assert_eq!(after.health, Health::Unknown);
                        prop_assert!(after.state == before.state || before.state == State::Disconnected || before.state == State::Failed);
                    } else {
                        verdicts.push(matches!(came, Came::Up | Came::Degraded));
                    }
                    // Whoever was up stays up for `fall - 1` failures, and whoever was down stays down for `rise - 1` successes.
                    let last_run = verdicts.iter().rev().take_while(|up| Some(*up) == verdicts.last()).count();
                    if before.state == State::Connected && last_run < fall as usize && verdicts.last() == Some(&false) {
                        prop_assert_eq!(after.state, State::Connected);
                    }
                    if after.state == State::Connected && before.state != State::Connected {
                        prop_assert!(verdicts.last() == Some(&true));
                        prop_assert!(last_run >= rise as usize || verdicts.len() == last_run);
                    }
                    // Every change of state and of health is told once, and nothing else is.
                    let mut state = before.state;
                    let mut health = before.health;
                    for event in life.events.drain(..) {
                        match event {
                            Event::StateChange(change) => {
                                prop_assert_eq!(change.from, state);
                                prop_assert_ne!(change.from, change.to);
                                state = change.to;
                            }
                            Event::HealthChange { from, to, .. } => {
                                prop_assert_eq!(from, health);
                                prop_assert_ne!(from, to);
                                health = to;
                            }
                            Event::Reconnecting { delay, .. } => {
                                prop_assert!(delay >= Duration::from_millis(800) && delay <= 72 * SECOND);
                            }
                            Event::MaxReconnectAttemptsReached { .. } => prop_assert!(attempts.is_some()),
                            Event::Fault(_) => prop_assert!(matches!(came, Came::Fault)),
                        }
                    }
                    prop_assert_eq!((state, health), (after.state, after.health));

                    // The same life again is the same.
                    again.wait();
                    again.finish(came.outcome());
                    prop_assert_eq!(again.machine.snapshot(), after);
                }
            }
        }
    }

    #[test]
    fn a_year_of_runs_takes_no_time_at_all() {
        let mut life = Life::new(policy());
        let mut runs = 0;
        while life.now.elapsed < Duration::from_secs(365 * 24 * 3600) {
            life.wait();
            life.finish(up());
            runs += 1;
        }
        assert!((1_051_199..=1_051_203).contains(&runs), "{runs}");
        assert!(life.now.wall > "2027-03-02T11:00:00Z".parse::<Timestamp>().unwrap());
    }
}
