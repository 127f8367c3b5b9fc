//! A check's life as it outlives its runner, and how it goes on under the next one.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, fmt::serde::timestamp::microsecond};
use serde::{Deserialize, Serialize};

use super::{Due, Machine, Policy};
use crate::{
    activity::Activity,
    circuit::{self, Circuit},
    connection::{self, Connection},
    event::Event,
    flapping::Flapping,
    health::{Health, Judge, Mode},
    outcome::{FaultKind, Outcome, Run},
    stats::Stats,
    time::Now,
};

/// A check's life as it outlives its runner. What is not part of it is found out anew: when it is due, and whether anybody
/// makes use of its connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    #[serde(with = "microsecond::required")]
    at: Timestamp,
    health: Health,
    mode: Mode,
    wanted: bool,
    /// It does not run before somebody asks for it, though it is watched.
    rests: bool,
    connection: connection::Saved,
    circuit: circuit::Saved,
    breaker: circuit::Saved,
    judge: Judge,
    flapping: Flapping,
    failing: bool,
    last_fault: Option<FaultKind>,
    #[serde(with = "microsecond::optional")]
    lost: Option<Timestamp>,
    stats: Stats,
}

impl Saved {
    /// What was known.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// Takes a run in that came after it was saved, or a `reported` call of somebody else. It changed nothing but the counters:
    /// whatever else changes is saved with it.
    pub fn take(&mut self, run: &Run, reported: bool) {
        match &run.outcome {
            Outcome::Verdict(verdict) if reported => self.stats.count_report(verdict.status),
            _ => self.stats.count(run),
        }
    }
}

impl Machine {
    /// What is to outlive the runner.
    #[must_use]
    pub fn save(&self, now: Now) -> Saved {
        let ago = |elapsed: Duration| {
            let ago = now.elapsed.saturating_sub(elapsed);
            jiff::SignedDuration::try_from(ago).ok().and_then(|ago| now.wall.checked_sub(ago).ok()).unwrap_or(now.wall)
        };
        Saved {
            at: now.wall,
            health: self.health,
            mode: self.mode,
            wanted: self.wanted,
            rests: self.due == Due::Never,
            connection: self.connection.save(now),
            circuit: self.circuit.save(now),
            breaker: self.breaker.save(now),
            judge: self.judge,
            flapping: self.flapping,
            failing: self.failing,
            last_fault: self.last_fault,
            lost: self.lost.map(ago),
            stats: self.stats,
        }
    }

    /// A check that goes on where it was, with the run that came in last. `until` is when the runner was there last; what has
    /// happened since, nobody knows, and it counts for nothing. `random` is from `[0, 1)` and places its next run. A probe that
    /// was given a rest is tried at once: it may be another, or have other limits by now.
    #[must_use]
    pub fn restored(
        policy: Arc<Policy>,
        saved: &Saved,
        last: Option<Arc<Run>>,
        until: Timestamp,
        now: Now,
        random: f64,
    ) -> Machine {
        let more = Duration::try_from(until.duration_since(saved.at)).unwrap_or(Duration::ZERO);
        let since = |wall: Timestamp| {
            let ago = Duration::try_from(now.wall.duration_since(wall)).unwrap_or(Duration::ZERO);
            now.elapsed.saturating_sub(ago)
        };
        let mut machine = Machine {
            health: saved.health,
            mode: saved.mode,
            wanted: saved.wanted,
            connection: Connection::restored(&saved.connection, more, now),
            circuit: Circuit::restored(&saved.circuit, now),
            breaker: Circuit::restored(&saved.breaker, now).run_out(now),
            judge: saved.judge,
            flapping: saved.flapping,
            activity: Activity::new(now.elapsed),
            failing: saved.failing,
            last_fault: saved.last_fault,
            lost: saved.lost.map(since),
            stats: saved.stats,
            restored: true,
            ..Machine::new(policy, now, random)
        };
        machine.last = last.filter(|run| machine.last_fault.is_some() == matches!(run.outcome, Outcome::Fault(_)));
        machine.due = if machine.watched() && !saved.rests { Due::Tick } else { Due::Never };
        machine
    }

    /// Takes in how the check lived before, which is found only now that it lives anew. What was counted is added, and what somebody
    /// decreed holds, unless somebody has decreed something since. All else is known better since. Whatever changes by it is added
    /// to `events`.
    pub fn recall(&mut self, saved: &Saved, now: Now, events: &mut Vec<Event>) {
        self.stats.add_earlier(&saved.stats);
        self.connection.add_earlier(&saved.connection);
        if !self.decreed {
            self.set_mode(saved.mode, now, events);
        }
    }
}
