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
    let schedule = Schedule::Every(Every::new(30 * SECOND, 0.0, "a").unwrap());
    Policy {
        backoff: backoff::Policy::new(SECOND, 2.0, 60 * SECOND, 0.0, None).unwrap(),
        down_interval: Some(30 * SECOND),
        ..Policy::usual(schedule)
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
    /// How often leave was taken of the target.
    closed: u32,
}

impl Life {
    fn new(policy: Policy) -> Life {
        let now = start();
        Life { machine: Machine::new(Arc::new(policy), now, 0.0), now, events: vec![], closed: 0 }
    }

    /// Waits for the next run; how long that took, or `None` if there is none to come.
    fn wait(&mut self) -> Option<Duration> {
        let before = self.now.elapsed;
        loop {
            match self.machine.poll(self.now, &mut self.events) {
                Step::Run { lag } => {
                    let on_time = lag == Duration::ZERO || self.now.elapsed == before;
                    assert!(on_time, "late by {lag:?} though the clock went as the machine said");
                    return Some(self.now.elapsed - before);
                }
                Step::Wait(until) => {
                    assert!(until > self.now.elapsed, "waiting for the past");
                    self.now = self.now.plus(until - self.now.elapsed);
                }
                Step::Rest => return None,
                Step::Close => self.closed += 1,
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
                (waited, self.state())
            })
            .collect()
    }

    fn state(&self) -> State {
        self.machine.snapshot().connection.state()
    }

    fn obey(&mut self, command: Command) {
        self.machine.obey(command, self.now, &mut self.events);
    }

    fn acquire(&mut self) -> Acquired {
        self.machine.acquire(self.now, &mut self.events)
    }

    fn report(&mut self, outcome: Outcome, generation: Option<u64>) {
        let run = Run { started: self.now.wall, took: Duration::ZERO, outcome, usage: Usage::default() };
        self.machine.reported(Arc::new(run), generation, self.now, 0.5, &mut self.events);
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
    assert_eq!(life.kinds(), ["state-change", "state-change", "connected", "health-change"]);
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
            "error",
            "state-change",
            "unhealthy",
            "reconnecting",
            "reconnecting",
            "reconnecting",
            "state-change",
            "connected",
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
    let lived = life.live([fault(FaultKind::Trap), fault(FaultKind::Trap), fault(FaultKind::Denied), up()]);
    assert!(lived.iter().all(|(_, state)| *state == State::Connected), "{lived:?}");
    assert_eq!(life.kinds(), ["fault", "health-change", "fault", "health-change"]);
    let snapshot = life.machine.snapshot();
    assert_eq!((snapshot.health, snapshot.stats.unhealthy, snapshot.stats.runs()), (Health::Healthy, 0, 5));
    assert_eq!(snapshot.stats.faults[FaultKind::Trap.index()], 2);
}

#[test]
fn whoever_waits_has_not_failed() {
    let mut life = Life::new(policy());
    life.live([fault(FaultKind::Waiting), fault(FaultKind::Waiting)]);
    let snapshot = life.machine.snapshot();
    assert_eq!((snapshot.health, snapshot.connection.state()), (Health::Pending, State::Connecting));
    assert!(!snapshot.is_awaited(), "the start of the runner does not wait for it");
    assert_eq!((snapshot.stats.failed(), snapshot.stats.runs(), snapshot.stats.consecutive_faults), (0, 2, 0));
    assert_eq!(life.kinds(), ["state-change"]);

    life.live([fault(FaultKind::Trap), fault(FaultKind::Waiting), fault(FaultKind::Trap)]);
    assert_eq!(life.kinds(), ["fault", "health-change", "health-change", "fault", "health-change"]);
    assert_eq!(life.machine.snapshot().stats.failed(), 2);
    life.live([up(), fault(FaultKind::Waiting)]);
    let snapshot = life.machine.snapshot();
    assert_eq!((snapshot.health, snapshot.connection.state()), (Health::Pending, State::Connected));
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
    life.machine.adopt(Arc::new(Policy { schedule: hourly, ..policy() }), life.now, &mut life.events);
    assert_eq!(life.live([up()]), [(0.0, State::Connected)]);
    assert_eq!(life.machine.snapshot().stats.healthy, 3);
    let next = life.wait().unwrap();
    assert!(next > 1000 * SECOND, "{next:?}");
}

#[test]
fn the_whole_schedule_of_attempts_is_kept_though_the_circuit_opens() {
    let mut life = Life::new(policy());
    life.live([up()]);
    let waits: Vec<f64> = life.live(std::iter::repeat_n(down(), 13)).into_iter().map(|(waited, _)| waited).collect();
    assert_eq!(waits[3..], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]);
    assert!(life.kinds().contains(&"circuit-change"));
}

