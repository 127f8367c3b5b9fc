use std::num::NonZeroU32;

use super::{State::*, *};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Now {
    let start = Now { elapsed: Duration::ZERO, wall: "2026-03-02T12:00:00Z".parse().unwrap() };
    start.plus(SECOND * u32::try_from(seconds).unwrap())
}

fn policy(failures: u32, expiry: Expiry) -> Policy {
    let trip = Trip { failures: NonZeroU32::new(failures), rate: None, slow: None };
    Policy { trip, expiry, permits: NonZeroU32::MIN }
}

/// A circuit with its policy and a clock.
struct Life {
    circuit: Circuit,
    policy: Policy,
    now: Now,
}

impl Life {
    fn new(policy: Policy) -> Life {
        Life { circuit: Circuit::new(at(0).wall), policy, now: at(0) }
    }

    fn call(&mut self, success: bool) -> Option<(State, Cause)> {
        let pass = self.circuit.admit(self.now, &self.policy).expect("a call that is let through");
        self.tell(pass, success)
    }

    fn tell(&mut self, pass: Pass, success: bool) -> Option<(State, Cause)> {
        let change = self.circuit.record(pass, success, SECOND, self.now, &self.policy);
        change.map(|change| (change.to, change.cause))
    }

    fn wait(&mut self, seconds: u64) -> Option<(State, Cause)> {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.circuit.pass_time(self.now, &self.policy).map(|change| (change.to, change.cause))
    }

    fn obey(&mut self, command: Command) -> Option<(State, Cause)> {
        self.circuit.obey(command, self.now, &self.policy).map(|change| (change.to, change.cause))
    }

    fn trip(&mut self) {
        while self.circuit.state() == Closed {
            self.call(false);
        }
    }

    fn left(&self) -> Option<u64> {
        self.circuit.expires().map(|at| (at - self.now.elapsed).as_secs())
    }
}

#[test]
fn failures_in_a_row_open_it_and_a_success_after_its_expiry_closes_it() {
    let mut life = Life::new(policy(3, Expiry::Fixed(60 * SECOND)));
    assert_eq!([false, false, true, false, false].map(|success| life.call(success)), [None; 5]);
    assert_eq!(life.call(false), Some((Open, Cause::Tripped)));
    assert_eq!(life.circuit.opened_at(), Some(life.now.wall));
    let refusal = Refusal { state: Open, until: Some(60 * SECOND) };
    assert_eq!(life.circuit.admit(life.now, &life.policy), Err(refusal));
    assert_eq!(life.wait(59), None);
    assert_eq!(life.wait(1), Some((HalfOpen, Cause::Expired)));
    assert_eq!(life.call(true), Some((Closed, Cause::Recovered)));
    assert_eq!((life.circuit.failures(), life.circuit.generation()), (0, 4));
    assert_eq!(life.call(false), None, "the count begins anew");
}

#[test]
fn a_failed_test_opens_it_again_with_its_expiry_anew() {
    let mut life = Life::new(policy(1, Expiry::Fixed(60 * SECOND)));
    life.trip();
    for _ in 0..3 {
        life.wait(70);
        assert_eq!(life.call(false), Some((Open, Cause::TestFailed)));
        assert_eq!(life.left(), Some(60));
    }
}

#[test]
fn a_progressive_expiry_grows_to_its_cap_and_falls_back_after_recovery() {
    let progressive = Expiry::progressive(10 * SECOND, 2.0, 300 * SECOND).unwrap();
    let mut life = Life::new(policy(1, progressive));
    life.trip();
    for expected in [10, 20, 40, 80, 160, 300, 300] {
        assert_eq!(life.left(), Some(expected));
        life.wait(expected);
        life.call(false);
    }
    life.wait(300);
    life.call(true);
    life.trip();
    assert_eq!(life.left(), Some(10));
}

#[test]
fn without_an_expiry_it_is_open_until_somebody_acts() {
    let mut life = Life::new(policy(1, Expiry::Disabled));
    life.trip();
    assert_eq!(life.wait(1_000_000), None);
    assert_eq!(life.circuit.admits(&life.policy), Err(Refusal { state: Open, until: None }));
    assert_eq!(life.obey(Command::HalfOpen), Some((HalfOpen, Cause::Requested)));
    assert_eq!(life.call(true), Some((Closed, Cause::Recovered)));
    assert_eq!(life.obey(Command::HalfOpen), None, "there is nothing to find out");
}

