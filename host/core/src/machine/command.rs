//! What somebody may want of a check, and of the connection to its target.

use std::{fmt, time::Duration};

use super::{
    Machine,
    due::{Due, Start},
};
use crate::{
    circuit::{self, Refusal},
    connection::{Cause, Connection, State},
    event::{Breaker, Event},
    flapping::Flapping,
    health::Mode,
    stats::Stats,
    time::Now,
};

/// What somebody may want of a check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Connect, if it is not connected or about to be.
    Connect,
    /// Disconnect: no run until somebody asks.
    Disconnect,
    /// Forget all that was learned and counted, and begin as if just made. What the operator decreed stays.
    Reset,
    /// Decree something, or nothing.
    Mode(Mode),
    /// Something of the circuit of its target.
    Circuit(circuit::Command),
}

/// What comes of asking for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is there.
    Ready {
        /// That of the circuit, to be named when the outcome of the call is reported.
        generation: u64,
    },
    /// The target is about to be examined; ask again when the outcome is there.
    Wait,
    /// It is not to be had now.
    Refused {
        /// Why.
        why: Unavailable,
        /// When to ask again, as time since the runner's start; `None`: that is not foreseen.
        until: Option<Duration>,
    },
}

/// Why a connection is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unavailable {
    /// The operator decreed that the target counts as unhealthy.
    ForcedDown,
    /// The operator decreed that it is not examined.
    Disabled,
    /// Its circuit is open.
    CircuitOpen,
    /// Its circuit is half-open, and others are finding out.
    TestUnderWay,
    /// The target is down.
    Down,
    /// Nothing is known of the target: its probe fails.
    Unknown,
}

impl Unavailable {
    /// Every reason.
    pub const ALL: [Unavailable; 6] = [
        Unavailable::ForcedDown,
        Unavailable::Disabled,
        Unavailable::CircuitOpen,
        Unavailable::TestUnderWay,
        Unavailable::Down,
        Unavailable::Unknown,
    ];

    /// The word used in HTTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Unavailable::ForcedDown => "forced-down",
            Unavailable::Disabled => "disabled",
            Unavailable::CircuitOpen => "circuit-open",
            Unavailable::TestUnderWay => "test-under-way",
            Unavailable::Down => "down",
            Unavailable::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Unavailable {
    /// What it means and what to do about it, to be read after the name of the target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unavailable::ForcedDown => "is down, because somebody decreed it; set its mode to `auto` to undo that",
            Unavailable::Disabled => {
                "is not watched, because somebody disabled it; set its mode to `auto` to undo that"
            }
            Unavailable::CircuitOpen => "is not to be called now: its circuit is open",
            Unavailable::TestUnderWay => {
                "is not to be called now: its circuit is half-open, and others are finding out"
            }
            Unavailable::Down => "is down",
            Unavailable::Unknown => "is in a state that nobody knows, as its probe fails",
        })
    }
}

impl Machine {
    /// Does what somebody wants. A run that is under way is of no interest any more if [`in_flight`](Machine::in_flight)
    /// says so afterwards. Whatever changes by it is added to `events`.
    pub fn obey(&mut self, command: Command, now: Now, events: &mut Vec<Event>) {
        match command {
            Command::Connect => {
                self.wanted = true;
                self.activity.touch(now.elapsed);
                self.begin(now, events);
                self.by_hand |= self.due == Due::At(now.elapsed);
            }
            Command::Disconnect => {
                self.wanted = false;
                self.let_go(Cause::Requested, now, events);
            }
            Command::Reset => self.reset(now, events),
            Command::Mode(mode) => {
                self.decreed = true;
                self.set_mode(mode, now, events);
            }
            Command::Circuit(command) => self.control_circuit(command, now, events),
        }
    }

    /// Somebody wants the check to run now, whatever its circuits say.
    pub fn request(&mut self, now: Now) {
        self.activity.touch(now.elapsed);
        (self.due, self.by_hand) = (Due::At(now.elapsed), true);
    }

