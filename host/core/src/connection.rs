//! The five states of the connection to one target.

use std::time::Duration;

use jiff::Timestamp;

use crate::backoff::{Delays, Policy};

/// Where the connection to a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Somebody asked for the connection.
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
}

impl Cause {
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
        }
    }
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The connection to one target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connection {
    state: State,
    since: Timestamp,
    /// The delays taken in the present outage; back at the first once the target is up.
    delays: Delays,
    /// In `Failed`: whether an attempt is still to come.
    retrying: bool,
}

impl Connection {
    /// A connection that nobody asked for yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Connection {
        Connection { state: State::Disconnected, since: now, delays: Delays::default(), retrying: false }
    }

    /// The state it is in.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// When it came into this state.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// How many attempts the present outage has had.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.delays.taken()
    }

    /// The target is about to be examined: a new connection is being made, or a lost one anew.
    pub fn examine(&mut self, now: Timestamp) -> Option<Change> {
        match self.state {
            State::Disconnected => self.go(State::Connecting, Cause::Requested, now),
            State::Failed if self.retrying => self.go(State::Reconnecting, Cause::RetryDue, now),
            _ => None,
        }
    }

    /// The target counts as up. The back-off starts over.
    pub fn up(&mut self, now: Timestamp) -> Option<Change> {
        if self.state == State::Disconnected {
            return None;
        }
        self.delays = Delays::default();
        self.retrying = false;
        self.go(State::Connected, Cause::Up, now)
    }

    /// The target counts as down. `random` is from `[0, 1)` and places the delay within its jitter.
    pub fn down(&mut self, permanent: bool, policy: &Policy, random: f64, now: Timestamp) -> (Option<Change>, Retry) {
        let given_up = self.state == State::Failed && !self.retrying;
        if self.state == State::Disconnected || given_up {
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

    fn go(&mut self, to: State, cause: Cause, now: Timestamp) -> Option<Change> {
        let from = self.state;
        if from == to {
            return None;
        }
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
    }
    use Do::*;

    fn walk(attempts: Option<u32>, steps: &[(Do, State)]) {
        let second = Duration::from_secs(1);
        let policy = Policy::new(second, 2.0, second * 60, 0.0, attempts).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut connection = Connection::new(now);
        for (at, (step, expected)) in steps.iter().enumerate() {
            let before = connection.state();
            let change = match step {
                Examine => connection.examine(now),
                Up => connection.up(now),
                Down => connection.down(false, &policy, 0.5, now).0,
                Permanent => connection.down(true, &policy, 0.5, now).0,
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
        walk(None, &[(Up, Disconnected), (Down, Disconnected)]);
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
        let now = Timestamp::UNIX_EPOCH;
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
