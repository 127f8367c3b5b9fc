//! One start that a schedule asks for.

use std::time::Duration;

use jiff::Timestamp;

use crate::time::Now;

/// How long a tick on the wall is waited for before both clocks are compared again. A clock that is set, as by a board
/// without a battery that has just found its time server, is noticed within this.
const RECHECK: Duration = Duration::from_secs(60);

/// One start that a schedule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// When to start, on the runner's clock, as far as the clock on the wall can be foreseen.
    pub(super) due: Duration,
    pub(super) mark: Mark,
    pub(super) missed: u64,
}

/// What a tick must remember so that its schedule can go on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The next line of an interval's grid, on the runner's clock.
    Line(Duration),
    /// The tick's own time, on the wall.
    Wall(Timestamp),
}

impl Tick {
    /// `None` when the run is due. Else the time on the runner's clock at which to ask again: that of the start, or an
    /// earlier one.
    #[must_use]
    pub fn wait(&self, now: Now) -> Option<Duration> {
        // That the clock on the wall was set back does not delay a tick: a check that runs once too often is better
        // than one that is silent for the difference. That it was set forward is noticed at the next look.
        let due = self.due <= now.elapsed || matches!(self.mark, Mark::Wall(at) if at <= now.wall);
        if due {
            return None;
        }
        Some(match self.mark {
            Mark::Line(_) => self.due,
            Mark::Wall(_) => self.due.min(now.elapsed.saturating_add(RECHECK)),
        })
    }

    /// When to start, as time since the runner's start, as far as the clock on the wall can be foreseen.
    #[must_use]
    pub fn due(&self) -> Duration {
        self.due
    }

    /// How long ago the run was due.
    #[must_use]
    pub fn overdue(&self, now: Now) -> Duration {
        now.elapsed.saturating_sub(self.due)
    }

    /// When the run is expected to start, for people.
    #[must_use]
    pub fn expected(&self, now: Now) -> Timestamp {
        match self.mark {
            Mark::Wall(at) => at,
            Mark::Line(_) => now.plus(self.due.saturating_sub(now.elapsed)).wall,
        }
    }

    /// How many ticks passed unused since the last one, because its run was still going or the runner was asleep. They
    /// are not made up for. Of a cron schedule, at most [`MISSED_MAX`](super::cron::MISSED_MAX) are counted.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn now(elapsed: u64, wall: &str) -> Now {
        Now { elapsed: Duration::from_secs(elapsed), wall: wall.parse().unwrap() }
    }

    fn tick(due: u64, mark: Mark) -> Tick {
        Tick { due: Duration::from_secs(due), mark, missed: 0 }
    }

    #[test]
    fn a_tick_of_an_interval_heeds_the_runners_clock_alone() {
        let tick = tick(1000, Mark::Line(Duration::from_secs(2000)));
        let noon = "2026-03-01T12:00:00Z";
        assert_eq!(tick.wait(now(0, noon)), Some(Duration::from_secs(1000)));
        assert_eq!(tick.wait(now(999, "2099-01-01T00:00:00Z")), Some(Duration::from_secs(1000)));
        assert_eq!(tick.wait(now(1000, noon)), None);
        assert_eq!(tick.expected(now(400, noon)), now(0, "2026-03-01T12:10:00Z").wall);
        assert_eq!(tick.expected(now(1400, noon)), now(0, noon).wall);
    }

    #[test]
    fn a_tick_on_the_wall_comes_with_whichever_clock_reaches_it_first() {
        let at = now(0, "2026-03-01T12:00:00Z").wall;
        let tick = tick(1000, Mark::Wall(at));
        let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs());
        // The wait is cut into minutes, to look at the wall again.
        assert_eq!(seconds(tick.wait(now(0, "2026-03-01T11:43:20Z"))), Some(60));
        assert_eq!(seconds(tick.wait(now(970, "2026-03-01T11:59:30Z"))), Some(1000));
        // Set forward past the tick, and set back by an hour.
        assert_eq!(tick.wait(now(60, "2026-03-01T12:00:00Z")), None);
        assert_eq!(tick.wait(now(1000, "2026-03-01T11:00:00Z")), None);
        assert_eq!(tick.expected(now(0, "2026-03-01T11:43:20Z")), at);
    }
}