#[test]
fn a_connection_is_told_of_with_how_long_it_was_lost() {
    let mut life = Life::new(policy());
    life.live([up(), down(), down(), down(), down(), up()]);
    let lost: Vec<_> = life
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Connected { lost_for } => Some(lost_for.map(|lost| lost.as_secs())),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [None, Some(3)]);
}

#[test]
fn a_probe_that_keeps_failing_is_given_a_rest_and_its_target_is_not_blamed() {
    let fast = Schedule::Every(Every::new(SECOND, 0.0, "a").unwrap());
    let mut life = Life::new(Policy { schedule: fast, ..policy() });
    life.live([up()]);
    let lived = life.live(std::iter::repeat_n(fault(FaultKind::Trap), 10));
    let waits: Vec<f64> = lived[3..].iter().map(|(waited, _)| *waited).collect();
    assert_eq!(waits, [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]);
    assert!(lived.iter().all(|(_, state)| *state == State::Connected));
    assert_eq!(life.machine.snapshot().circuit.state(), circuit::State::Closed);
    assert_eq!(life.machine.snapshot().stats.missed_ticks, 0, "they were not missed, but left out");
    let opened = life.events.iter().filter(|event| {
        matches!(event, Event::CircuitChange { of: Breaker::Probe, change } if change.to == circuit::State::Open)
    });
    assert_eq!(opened.count(), 8);
    assert_eq!(life.live([up(), up(), up()])[2], (1.0, State::Connected), "one verdict is enough");

    life.live(std::iter::repeat_n(fault(FaultKind::OutOfFuel), 3));
    life.machine.adopt(Arc::new(policy()), life.now, &mut life.events);
    assert_eq!(life.wait(), Some(Duration::ZERO), "a new probe is given its chance");
    life.finish(up());
    let settings = std::iter::repeat_n(fault(FaultKind::InvalidSettings), 5);
    assert_eq!(life.live(settings).last(), Some(&(30.0, State::Connected)), "this costs nothing");
}

#[test]
fn attempts_wait_for_an_open_circuit_and_the_first_finds_out() {
    let expiry = circuit::Expiry::Fixed(100 * SECOND);
    let trip = circuit::Trip { failures: NonZeroU32::new(2), rate: None, slow: None };
    let circuit = circuit::Policy { expiry, trip, ..circuit::Policy::default() };
    let mut life = Life::new(Policy { circuit, ..policy() });
    let lived = life.live([down(), down(), down(), up(), up()]);
    let waits: Vec<f64> = lived.iter().map(|(waited, _)| *waited).collect();
    assert_eq!(waits[..4], [0.0, 1.0, 100.0, 100.0]);
    assert_eq!(life.state(), State::Connected);
    let delays: Vec<u64> = life
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Reconnecting { delay, .. } => Some(delay.as_secs()),
            _ => None,
        })
        .collect();
    assert_eq!(delays, [1, 100, 100], "an event tells when the next attempt really is");

    life.live([down(), down(), down()]);
    assert_eq!(life.machine.snapshot().circuit.state(), circuit::State::Open);
    life.machine.request(life.now);
    assert_eq!(life.wait(), Some(Duration::ZERO), "whoever asks by hand does not wait");
    life.finish(down());
    life.obey(Command::Circuit(circuit::Command::HalfOpen));
    assert_eq!(life.wait(), Some(Duration::ZERO), "half-open is found out about at once");
    life.finish(up());
    assert_eq!(life.machine.snapshot().circuit.state(), circuit::State::Closed);

    life.obey(Command::Circuit(circuit::Command::ForceOpen));
    assert_eq!(life.wait(), None);
    assert_eq!(life.machine.snapshot().due, None);
    life.obey(Command::Circuit(circuit::Command::ForceClosed));
    assert_eq!(life.live([up()]), [(0.0, State::Connected)]);
}

