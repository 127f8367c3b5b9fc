//! A check that outlives its runner.

use super::*;
use crate::connection;

/// How long there is no runner.
const AWAY: Duration = Duration::from_secs(600);

impl Life {
    /// The same check under the next runner, whose clock begins anew after nobody was there for a while.
    fn restarted(&self, policy: Policy) -> Life {
        self.restarted_after(AWAY, policy)
    }

    fn restarted_after(&self, away: Duration, policy: Policy) -> Life {
        let until = self.now.wall;
        let now = Now { elapsed: Duration::ZERO, wall: self.now.plus(away).wall };
        let saved = self.machine.save(self.now);
        let last = self.machine.snapshot().last;
        let machine = Machine::restored(Arc::new(policy), &saved, last, until, now, 0.0);
        Life { machine, now, events: vec![], closed: 0 }
    }
}

/// What must be the same before and after.
fn standing(life: &Life) -> (Health, Mode, State, connection::Totals, u32, circuit::State, bool, Stats, Duration) {
    let Snapshot { health, mode, connection, circuit, flapping, stats, .. } = life.machine.snapshot();
    let uptime = connection.uptime(life.now.elapsed);
    let (state, attempts) = (connection.state(), connection.attempts());
    (health, mode, state, connection.totals(), attempts, circuit.state(), flapping, stats, uptime)
}

#[test]
fn a_check_goes_on_where_it_was_and_the_time_away_counts_for_nothing() {
    let flapping = || [up(), down(), up(), down(), up(), down(), up(), down(), up(), down(), up()].into_iter();
    let scripts: [Vec<Outcome>; 7] = [
        vec![],
        vec![up(), up(), down()],
        vec![up(), down(), down(), down(), down()],
        vec![down(), down()],
        vec![said(Status::Unhealthy, true)],
        vec![up(), fault(FaultKind::Trap), fault(FaultKind::Trap), fault(FaultKind::Trap)],
        flapping().chain(flapping()).collect(),
    ];
    for (case, script) in scripts.into_iter().enumerate() {
        let mut life = Life::new(policy());
        life.live(script.clone());
        let mut next = life.restarted(policy());
        assert_eq!(standing(&next), standing(&life), "case {case}");
        let (before, after) = (life.machine.snapshot(), next.machine.snapshot());
        assert_eq!(after.connection.since(), before.connection.since(), "case {case}");
        assert_eq!((after.watched, &after.last), (before.watched, &before.last), "case {case}");
        assert!(after.is_awaited(), "case {case}: it is yet to be found out");
        // Nothing is told of what is only remembered; and what comes next does what it would have done.
        life.kinds();
        assert!(next.kinds().is_empty(), "case {case}");
        next.live([down()]);
        life.live([down()]);
        assert_eq!(next.kinds(), life.kinds(), "case {case}");
        assert_eq!(standing(&next).2, standing(&life).2, "case {case}");
        assert!(!next.machine.snapshot().is_awaited(), "case {case}");
    }
}

#[test]
fn what_is_connected_is_so_up_to_when_the_runner_was_there_last() {
    let mut life = Life::new(policy());
    life.live([up(), up()]);
    let saved = life.machine.save(life.now);
    let until = life.now.plus(20 * SECOND);
    let now = Now { elapsed: Duration::ZERO, wall: until.plus(AWAY).wall };
    let machine = Machine::restored(Arc::new(policy()), &saved, None, until.wall, now, 0.0);
    let uptime = |machine: &Machine, at| machine.snapshot().connection.uptime(at);
    assert_eq!(uptime(&machine, Duration::ZERO), uptime(&life.machine, life.now.elapsed) + 20 * SECOND);
    assert_eq!(uptime(&machine, SECOND), uptime(&machine, Duration::ZERO) + SECOND);
}

#[test]
fn a_circuit_opens_no_sooner_for_a_restart_and_expires_meanwhile() {
    let circuit = |expiry| circuit::Policy { expiry: circuit::Expiry::fixed(expiry).unwrap(), ..policy().circuit };
    for (expiry, left) in [(AWAY + 30 * SECOND, Some(30 * SECOND)), (60 * SECOND, Some(Duration::ZERO))] {
        let with = Policy { circuit: circuit(expiry), ..policy() };
        let mut life = Life::new(with.clone());
        while life.machine.snapshot().circuit.state() != circuit::State::Open {
            life.live([down()]);
        }
        let next = life.restarted(with);
        let circuit = next.machine.snapshot().circuit;
        assert_eq!((circuit.state(), circuit.expires()), (circuit::State::Open, left));
        assert_eq!(circuit.generation(), life.machine.snapshot().circuit.generation());
    }
}

