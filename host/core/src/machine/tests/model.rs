//! The machine against a naive reading of its rules, over random outcomes, waits and commands.

use proptest::prelude::*;

use super::*;
use crate::health::Window;

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

    /// What it says of the target, if it says anything.
    fn up(self) -> Option<bool> {
        match self {
            Came::Up | Came::Degraded => Some(true),
            Came::Down | Came::Permanent => Some(false),
            Came::Fault => None,
        }
    }
}

/// What happens to a check.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It is run when it is due, and this comes of it.
    Run(Came),
    /// It is run at once, and this comes of it.
    RunNow(Came),
    /// Somebody reports this.
    Report(Came),
    /// So many seconds pass.
    Wait(u16),
    /// Somebody asks for the connection.
    Acquire,
    /// Somebody wants this.
    Command(Command),
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

fn command() -> impl Strategy<Value = Command> {
    let circuit = prop_oneof![
        Just(circuit::Command::HalfOpen),
        Just(circuit::Command::ForceOpen),
        Just(circuit::Command::ForceClosed),
        Just(circuit::Command::Auto),
        Just(circuit::Command::SetExpiry(None)),
        Just(circuit::Command::SetExpiry(Some(circuit::Expiry::Disabled))),
        (1u64..200)
            .prop_map(|seconds| circuit::Command::SetExpiry(circuit::Expiry::fixed(SECOND * seconds as u32).ok())),
    ];
    prop_oneof![
        2 => Just(Command::Connect),
        1 => Just(Command::Disconnect),
        1 => Just(Command::Reset),
        2 => proptest::sample::select(Mode::ALL.to_vec()).prop_map(Command::Mode),
        4 => circuit.prop_map(Command::Circuit),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => came().prop_map(Act::Run),
        1 => came().prop_map(Act::RunNow),
        3 => came().prop_map(Act::Report),
        2 => (0u16..400).prop_map(Act::Wait),
        1 => Just(Act::Acquire),
        2 => command().prop_map(Act::Command),
    ]
}

impl Life {
    fn act(&mut self, act: Act) {
        match act {
            Act::Run(came) => {
                if self.wait().is_some() {
                    self.finish(came.outcome());
                }
            }
            Act::RunNow(came) => {
                self.machine.request(self.now);
                assert_eq!(self.wait(), Some(Duration::ZERO), "whoever asks by hand does not wait");
                self.finish(came.outcome());
            }
            Act::Report(came) => self.report(came.outcome(), None),
            Act::Wait(seconds) => self.now = self.now.plus(Duration::from_secs(seconds.into())),
            Act::Acquire => drop(self.acquire()),
            Act::Command(command) => self.obey(command),
        }
    }

    /// As [`Life::wait`], but the clock may be late already.
    fn is_settled(&self) -> bool {
        let snapshot = self.machine.snapshot();
        snapshot.watched || snapshot.connection.state() == State::Disconnected
    }
}

/// The judgement of one target, by the book and with all that was ever seen.
#[derive(Default)]
struct Naive {
    seen: Vec<bool>,
    judged: Option<bool>,
    /// Where the present judgement begins.
    from: usize,
}

impl Naive {
    fn see(&mut self, up: bool, fall: usize, rise: usize, window: Option<(usize, usize)>) {
        self.seen.push(up);
        let Some(judged) = self.judged else {
            self.judged = Some(up);
            return;
        };
        let in_a_row = self.seen.iter().rev().take_while(|seen| **seen != judged).count();
        let in_window = window.is_some_and(|(failures, of)| {
            judged && !up && self.seen[self.from..].iter().rev().take(of).filter(|seen| !**seen).count() >= failures
        });
        if in_a_row >= if judged { fall } else { rise } || in_window {
            (self.judged, self.from) = (Some(!judged), self.seen.len());
        }
    }
}