#[test]
fn a_check_by_the_calendar_leaves_out_what_an_open_circuit_holds_back() {
    let schedule = Schedule::Cron(Cron::parse("*/10 * * * *", None, start().wall).unwrap());
    let expiry = circuit::Expiry::Fixed(25 * 60 * SECOND);
    let trip = circuit::Trip { failures: NonZeroU32::new(1), rate: None, slow: None };
    let circuit = circuit::Policy { expiry, trip, ..circuit::Policy::default() };
    let mut life = Life::new(Policy { schedule, circuit, ..policy() });
    assert_eq!(life.live([up(), down(), up()])[2], (1800.0, State::Connected));
}

#[test]
fn disconnecting_ends_everything_and_connecting_begins_it_anew() {
    let mut life = Life::new(policy());
    life.live([up(), up()]);
    life.kinds();
    life.obey(Command::Disconnect);
    assert_eq!(life.kinds(), ["state-change", "disconnected", "health-change"]);
    assert_eq!((life.wait(), life.closed), (None, 1));
    life.obey(Command::Disconnect);
    assert_eq!(life.kinds(), Vec::<&str>::new());
    life.obey(Command::Connect);
    assert_eq!(life.state(), State::Connecting);
    life.obey(Command::Connect);
    assert_eq!(life.kinds(), ["state-change"], "twice is once");
    assert_eq!(life.live([up()]), [(0.0, State::Connected)]);
    life.kinds();
    life.obey(Command::Connect);
    assert_eq!(life.kinds(), Vec::<&str>::new());
    assert!(life.wait() > Some(SECOND), "what is connected need not be examined for it");

    life.finish(down());
    assert!(life.wait().is_some() && life.machine.in_flight());
    life.obey(Command::Disconnect);
    assert!(!life.machine.in_flight(), "what is under way is of no interest");
}

#[test]
fn a_look_by_hand_at_what_is_disconnected_connects_nothing() {
    let mut life = Life::new(policy());
    life.obey(Command::Disconnect);
    life.wait();
    life.kinds();
    life.machine.request(life.now);
    assert_eq!(life.live([up()]), [(0.0, State::Disconnected)]);
    assert_eq!((life.wait(), life.closed), (None, 2), "what was opened for it is closed");
    assert!(life.machine.snapshot().last.is_some());
    assert_eq!((life.machine.snapshot().health, life.kinds()), (Health::Pending, vec![]));
}

#[test]
fn a_reset_forgets_and_counts_from_nothing() {
    let mut life = Life::new(policy());
    life.live([up(), down(), down(), down()]);
    life.obey(Command::Circuit(circuit::Command::ForceOpen));
    life.obey(Command::Mode(Mode::ForcedUp));
    life.kinds();
    life.obey(Command::Reset);
    assert_eq!(life.kinds(), ["state-change", "disconnected", "health-change", "circuit-change"]);
    let snapshot = life.machine.snapshot();
    assert_eq!((snapshot.stats, snapshot.last.is_none()), (Stats::default(), true));
    assert_eq!((snapshot.connection.totals(), snapshot.mode), (Default::default(), Mode::ForcedUp));
    assert_eq!(life.live([up()]), [(0.0, State::Connected)], "what is monitored goes on");
    assert_eq!(life.closed, 1);

    let mut life = Life::new(Policy { autoconnect: false, ..policy() });
    assert_eq!(life.wait(), None, "nobody asked for it");
    life.obey(Command::Connect);
    life.live([up()]);
    life.obey(Command::Reset);
    assert_eq!((life.wait(), life.state()), (None, State::Disconnected));
}