#[test]
fn a_probe_at_rest_is_tried_at_once_and_goes_on_resting_if_it_fails_again() {
    let broken = || fault(FaultKind::Trap);
    let mut life = Life::new(policy());
    // The third opens its circuit, and each test from there on opens it again, for longer.
    life.live((0..6).map(|_| broken()));
    let mut next = life.restarted_after(SECOND, policy());
    assert!(next.machine.snapshot().is_awaited(), "the start of the runner waits for it");
    let waits =
        |life: &mut Life| life.live([broken(), broken()]).into_iter().map(|(waited, _)| waited).collect::<Vec<_>>();
    let (before, after) = (waits(&mut life), waits(&mut next));
    assert!(before[0] > 30.0 && after[0] == 0.0, "{before:?} {after:?}");
    assert!(after[1] > before[0], "{before:?} {after:?}");
}

#[test]
fn nobody_waits_for_what_an_open_circuit_holds_back() {
    let with = Policy {
        circuit: circuit::Policy { expiry: circuit::Expiry::fixed(AWAY + 60 * SECOND).unwrap(), ..policy().circuit },
        ..policy()
    };
    let mut life = Life::new(with.clone());
    while life.machine.snapshot().circuit.state() != circuit::State::Open {
        life.live([down()]);
    }
    let next = life.restarted(with).machine.snapshot();
    assert!(next.restored && !next.is_awaited(), "it is known to be down: {next:?}");
}

#[test]
fn what_was_decreed_and_what_rests_stays_so() {
    let mut life = Life::new(policy());
    life.live([up()]);
    life.obey(Command::Mode(Mode::Disabled));
    let mut next = life.restarted(policy());
    assert_eq!((next.machine.snapshot().mode, next.wait()), (Mode::Disabled, None));
    next.obey(Command::Mode(Mode::Auto));
    assert!(next.wait().is_some());

    let mut life = Life::new(policy());
    life.live([up()]);
    life.obey(Command::Disconnect);
    let mut next = life.restarted(policy());
    assert_eq!((next.state(), next.wait()), (State::Disconnected, None));

    let resting = Policy { down_interval: None, ..policy() };
    let mut life = Life::new(resting.clone());
    life.live([said(Status::Unhealthy, true)]);
    let mut next = life.restarted(resting);
    assert_eq!((next.state(), next.wait()), (State::Failed, None));
    assert!(!next.machine.snapshot().is_awaited(), "nobody waits for what does not come");
}

#[test]
fn runs_that_came_after_it_was_saved_are_counted() {
    let mut life = Life::new(policy());
    life.live([up(), up()]);
    let mut saved = life.machine.save(life.now);
    life.live([up(), said(Status::Healthy, false)]);
    let run = life.machine.snapshot().last.unwrap();
    saved.take(&run, false);
    saved.take(&run, false);
    let next = Machine::restored(Arc::new(policy()), &saved, None, life.now.wall, life.now, 0.0);
    assert_eq!(next.snapshot().stats, life.machine.snapshot().stats);
    saved.take(&run, true);
    let next = Machine::restored(Arc::new(policy()), &saved, None, life.now.wall, life.now, 0.0);
    assert_eq!(next.snapshot().stats.reported_successes, 1);
}

#[test]
fn what_is_found_only_later_adds_its_counts_and_changes_nothing_that_is_known_since() {
    let mut earlier = Life::new(policy());
    earlier.live([up(), down(), down(), down(), fault(FaultKind::Trap)]);
    earlier.obey(Command::Mode(Mode::ForcedUp));
    let saved = earlier.machine.save(earlier.now);
    let lived = || {
        let mut life = Life::new(policy());
        life.live([up(), up()]);
        life.kinds();
        life
    };
    let recall = |life: &mut Life| life.machine.recall(&saved, life.now, &mut life.events);
    let mut life = lived();
    let before = life.machine.snapshot();
    recall(&mut life);
    let after = life.machine.snapshot();
    let counts = |stats: &Stats| (stats.healthy, stats.unhealthy, stats.failed(), stats.runs());
    assert_eq!(counts(&after.stats), (3, 3, 1, 7));
    assert_eq!(after.stats.latency.counts().iter().sum::<u64>(), 6);
    assert_eq!((after.stats.consecutive_failures, after.stats.consecutive_faults), (0, 0));
    assert_eq!((after.health, after.connection.state()), (before.health, State::Connected));
    assert_eq!(after.connection.since(), before.connection.since());
    assert_eq!(after.connection.totals().connections, 2);
    let earlier_uptime = earlier.machine.snapshot().connection.uptime(earlier.now.elapsed);
    let uptime = |snapshot: &Snapshot, life: &Life| snapshot.connection.uptime(life.now.elapsed);
    assert_eq!(uptime(&after, &life), uptime(&before, &life) + earlier_uptime);
    assert_eq!((after.mode, life.kinds()), (Mode::ForcedUp, vec!["mode-change"]), "what was decreed holds");

    // Somebody has decreed something since, though it is what it was.
    let mut life = lived();
    life.obey(Command::Mode(Mode::Auto));
    recall(&mut life);
    assert_eq!((life.machine.snapshot().mode, life.kinds()), (Mode::Auto, vec![]));
}