proptest! {
    #[test]
    fn no_life_breaks_the_rules(
        acts in prop::collection::vec(act(), 1..120),
        fall in 1u32..4,
        rise in 1u32..4,
        attempts in prop::option::of(0u32..4),
        trip in prop::option::of(1u32..6),
        permits in 1u32..3,
        idle in prop::option::of(1u32..300),
        autoconnect in any::<bool>(),
    ) {
        let thresholds = Thresholds {
            fall: NonZeroU32::new(fall).unwrap(),
            rise: NonZeroU32::new(rise).unwrap(),
            window: None,
        };
        let policy = Policy {
            thresholds,
            backoff: backoff::Policy::new(SECOND, 2.0, 60 * SECOND, 0.2, attempts).unwrap(),
            circuit: circuit::Policy {
                trip: circuit::Trip { failures: trip.and_then(NonZeroU32::new), rate: None, slow: None },
                expiry: circuit::Expiry::progressive(10 * SECOND, 2.0, 300 * SECOND).unwrap(),
                permits: NonZeroU32::new(permits).unwrap(),
            },
            activity: activity::Policy { idle_timeout: idle.map(|idle| SECOND * idle), cleanup_interval: SECOND },
            autoconnect,
            ..policy()
        };
        let mut life = Life::new(policy.clone());
        let mut again = Life::new(policy);
        for act in acts {
            let before = life.machine.snapshot();
            life.act(act);
            let after = life.machine.snapshot();
            prop_assert!(life.is_settled(), "what nobody watches is disconnected");

            // Every change of state, of health, of mode and of the circuit is told once, in order, and nothing else is.
            let mut state = before.connection.state();
            let mut health = before.health;
            let mut circuit = before.circuit.state();
            let mut mode = before.mode;
            let mut entered = None;
            for event in life.events.drain(..) {
                match event {
                    Event::StateChange(change) => {
                        prop_assert_eq!(change.from, state);
                        prop_assert_ne!(change.from, change.to);
                        prop_assert!(may_follow(change.from, change.to), "{:?}", change);
                        state = change.to;
                        entered = Some(change.to);
                    }
                    Event::Connected { .. } => prop_assert_eq!(entered.take(), Some(State::Connected)),
                    Event::Disconnected { .. } => prop_assert_eq!(entered.take(), Some(State::Disconnected)),
                    Event::HealthChange { from, to, .. } => {
                        prop_assert_eq!(from, health);
                        prop_assert_ne!(from, to);
                        health = to;
                    }
                    Event::Reconnecting { delay, .. } => {
                        prop_assert!(delay >= Duration::from_millis(800) && delay <= 300 * SECOND);
                    }
                    Event::MaxReconnectAttemptsReached { .. } => prop_assert!(attempts.is_some()),
                    Event::CircuitChange { of: Breaker::Target, change } => {
                        prop_assert_eq!(change.from, circuit);
                        prop_assert_ne!(change.from, change.to);
                        circuit = change.to;
                    }
                    Event::ModeChange { from, to } => {
                        prop_assert_eq!(from, mode);
                        mode = to;
                    }
                    Event::CircuitChange { of: Breaker::Probe, .. }
                    | Event::Error { .. }
                    | Event::Fault(_)
                    | Event::FlappingStart { .. }
                    | Event::FlappingEnd { .. } => {}
                }
            }
            let told = (state, health, circuit, mode);
            let is = (after.connection.state(), after.health, after.circuit.state(), after.mode);
            prop_assert_eq!(told, is);

            // A fault moves neither the connection nor its circuit.
            if let Act::Report(Came::Fault) = act {
                prop_assert_eq!(&before, &after);
            }
            // The same life again is the same.
            again.act(act);
            prop_assert_eq!(again.machine.snapshot(), after);
            again.events.clear();
        }
    }

    #[test]
    fn the_judgement_is_that_of_a_naive_reader(
        came in prop::collection::vec(came(), 1..80),
        fall in 1u32..5,
        rise in 1u32..5,
        window in prop::option::of((1u32..6, 0u32..6)),
    ) {
        let window = window.map(|(failures, more)| (failures, failures + more));
        let thresholds = Thresholds {
            fall: NonZeroU32::new(fall).unwrap(),
            rise: NonZeroU32::new(rise).unwrap(),
            window: window.map(|(failures, of)| Window::new(failures, of).unwrap()),
        };
        let mut life = Life::new(Policy { thresholds, ..policy() });
        let mut naive = Naive::default();
        for came in came {
            life.machine.request(life.now);
            life.wait();
            life.finish(came.outcome());
            let Some(up) = came.up() else {
                prop_assert_eq!(life.machine.snapshot().health, Health::Unknown);
                continue;
            };
            let window = window.map(|(failures, of)| (failures as usize, of as usize));
            naive.see(up, fall as usize, rise as usize, window);
            prop_assert_eq!(Some(life.machine.snapshot().health.is_up()), naive.judged);
            prop_assert_eq!(Some(life.state() == State::Connected), naive.judged);
        }
    }

    #[test]
    fn alternating_results_never_trip_a_fall_above_one(fall in 2u32..10, results in 1usize..200) {
        let thresholds = Thresholds { fall: NonZeroU32::new(fall).unwrap(), ..Thresholds::default() };
        let mut life = Life::new(Policy { thresholds, ..policy() });
        let lived = life.live((0..results).map(|at| if at % 2 == 0 { up() } else { down() }));
        prop_assert!(lived.iter().all(|(_, state)| *state == State::Connected));
    }

    /// However many ask and whatever comes of it, a half-open circuit lets no more through at a time than it has permits.
    #[test]
    fn a_half_open_circuit_lets_no_more_through_than_it_may(
        permits in 1u32..4,
        acts in prop::collection::vec((0u8..5, any::<bool>()), 1..200),
    ) {
        let policy = circuit::Policy {
            trip: circuit::Trip { failures: Some(NonZeroU32::MIN), rate: None, slow: None },
            expiry: circuit::Expiry::Fixed(10 * SECOND),
            permits: NonZeroU32::new(permits).unwrap(),
        };
        let (mut circuit, mut now) = (Circuit::new(start().wall), start());
        // Calls under way, and when those of the half-open circuit of this generation were let through.
        let mut under_way: Vec<(Pass, circuit::State, Duration)> = vec![];
        for (act, success) in acts {
            match act {
                0 | 1 => {
                    if let Ok(pass) = circuit.admit(now, &policy) {
                        under_way.push((pass, circuit.state(), now.elapsed));
                    }
                }
                2 if !under_way.is_empty() => {
                    let (pass, ..) = under_way.swap_remove(0);
                    circuit.record(pass, success, Duration::ZERO, now, &policy);
                }
                3 if !under_way.is_empty() => circuit.cancel(under_way.swap_remove(0).0),
                _ => {
                    now = now.plus(3 * SECOND);
                    circuit.pass_time(now, &policy);
                }
            }
            // Those that did not come back within the expiry are given up.
            let tests = under_way.iter().filter(|(pass, state, since)| {
                *state == circuit::State::HalfOpen
                    && pass.generation == circuit.generation()
                    && now.elapsed < *since + 10 * SECOND
            });
            if circuit.state() == circuit::State::HalfOpen {
                prop_assert!(tests.count() <= permits as usize);
            }
        }
    }
}

/// The changes that there can be.
fn may_follow(from: State, to: State) -> bool {
    match (from, to) {
        (_, State::Disconnected) => true,
        (State::Disconnected, to) => to == State::Connecting,
        (State::Connecting, to) => matches!(to, State::Connected | State::Failed),
        (State::Connected, to) => matches!(to, State::Reconnecting | State::Failed),
        (State::Reconnecting, to) => matches!(to, State::Connected | State::Failed),
        (State::Failed, to) => matches!(to, State::Connected | State::Reconnecting),
    }
}