    /// Somebody wants to make use of the connection. What is closed is made again, and what is lost is looked for at once,
    /// as far as the circuit lets it be. Whatever changes by it is added to `events`.
    pub fn acquire(&mut self, now: Now, events: &mut Vec<Event>) -> Acquired {
        self.activity.touch(now.elapsed);
        self.pass_time(now, events);
        let acquired = self.acquired(now);
        let worth_a_try = matches!(acquired, Acquired::Refused { why: Unavailable::Down | Unavailable::Unknown, .. });
        if !worth_a_try {
            return acquired;
        }
        self.wanted = true;
        self.begin(now, events);
        if self.flight.is_none() {
            self.due = Due::At(now.elapsed);
            if matches!(self.turn(now), Start::Later(_) | Start::Never) {
                // The probe itself is given a rest.
                return acquired;
            }
        }
        Acquired::Wait
    }

    /// What asking for the connection comes to as things stand.
    pub fn acquired(&mut self, now: Now) -> Acquired {
        let refused = |why| Acquired::Refused { why, until: None };
        match self.mode {
            Mode::ForcedDown => return refused(Unavailable::ForcedDown),
            Mode::Disabled => return refused(Unavailable::Disabled),
            Mode::ForcedUp => return Acquired::Ready { generation: self.circuit.generation() },
            Mode::Auto => {}
        }
        let connected = self.connection.state() == State::Connected;
        // A permit is not taken for a call that is not made.
        let admitted = if connected {
            self.circuit.admit(now, &self.policy.circuit).map(|pass| Some(pass.generation))
        } else {
            self.circuit.admits(&self.policy.circuit).map(|()| None)
        };
        match admitted {
            Ok(Some(generation)) => Acquired::Ready { generation },
            Ok(None) => {
                let why = if self.connection.state() == State::Connecting || self.last_fault.is_some() {
                    Unavailable::Unknown
                } else {
                    Unavailable::Down
                };
                Acquired::Refused { why, until: self.due_at() }
            }
            // The run under way holds the permit, and whoever asks now may wait for what it finds out.
            Err(Refusal { state: circuit::State::HalfOpen, .. }) if !connected && self.flight.is_some() => {
                Acquired::Wait
            }
            Err(Refusal { state, until }) => {
                let open = state == circuit::State::Open;
                let why = if open { Unavailable::CircuitOpen } else { Unavailable::TestUnderWay };
                Acquired::Refused { why, until }
            }
        }
    }

    /// From `Disconnected` to `Connecting`, if it may be.
    fn begin(&mut self, now: Now, events: &mut Vec<Event>) {
        if self.watched() && self.connection.state() == State::Disconnected {
            let change = self.connection.examine(now);
            self.tell_of_state(change, events);
            self.due = Due::At(now.elapsed);
        }
    }

    fn reset(&mut self, now: Now, events: &mut Vec<Event>) {
        self.let_go(Cause::Reset, now, events);
        super::tell(events, Breaker::Target, self.circuit.reset(now.wall));
        super::tell(events, Breaker::Probe, self.breaker.reset(now.wall));
        let turn = self.flapping.flaps().then_some(crate::flapping::Turn::End);
        self.flapping = Flapping::default();
        self.tell_of_flapping(turn, events);
        (self.connection, self.stats) = (Connection::new(now), Stats::default());
        (self.last, self.last_fault, self.restored) = (None, None, false);
        self.wanted = self.policy.autoconnect;
        if self.watched() {
            self.due = Due::At(now.elapsed);
        }
    }

    pub(super) fn set_mode(&mut self, mode: Mode, now: Now, events: &mut Vec<Event>) {
        let was_watched = self.watched();
        let from = std::mem::replace(&mut self.mode, mode);
        if from == mode {
            return;
        }
        events.push(Event::ModeChange { from, to: mode });
        match (was_watched, self.watched()) {
            (true, false) => self.let_go(Cause::Disabled, now, events),
            (false, true) => self.due = Due::At(now.elapsed),
            _ => {}
        }
    }

    fn control_circuit(&mut self, command: circuit::Command, now: Now, events: &mut Vec<Event>) {
        let change = self.circuit.obey(command, now, &self.policy.circuit);
        super::tell(events, Breaker::Target, change);
        // Whoever lets calls through again wants to know what comes of it.
        let lets_through = change.is_some_and(|change| change.to != circuit::State::Open);
        if lets_through && self.watched() && self.flight.is_none() && !self.is_by_calendar() {
            self.due = Due::At(now.elapsed);
        }
    }
}