#[test]
fn half_open_lets_as_many_through_as_it_has_permits_and_takes_back_those_that_are_lost() {
    let permits = NonZeroU32::new(2).unwrap();
    let mut life = Life::new(Policy { permits, ..policy(1, Expiry::Fixed(10 * SECOND)) });
    life.trip();
    life.wait(10);
    let first = life.circuit.admit(life.now, &life.policy).unwrap();
    assert!(life.circuit.admit(life.now, &life.policy).is_ok());
    let busy = Refusal { state: HalfOpen, until: Some(20 * SECOND) };
    assert_eq!(life.circuit.admit(life.now, &life.policy), Err(busy));
    life.circuit.cancel(first);
    assert!(life.circuit.admits(&life.policy).is_ok(), "what says nothing gives its permit back");
    life.circuit.admit(life.now, &life.policy).unwrap();
    assert!(life.circuit.admits(&life.policy).is_err());
    assert_eq!(life.wait(10), None);
    assert!(life.circuit.admits(&life.policy).is_ok(), "and so does who never comes back");

    let mut life = Life::new(policy(1, Expiry::Disabled));
    life.trip();
    life.obey(Command::HalfOpen);
    life.circuit.admit(life.now, &life.policy).unwrap();
    assert_eq!(life.circuit.admits(&life.policy).map_err(|refusal| refusal.until), Err(Some(60 * SECOND)));
    life.wait(60);
    assert!(life.circuit.admits(&life.policy).is_ok(), "also where nothing else expires");
}

#[test]
fn what_was_let_through_before_does_not_count() {
    let mut life = Life::new(policy(2, Expiry::Fixed(10 * SECOND)));
    let early = life.circuit.admit(life.now, &life.policy).unwrap();
    life.trip();
    life.wait(10);
    assert_eq!(life.tell(early, true), None);
    assert_eq!((life.circuit.state(), life.circuit.last_success()), (HalfOpen, Some(life.now.wall)));
    assert_eq!(life.tell(early, false), None);
    assert_eq!(life.circuit.state(), HalfOpen);
    let open = Pass::of(life.circuit.generation());
    assert_eq!(life.tell(open, false), Some((Open, Cause::TestFailed)), "who reports it may name the generation");
}

#[test]
fn a_rate_over_the_latest_calls_opens_it_once_there_are_enough_of_them() {
    let rate = Rate::new(0.5, 10, 6).unwrap();
    let trip = Trip { failures: None, rate: Some(rate), slow: None };
    let mut life = Life::new(Policy { trip, ..policy(1, Expiry::Disabled) });
    for success in [false, false, false, true, true] {
        assert_eq!(life.call(success), None, "five are too few");
    }
    assert_eq!(life.call(false), Some((Open, Cause::Tripped)), "four of six");

    let mut life = Life::new(Policy { trip, ..policy(1, Expiry::Disabled) });
    for _ in 0..20 {
        life.call(true);
    }
    let opened = (1..).find(|_| life.call(false).is_some());
    assert_eq!(opened, Some(5), "five of the latest ten, whatever came before");
}

#[test]
fn slow_calls_count_as_failures_if_asked() {
    let trip = Trip { failures: NonZeroU32::new(2), rate: None, slow: Some(SECOND) };
    let mut life = Life::new(Policy { trip, ..policy(1, Expiry::Disabled) });
    assert_eq!(life.call(true), None);
    assert_eq!(life.call(true), Some((Open, Cause::Tripped)));
}

#[test]
fn whoever_forces_it_has_the_last_word() {
    let mut life = Life::new(policy(1, Expiry::Fixed(10 * SECOND)));
    assert_eq!(life.obey(Command::ForceOpen), Some((Open, Cause::Requested)));
    assert_eq!(life.wait(1000), None);
    assert_eq!(life.obey(Command::SetExpiry(Some(Expiry::Fixed(SECOND)))), None);
    assert_eq!(life.wait(1000), None, "an expiry does not end what is forced");
    assert_eq!(life.obey(Command::Auto), None);
    assert_eq!(life.left(), Some(1), "and begins when it is not any more");
    assert_eq!(life.obey(Command::ForceClosed), Some((Closed, Cause::Requested)));
    assert_eq!([false; 9].map(|success| life.call(success)), [None; 9]);
    life.obey(Command::Auto);
    assert_eq!(life.call(false), Some((Open, Cause::Tripped)));
    assert_eq!(life.obey(Command::ForceOpen), None, "it is already");
    assert_eq!((life.circuit.control(), life.left()), (Control::ForcedOpen, None));
}

#[test]
fn an_expiry_of_its_own_counts_from_the_opening() {
    let mut life = Life::new(policy(1, Expiry::Fixed(60 * SECOND)));
    life.trip();
    life.wait(30);
    life.obey(Command::SetExpiry(Some(Expiry::Fixed(40 * SECOND))));
    assert_eq!(life.left(), Some(10));
    life.obey(Command::SetExpiry(Some(Expiry::Disabled)));
    assert_eq!(life.left(), None);
    life.obey(Command::SetExpiry(None));
    assert_eq!((life.left(), life.circuit.expiry(&life.policy)), (Some(30), life.policy.expiry));
    life.obey(Command::SetExpiry(Some(Expiry::Fixed(20 * SECOND))));
    assert_eq!(life.wait(0), Some((HalfOpen, Cause::Expired)), "it is over already");
}