#[test]
fn what_is_decreed_is_a_matter_of_its_own() {
    let mut life = Life::new(policy());
    life.live([up()]);
    life.kinds();
    life.obey(Command::Mode(Mode::ForcedDown));
    assert_eq!(life.live([up()]).last().unwrap().1, State::Connected);
    let snapshot = life.machine.snapshot();
    assert_eq!((snapshot.health, snapshot.counts_as()), (Health::Healthy, Health::Unhealthy));
    assert_eq!(life.kinds(), ["mode-change"]);
    life.obey(Command::Mode(Mode::Disabled));
    assert_eq!((life.wait(), life.closed), (None, 1));
    assert_eq!(life.kinds(), ["mode-change", "state-change", "disconnected", "health-change"]);
    life.obey(Command::Connect);
    assert_eq!((life.wait(), life.state()), (None, State::Disconnected), "disabled is disabled");
    life.obey(Command::Mode(Mode::Auto));
    assert_eq!(life.live([up()]), [(0.0, State::Connected)]);
}

#[test]
fn what_nobody_makes_use_of_is_closed_and_made_again_when_somebody_does() {
    let minute = 60 * SECOND;
    let idle = activity::Policy { idle_timeout: Some(2 * minute), cleanup_interval: minute };
    let mut life = Life::new(Policy { activity: idle, ..policy() });
    let mut runs = 0;
    while life.wait().is_some() {
        life.finish(up());
        runs += 1;
    }
    assert_eq!((life.state(), life.closed), (State::Disconnected, 1));
    assert!((4..=5).contains(&runs), "{runs}");
    assert_eq!(life.now.elapsed, 2 * minute);
    assert_eq!(life.machine.poll(life.now.plus(9999 * minute), &mut vec![]), Step::Rest, "idle costs nothing");
    life.kinds();
    assert_eq!(life.acquire(), Acquired::Wait);
    assert_eq!(life.kinds(), ["state-change"]);
    assert_eq!(life.live([up()]), [(0.0, State::Connected)]);
    assert!(matches!(life.acquire(), Acquired::Ready { .. }));
    life.now = life.now.plus(90 * SECOND);
    life.machine.touch(life.now.elapsed);
    for _ in 0..3 {
        life.wait();
        life.finish(up());
    }
    assert_eq!(life.state(), State::Connected, "it was made use of");
}

