//! The five states of the connection to one target.

mod saved;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::saved::Saved;
use crate::{
    backoff::{Delays, Policy},
    time::Now,
};

/// Where the connection to a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Nobody is watching the target.
    Disconnected,
    /// The target is being examined for the first time.
    Connecting,
    /// The target is up.
    Connected,
    /// The target was lost; attempts to reach it are under way.
    Reconnecting,
    /// The target could not be reached, and is not expected back soon.
    Failed,
}

impl State {
    /// Every state, in the order in which metrics list them.
    pub const ALL: [State; 5] =
        [State::Disconnected, State::Connecting, State::Connected, State::Reconnecting, State::Failed];

    /// The word used in HTTP, events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Disconnected => "DISCONNECTED",
            State::Connecting => "CONNECTING",
            State::Connected => "CONNECTED",
            State::Reconnecting => "RECONNECTING",
            State::Failed => "FAILED",
        }
    }
}

/// Why the state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// Somebody asked for it.
    Requested,
    /// The target was found up.
    Up,
    /// The target was found down.
    Down,
    /// The probe says that it is pointless to try again soon.
    Permanent,
    /// The time to try again has come.
    RetryDue,
    /// No attempt is left.
    AttemptsExhausted,
    /// Nobody made use of it for too long.
    Idle,
    /// Somebody does not want the target to be examined for now.
    Disabled,
    /// All that was known is forgotten, because somebody asked for it.
    Reset,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Cause; 9] = [
        Cause::Requested,
        Cause::Up,
        Cause::Down,
        Cause::Permanent,
        Cause::RetryDue,
        Cause::AttemptsExhausted,
        Cause::Idle,
        Cause::Disabled,
        Cause::Reset,
    ];

    /// The word used in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Requested => "requested",
            Cause::Up => "up",
            Cause::Down => "down",
            Cause::Permanent => "permanent-failure",
            Cause::RetryDue => "retry-due",
            Cause::AttemptsExhausted => "attempts-exhausted",
            Cause::Idle => "idle",
            Cause::Disabled => "disabled",
            Cause::Reset => "reset",
        }
    }
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The state it was in.
    pub from: State,
    /// The state it is in now.
    pub to: State,
    /// Why.
    pub cause: Cause,
}

/// What to do about a target that is down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Retry {
    /// Try again after this delay; it is the `attempt`-th of this outage.
    After {
        /// Counted from 1.
        attempt: u32,
        /// From now on.
        delay: Duration,
    },
    /// Do not: the failure is permanent, or this was the last attempt of the outage.
    Never,
}

/// How often the connection to one target was made and lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How often it was made: the first time, and after each loss.
    pub connections: u64,
    /// How often it was made again after it had been lost.
    pub reconnections: u64,
    /// How often the target was found down, each failed attempt of an outage included.
    pub failures: u64,
}

/// The connection to one target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connection {
    state: State,
    since: Now,
    /// The delays taken in the present outage; back at the first once the target is up.
    delays: Delays,
    /// In `Failed`: whether an attempt is still to come.
    retrying: bool,
    totals: Totals,
    /// All the time in `Connected` up to the present state.
    connected: Duration,
}

impl Connection {
    /// A connection that nobody asked for yet.
    #[must_use]
    pub fn new(now: Now) -> Connection {
        Connection {
            state: State::Disconnected,
            since: now,
            delays: Delays::default(),
            retrying: false,
            totals: Totals::default(),
            connected: Duration::ZERO,
        }
    }

