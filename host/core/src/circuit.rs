//! The circuit breaker of one target: closed while calls succeed, open while they are pointless, half-open to find out.
//!
//! Whoever calls the target asks first ([`Circuit::admit`]) and tells afterwards ([`Circuit::record`]). A call carries the
//! generation of the circuit under which it was let through: what comes of it counts for that generation alone.

mod policy;
mod saved;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    policy::{Expiry, Policy, PolicyError, Rate, Trip},
    saved::Saved,
};
use crate::time::Now;

/// After how long a permit is given up whose call was never told of, where the expiry does not say: as the usual expiry.
const LEASE: Duration = Duration::from_secs(60);

/// Whether calls are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// They are.
    Closed,
    /// They are not.
    Open,
    /// A few are, to find out how the target is.
    HalfOpen,
}

impl State {
    /// Every state, in the order in which metrics list them.
    pub const ALL: [State; 3] = [State::Closed, State::Open, State::HalfOpen];

    /// The word used in HTTP, events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half-open",
        }
    }
}

/// Who decides on the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Control {
    /// The outcomes of calls.
    #[default]
    Auto,
    /// Somebody, who wants it open.
    ForcedOpen,
    /// Somebody, who wants it closed.
    ForcedClosed,
}

impl Control {
    /// Every value.
    pub const ALL: [Control; 3] = [Control::Auto, Control::ForcedOpen, Control::ForcedClosed];

    /// The word used in HTTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Control::Auto => "auto",
            Control::ForcedOpen => "forced-open",
            Control::ForcedClosed => "forced-closed",
        }
    }
}

/// Why the state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// Too many calls failed.
    Tripped,
    /// It had been open for long enough.
    Expired,
    /// The call that was to find out succeeded.
    Recovered,
    /// The call that was to find out failed.
    TestFailed,
    /// Somebody asked for it.
    Requested,
    /// All that was known is forgotten, because somebody asked for it.
    Reset,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Cause; 6] =
        [Cause::Tripped, Cause::Expired, Cause::Recovered, Cause::TestFailed, Cause::Requested, Cause::Reset];

    /// The word used in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Tripped => "tripped",
            Cause::Expired => "expired",
            Cause::Recovered => "recovered",
            Cause::TestFailed => "test-failed",
            Cause::Requested => "requested",
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

/// What somebody may want of a circuit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// An open circuit's expiry is over: half-open now. Nothing if it is closed.
    HalfOpen,
    /// Open, until told otherwise.
    ForceOpen,
    /// Closed, whatever comes of calls, until told otherwise.
    ForceClosed,
    /// As the outcomes of calls say. From forced open, the expiry begins now.
    Auto,
    /// This expiry instead of the policy's, counted from the opening if it is open; `None`: the policy's again.
    SetExpiry(Option<Expiry>),
}

/// A call that was let through: to be given back with what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The generation of the circuit under which the call was let through.
    pub generation: u64,
    /// If it holds one of the permits of a half-open circuit: of which round of them.
    round: Option<u32>,
}

impl Pass {
    /// A call whose outcome counts if the circuit is still of this generation.
    #[must_use]
    pub fn of(generation: u64) -> Pass {
        Pass { generation, round: None }
    }
}

/// Why a call is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The state that it is refused in: open, or half-open with all permits taken.
    pub state: State,
    /// When to ask again, as time since the runner's start; `None`: not before somebody acts.
    pub until: Option<Duration>,
}

/// The circuit of one target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circuit {
    state: State,
    control: Control,
    /// In place of the policy's.
    expiry: Option<Expiry>,
    generation: u64,
    since: Timestamp,
    /// When it was opened last, on both clocks.
    opened: Option<Now>,
    /// Open: when it turns half-open. Half-open: when permits that were taken and never given back are free again.
    until: Option<Duration>,
    /// How often it was opened again since it was closed: what a progressive expiry grows by.
    reopened: u32,
    permits_taken: u32,
    /// Counts how often permits that were not given back were given up.
    round: u32,
    /// Failures in a row.
    failures: u32,
    /// The latest calls, the latest in the lowest bit: set is a failure.
    calls: u64,
    /// How many of them there are, up to 64.
    called: u32,
    last_failure: Option<Timestamp>,
    last_success: Option<Timestamp>,
}

