//! When a check runs next: by its schedule, by what the last outcome wants, by hand, and as its circuits let it.

use std::time::Duration;

use super::{Machine, PROBE};
use crate::{connection::Retry, event::Event, schedule::Schedule, time::Now};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Due {
    /// By the schedule.
    Tick,
    /// At this time since the runner's start: because somebody asked, or the last outcome wants another look.
    At(Duration),
    /// Not by itself.
    Never,
}

/// When it is the next run's turn.
pub(super) enum Start {
    /// It has been for so long.
    Now(Duration),
    /// At this time since the runner's start.
    Later(Duration),
    /// Not by itself.
    Never,
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    /// By the schedule.
    Schedule,
    /// Soon: the finding is in doubt.
    Soon,
    /// As the back-off says: the target is down.
    After(Retry),
}

impl Machine {
    pub(super) fn turn(&mut self, now: Now) -> Start {
        let lag = match self.due {
            Due::Never => return Start::Never,
            Due::At(at) if at > now.elapsed => return Start::Later(at),
            Due::At(at) => now.elapsed.saturating_sub(at),
            Due::Tick => match self.tick.wait(now) {
                Some(until) => return Start::Later(until),
                None => self.tick.overdue(now),
            },
        };
        let admitted = self.circuit.admits(&self.policy.circuit).and_then(|()| self.breaker.admits(&PROBE));
        match admitted {
            Err(refusal) if !self.by_hand => self.hold(refusal.until, now),
            _ if std::mem::take(&mut self.held) => Start::Now(Duration::ZERO),
            _ => Start::Now(lag),
        }
    }

    /// Holds a run back that is due.
    fn hold(&mut self, until: Option<Duration>, now: Now) -> Start {
        if self.is_by_calendar() {
            // Its time is over when the circuit lets it through, so it is the next one's turn.
            self.due = self.next_tick(now, 0.0, false);
            return match (self.due, self.tick.wait(now)) {
                (Due::Tick, Some(at)) => Start::Later(at),
                _ => Start::Never,
            };
        }
        // Ticks that pass meanwhile were not missed.
        self.due = Due::At(now.elapsed);
        self.held = true;
        until.map_or(Start::Never, Start::Later)
    }

    pub(super) fn plan(&mut self, next: Next, now: Now, random: f64, events: &mut Vec<Event>) {
        let scheduled = self.due == Due::Tick;
        self.due = match next {
            // Whoever names the minutes of the day at which a check runs does not want it at others.
            _ if self.is_by_calendar() => self.next_tick(now, random, scheduled),
            Next::Schedule => self.next_tick(now, random, scheduled),
            Next::Soon => Due::At(now.elapsed + self.policy.fast_interval),
            Next::After(Retry::After { delay, .. }) => Due::At(now.elapsed + delay),
            Next::After(Retry::Never) => {
                self.policy.down_interval.map_or(Due::Never, |interval| Due::At(now.elapsed + interval))
            }
        };
        // While a circuit is open that nothing but somebody closes, there is no next attempt.
        if let (Next::After(Retry::After { attempt, .. }), Some(at)) = (next, self.due_at()) {
            events.push(Event::Reconnecting { attempt, delay: at.saturating_sub(now.elapsed) });
        }
    }

    pub(super) fn is_by_calendar(&self) -> bool {
        matches!(self.policy.schedule, Schedule::Cron(_))
    }

    /// When the next run starts as far as that is known, as time since the runner's start.
    pub(super) fn due_at(&self) -> Option<Duration> {
        let at = match self.due {
            Due::Never => return None,
            Due::At(at) => at,
            Due::Tick => self.tick.due(),
        };
        if self.by_hand {
            return Some(at);
        }
        [(&self.circuit, &self.policy.circuit), (&self.breaker, &PROBE)].into_iter().try_fold(
            at,
            |at, (circuit, policy)| match circuit.admits(policy) {
                Ok(()) => Some(at),
                Err(refusal) => refusal.until.map(|until| at.max(until)),
            },
        )
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