#[test]
fn who_asks_for_the_connection_gets_it_or_the_reason_why_not() {
    let refused = |life: &mut Life| match life.acquire() {
        Acquired::Refused { why, until } => (why, until.map(|until| (until - life.now.elapsed).as_secs())),
        other => panic!("{other:?}"),
    };
    let trip = circuit::Trip { failures: NonZeroU32::new(4), rate: None, slow: None };
    let circuit = circuit::Policy { trip, ..circuit::Policy::default() };
    let mut life = Life::new(Policy { circuit, ..policy() });
    life.live([up(), down(), down(), down()]);
    assert_eq!(life.acquire(), Acquired::Wait, "what is lost is looked for at once");
    assert_eq!(life.wait(), Some(Duration::ZERO));
    assert_eq!(life.acquire(), Acquired::Wait, "with whoever does already");
    life.finish(down());
    let after = life.machine.acquired(life.now);
    assert!(matches!(after, Acquired::Refused { why: Unavailable::CircuitOpen, .. }), "{after:?}");
    assert_eq!(refused(&mut life), (Unavailable::CircuitOpen, Some(60)));
    life.wait();
    assert_eq!(life.acquire(), Acquired::Wait, "the run that finds out is under way");
    life.finish(up());
    assert!(matches!(life.machine.acquired(life.now), Acquired::Ready { .. }));

    life.obey(Command::Circuit(circuit::Command::ForceOpen));
    assert_eq!(refused(&mut life), (Unavailable::CircuitOpen, None));
    life.obey(Command::Circuit(circuit::Command::HalfOpen));
    assert!(matches!(life.acquire(), Acquired::Ready { .. }), "a caller may be the one to find out");
    assert_eq!(refused(&mut life), (Unavailable::TestUnderWay, Some(60)));
    life.obey(Command::Mode(Mode::ForcedUp));
    assert!(matches!(life.acquire(), Acquired::Ready { .. }));
    life.obey(Command::Mode(Mode::ForcedDown));
    assert_eq!(refused(&mut life), (Unavailable::ForcedDown, None));
    life.obey(Command::Mode(Mode::Disabled));
    assert_eq!(refused(&mut life), (Unavailable::Disabled, None));

    let mut life = Life::new(policy());
    life.live(std::iter::repeat_n(fault(FaultKind::Trap), 3));
    assert_eq!(refused(&mut life).0, Unavailable::Unknown, "a probe that is given a rest is not woken");
}

#[test]
fn what_others_report_counts_as_a_run_does() {
    let mut life = Life::new(policy());
    life.live([up()]);
    life.kinds();
    let before = life.wait().unwrap();
    life.finish(up());
    assert!(before > 10 * SECOND);
    life.report(down(), None);
    assert_eq!(life.wait(), Some(5 * SECOND), "a doubt is looked into soon");
    life.finish(up());
    for _ in 0..3 {
        life.report(down(), None);
    }
    assert_eq!(life.state(), State::Reconnecting);
    assert_eq!(life.kinds(), ["error", "error", "state-change", "unhealthy", "reconnecting"]);
    assert_eq!(life.wait(), Some(SECOND));
    life.finish(down());
    life.report(up(), None);
    assert_eq!((life.state(), life.wait().is_some_and(|wait| wait > SECOND)), (State::Connected, true));
    let stats = life.machine.snapshot().stats;
    assert_eq!((stats.reported_failures, stats.reported_successes, stats.runs()), (4, 1, 4));

    let old = life.machine.snapshot().circuit.generation();
    life.finish(up());
    life.obey(Command::Circuit(circuit::Command::ForceOpen));
    life.obey(Command::Circuit(circuit::Command::HalfOpen));
    for _ in 0..5 {
        life.report(down(), Some(old));
    }
    assert_eq!(life.state(), State::Connected, "what was let through before is dated");
    assert_eq!(life.machine.snapshot().circuit.state(), circuit::State::HalfOpen);
    life.report(fault(FaultKind::Trap), None);
    assert_eq!(life.machine.snapshot().health, Health::Healthy, "a fault is nothing to report");
}

#[test]
fn a_target_that_keeps_changing_its_mind_flaps_until_it_stops() {
    let thresholds = Thresholds { fall: NonZeroU32::MIN, ..Thresholds::default() };
    let mut life = Life::new(Policy { thresholds, ..policy() });
    life.live((0..12).map(|at| if at % 2 == 0 { up() } else { down() }));
    assert!(life.machine.snapshot().flapping);
    life.live(std::iter::repeat_n(up(), 25));
    assert!(!life.machine.snapshot().flapping);
    let told: Vec<_> = life.events.iter().filter(|event| event.kind().starts_with("flapping")).collect();
    assert_eq!(told.len(), 2);
    assert!(matches!(told[0], Event::FlappingStart { share } if *share > 0.3));
    assert!(matches!(told[1], Event::FlappingEnd { health: Health::Healthy, state: State::Connected, .. }));
}

mod model;
mod saved;

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