impl Circuit {
    /// A closed circuit that has seen no call.
    #[must_use]
    pub fn new(now: Timestamp) -> Circuit {
        Circuit {
            state: State::Closed,
            control: Control::Auto,
            expiry: None,
            generation: 1,
            since: now,
            opened: None,
            until: None,
            reopened: 0,
            permits_taken: 0,
            round: 0,
            failures: 0,
            calls: 0,
            called: 0,
            last_failure: None,
            last_success: None,
        }
    }

    /// Whether calls are let through.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Who decides on that.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control
    }

    /// Counts the changes of state, from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When it came into its state.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// When it was opened last.
    #[must_use]
    pub fn opened_at(&self) -> Option<Timestamp> {
        self.opened.map(|opened| opened.wall)
    }

    /// When an open circuit turns half-open, as time since the runner's start; `None` if it is not open, or is until
    /// somebody acts.
    #[must_use]
    pub fn expires(&self) -> Option<Duration> {
        self.until.filter(|_| self.state == State::Open)
    }

    /// When a call failed last.
    #[must_use]
    pub fn last_failure(&self) -> Option<Timestamp> {
        self.last_failure
    }

    /// When a call succeeded last.
    #[must_use]
    pub fn last_success(&self) -> Option<Timestamp> {
        self.last_success
    }

    /// Failures in a row, up to the last call.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How long it stays open: the policy's word, unless somebody set another for this target.
    #[must_use]
    pub fn expiry(&self, policy: &Policy) -> Expiry {
        self.expiry.unwrap_or(policy.expiry)
    }

    /// Lets the time pass: an open circuit whose expiry is over turns half-open.
    pub fn pass_time(&mut self, now: Now, policy: &Policy) -> Option<Change> {
        if self.until.is_none_or(|until| until > now.elapsed) {
            return None;
        }
        match self.state {
            State::Closed => None,
            State::Open => self.go(State::HalfOpen, Cause::Expired, now, policy),
            State::HalfOpen => {
                // Whoever took them does not come back.
                (self.permits_taken, self.until) = (0, None);
                self.round = self.round.wrapping_add(1);
                None
            }
        }
    }

    /// Asks to let a call through. It must be given back by [`record`](Circuit::record) or [`cancel`](Circuit::cancel).
    ///
    /// # Errors
    ///
    /// It is not let through.
    pub fn admit(&mut self, now: Now, policy: &Policy) -> Result<Pass, Refusal> {
        match self.state {
            State::Closed => Ok(Pass::of(self.generation)),
            State::Open => Err(Refusal { state: State::Open, until: self.until }),
            State::HalfOpen if self.permits_taken < policy.permits.get() => {
                self.permits_taken += 1;
                // A caller that never tells what came of its call must not keep the circuit half-open for ever.
                self.until = Some(now.elapsed + self.delay(policy).unwrap_or(LEASE));
                Ok(Pass { generation: self.generation, round: Some(self.round) })
            }
            State::HalfOpen => Err(Refusal { state: State::HalfOpen, until: self.until }),
        }
    }

    /// Whether a call would be let through now.
    ///
    /// # Errors
    ///
    /// It would not be.
    pub fn admits(&self, policy: &Policy) -> Result<(), Refusal> {
        let busy = self.state == State::HalfOpen && self.permits_taken >= policy.permits.get();
        if self.state == State::Open || busy {
            return Err(Refusal { state: self.state, until: self.until });
        }
        Ok(())
    }

    /// Gives a call back whose outcome says nothing of the target.
    pub fn cancel(&mut self, pass: Pass) {
        if pass.round == Some(self.round) && pass.generation == self.generation {
            self.permits_taken = self.permits_taken.saturating_sub(1);
        }
    }

    /// Takes in what came of a call that took so long. What was let through under an older generation is dated, and
    /// changes nothing.
    pub fn record(&mut self, pass: Pass, success: bool, took: Duration, now: Now, policy: &Policy) -> Option<Change> {
        let success = success && policy.trip.slow.is_none_or(|slow| took < slow);
        let last = if success { &mut self.last_success } else { &mut self.last_failure };
        *last = Some(now.wall);
        if pass.generation != self.generation {
            return None;
        }
        self.failures = if success { 0 } else { self.failures.saturating_add(1) };
        self.calls = (self.calls << 1) | u64::from(!success);
        self.called = (self.called + 1).min(u64::BITS);
        self.cancel(pass);
        if self.control != Control::Auto {
            return None;
        }
        match (self.state, success) {
            (State::Closed, false) if policy.trip.is_reached(self.failures, self.calls, self.called) => {
                self.go(State::Open, Cause::Tripped, now, policy)
            }
            (State::HalfOpen, true) => self.go(State::Closed, Cause::Recovered, now, policy),
            (State::HalfOpen, false) => {
                self.reopened = self.reopened.saturating_add(1);
                self.go(State::Open, Cause::TestFailed, now, policy)
            }
            // Who calls past an open circuit learns something, but it does not count.
            _ => None,
        }
    }

    /// Forgets all that it has seen and was told, but keeps counting its generations.
    pub fn reset(&mut self, now: Timestamp) -> Option<Change> {
        let from = self.state;
        *self = Circuit { generation: self.generation + 1, ..Circuit::new(now) };
        (from != State::Closed).then_some(Change { from, to: State::Closed, cause: Cause::Reset })
    }

    /// The same, with its time over: if it is open, the next look at it turns it half-open.
    #[must_use]
    pub(crate) fn run_out(self, now: Now) -> Circuit {
        Circuit { until: self.until.map(|until| until.min(now.elapsed)), ..self }
    }

    /// Does what somebody wants.
    pub fn obey(&mut self, command: Command, now: Now, policy: &Policy) -> Option<Change> {
        match command {
            Command::HalfOpen if self.state == State::Open => {
                self.control = Control::Auto;
                self.go(State::HalfOpen, Cause::Requested, now, policy)
            }
            Command::HalfOpen => None,
            Command::ForceOpen => {
                self.control = Control::ForcedOpen;
                let change = self.go(State::Open, Cause::Requested, now, policy);
                self.until = None;
                change
            }
            Command::ForceClosed => {
                self.control = Control::ForcedClosed;
                self.go(State::Closed, Cause::Requested, now, policy)
            }
            Command::Auto => {
                if self.control == Control::ForcedOpen {
                    self.until = self.delay(policy).map(|delay| now.elapsed + delay);
                }
                self.control = Control::Auto;
                None
            }
            Command::SetExpiry(expiry) => {
                self.expiry = expiry;
                if let (State::Open, Control::Auto, Some(opened)) = (self.state, self.control, self.opened) {
                    self.until = self.delay(policy).map(|delay| opened.elapsed + delay);
                }
                None
            }
        }
    }

    /// How long it stays open if it is opened now.
    fn delay(&self, policy: &Policy) -> Option<Duration> {
        self.expiry(policy).delay(self.reopened)
    }

    fn go(&mut self, to: State, cause: Cause, now: Now, policy: &Policy) -> Option<Change> {
        let from = self.state;
        if from == to {
            return None;
        }
        (self.state, self.since, self.permits_taken, self.until) = (to, now.wall, 0, None);
        self.generation += 1;
        match to {
            State::Closed => (self.reopened, self.failures, self.calls, self.called) = (0, 0, 0, 0),
            State::Open => {
                self.opened = Some(now);
                self.until = self.delay(policy).map(|delay| now.elapsed + delay);
            }
            State::HalfOpen => {}
        }
        Some(Change { from, to, cause })
    }
}