    /// The state it is in.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// When it came into this state.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since.wall
    }

    /// How many attempts the present outage has had.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.delays.taken()
    }

    /// How often it was made and lost.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// How long it has been `Connected`, all times together, up to `now` since the runner's start.
    #[must_use]
    pub fn uptime(&self, now: Duration) -> Duration {
        let present =
            if self.state == State::Connected { now.saturating_sub(self.since.elapsed) } else { Duration::ZERO };
        self.connected.saturating_add(present)
    }

    /// The target is about to be examined: a new connection is being made, or a lost one anew.
    pub fn examine(&mut self, now: Now) -> Option<Change> {
        match self.state {
            State::Disconnected => self.go(State::Connecting, Cause::Requested, now),
            State::Failed if self.retrying => self.go(State::Reconnecting, Cause::RetryDue, now),
            _ => None,
        }
    }

    /// Nobody watches the target any more.
    pub fn disconnect(&mut self, cause: Cause, now: Now) -> Option<Change> {
        self.delays = Delays::default();
        self.retrying = false;
        self.go(State::Disconnected, cause, now)
    }

    /// The target counts as up. The back-off starts over.
    pub fn up(&mut self, now: Now) -> Option<Change> {
        if self.state == State::Disconnected {
            return None;
        }
        self.delays = Delays::default();
        self.retrying = false;
        self.go(State::Connected, Cause::Up, now)
    }

    /// The target counts as down. `random` is from `[0, 1)` and places the delay within its jitter.
    pub fn down(&mut self, permanent: bool, policy: &Policy, random: f64, now: Now) -> (Option<Change>, Retry) {
        if self.state == State::Disconnected {
            return (None, Retry::Never);
        }
        self.totals.failures += 1;
        if self.state == State::Failed && !self.retrying {
            return (None, Retry::Never);
        }
        let delay = if permanent { None } else { self.delays.next(policy, random) };
        self.retrying = delay.is_some();
        let change = match (self.state, delay) {
            (State::Connecting, Some(_)) => self.go(State::Failed, Cause::Down, now),
            (_, Some(_)) => self.go(State::Reconnecting, Cause::Down, now),
            (_, None) if permanent => self.go(State::Failed, Cause::Permanent, now),
            (_, None) => self.go(State::Failed, Cause::AttemptsExhausted, now),
        };
        let retry = delay.map_or(Retry::Never, |delay| Retry::After { attempt: self.delays.taken(), delay });
        (change, retry)
    }

    fn go(&mut self, to: State, cause: Cause, now: Now) -> Option<Change> {
        let from = self.state;
        if from == to {
            return None;
        }
        if to == State::Connected {
            self.totals.connections += 1;
            // Whoever was never up before is connected for the first time, however long that took.
            self.totals.reconnections += u64::from(self.totals.connections > 1 && from != State::Connecting);
        }
        self.connected = self.uptime(now.elapsed);
        self.state = to;
        self.since = now;
        Some(Change { from, to, cause })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{State::*, *};

    enum Do {
        Examine,
        Up,
        Down,
        Permanent,
        Disconnect,
    }
    use Do::*;

    const START: Now = Now { elapsed: Duration::ZERO, wall: Timestamp::UNIX_EPOCH };

    fn walk(attempts: Option<u32>, steps: &[(Do, State)]) {
        let second = Duration::from_secs(1);
        let policy = Policy::new(second, 2.0, second * 60, 0.0, attempts).unwrap();
        let now = START;
        let mut connection = Connection::new(now);
        for (at, (step, expected)) in steps.iter().enumerate() {
            let before = connection.state();
            let change = match step {
                Examine => connection.examine(now),
                Up => connection.up(now),
                Down => connection.down(false, &policy, 0.5, now).0,
                Permanent => connection.down(true, &policy, 0.5, now).0,
                Disconnect => connection.disconnect(Cause::Requested, now),
            };
            assert_eq!(connection.state(), *expected, "step {at}");
            assert_eq!(change.is_some(), before != *expected, "a change is an event, step {at}");
        }
    }

    #[test]
    fn each_state_leads_where_it_should() {
        walk(None, &[(Examine, Connecting), (Up, Connected), (Examine, Connected), (Up, Connected)]);
        walk(None, &[(Examine, Connecting), (Down, Failed), (Examine, Reconnecting), (Up, Connected)]);
        walk(
            None,
            &[
                (Examine, Connecting),
                (Up, Connected),
                (Down, Reconnecting),
                (Examine, Reconnecting),
                (Down, Reconnecting),
                (Up, Connected),
            ],
        );
        walk(None, &[(Up, Disconnected), (Down, Disconnected), (Disconnect, Disconnected)]);
    }

    #[test]
    fn disconnecting_is_possible_from_anywhere_and_ends_the_outage() {
        walk(None, &[(Examine, Connecting), (Disconnect, Disconnected), (Up, Disconnected), (Examine, Connecting)]);
        walk(None, &[(Examine, Connecting), (Up, Connected), (Disconnect, Disconnected), (Examine, Connecting)]);
        walk(None, &[(Examine, Connecting), (Up, Connected), (Down, Reconnecting), (Disconnect, Disconnected)]);
        walk(
            Some(1),
            &[
                (Examine, Connecting),
                (Down, Failed),
                (Disconnect, Disconnected),
                (Examine, Connecting),
                (Down, Failed),
                (Examine, Reconnecting),
            ],
        );
    }

    #[test]
    fn what_happened_is_counted_and_timed() {
        let policy = Policy::default();
        let at = |seconds| START.plus(Duration::from_secs(seconds));
        let mut connection = Connection::new(START);
        connection.examine(at(0));
        connection.down(false, &policy, 0.5, at(0));
        connection.examine(at(1));
        connection.up(at(1));
        assert_eq!(connection.totals(), Totals { connections: 1, reconnections: 0, failures: 1 });
        connection.up(at(5));
        connection.down(false, &policy, 0.5, at(11));
        assert_eq!(connection.uptime(at(20).elapsed).as_secs(), 10);
        connection.down(false, &policy, 0.5, at(12));
        connection.up(at(20));
        assert_eq!(connection.totals(), Totals { connections: 2, reconnections: 1, failures: 3 });
        assert_eq!(connection.uptime(at(25).elapsed).as_secs(), 15);
        connection.disconnect(Cause::Idle, at(30));
        connection.examine(at(40));
        connection.up(at(40));
        assert_eq!(connection.totals(), Totals { connections: 3, reconnections: 1, failures: 3 }, "nothing was lost");
        assert_eq!(connection.uptime(at(41).elapsed).as_secs(), 21);
    }

    #[test]
    fn attempts_are_limited_per_outage() {
        let outage = [
            (Examine, Connecting),
            (Up, Connected),
            (Down, Reconnecting),
            (Down, Reconnecting),
            (Down, Failed),
            (Examine, Failed),
            (Down, Failed),
            (Up, Connected),
            (Down, Reconnecting),
        ];
        walk(Some(2), &outage);
        walk(Some(0), &[(Examine, Connecting), (Down, Failed), (Examine, Failed), (Up, Connected), (Down, Failed)]);
    }

    #[test]
    fn a_permanent_failure_is_not_retried() {
        walk(None, &[(Examine, Connecting), (Permanent, Failed), (Examine, Failed), (Down, Failed), (Up, Connected)]);
        walk(None, &[(Examine, Connecting), (Up, Connected), (Permanent, Failed), (Examine, Failed)]);
    }

    #[test]
    fn the_back_off_starts_over_after_a_success() {
        let policy = Policy::new(Duration::from_secs(1), 2.0, Duration::from_secs(60), 0.0, None).unwrap();
        let now = START;
        let mut connection = Connection::new(now);
        connection.examine(now);
        let delays = |connection: &mut Connection| -> Vec<Retry> {
            (0..3).map(|_| connection.down(false, &policy, 0.5, now).1).collect()
        };
        let expected: Vec<Retry> = [(1, 1), (2, 2), (3, 4)]
            .map(|(attempt, seconds)| Retry::After { attempt, delay: Duration::from_secs(seconds) })
            .into();
        assert_eq!(delays(&mut connection), expected);
        connection.up(now);
        assert_eq!(delays(&mut connection), expected);
    }
}
