//! When a check is due: at an interval, or by cron.
//!
//! A schedule holds no state. It hands out [`Tick`]s, and goes on from the one it is given back:
//!
//! ```
//! # use std::time::Duration;
//! # use probity_core::schedule::{Every, Schedule};
//! # use probity_core::time::Now;
//! let every = Every::new(Duration::from_secs(30), 0.1, "primary-db")?;
//! let schedule = Schedule::Every(every);
//!
//! let start = Now { elapsed: Duration::ZERO, wall: "2026-03-01T12:00:00Z".parse()? };
//! let first = schedule.first(start, Duration::from_secs(1), 0.5);
//! assert_eq!(first.wait(start), Some(Duration::from_millis(500)));
//!
//! // The run took so long that ticks passed meanwhile. They are counted, and never queued.
//! let finished = start.plus(Duration::from_secs(120));
//! if let Some(next) = schedule.after(first, finished, 0.5) {
//!     assert!(next.missed() >= 3);
//!     assert!(next.wait(finished) <= Some(finished.elapsed + Duration::from_secs(30)));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cron;
mod every;
mod stagger;
mod tick;

use std::fmt;
use std::time::Duration;

pub use self::cron::{Cron, CronError};
pub use self::every::{Every, EveryError};
pub use self::tick::Tick;

use self::tick::Mark;
use crate::time::{Now, nanoseconds};

/// When a check is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// At an interval.
    Every(Every),
    /// By the calendar and the clock on the wall.
    Cron(Cron),
}

impl Schedule {
    /// The first run of a check, which does not wait for the schedule: a new check is examined within `spread` (or its
    /// interval, whichever is shorter), so that a start with many checks is no stampede. `random` is from `[0, 1)` and
    /// places the run within that.
    #[must_use]
    pub fn first(&self, now: Now, spread: Duration, random: f64) -> Tick {
        match self {
            Schedule::Every(every) => every.first(now, part(spread.min(every.interval()), random)),
            Schedule::Cron(_) => Cron::first(now, part(spread, random)),
        }
    }

    /// The tick that follows `previous`, a tick of this schedule, at the end of a run: the first one that has not
    /// passed. Where the run had another reason, and `previous` is still to come, that is `previous` itself. `random`
    /// is from `[0, 1)` and places the run within its jitter. `None` if there is no more, which only happens to a cron
    /// schedule whose years are over.
    ///
    /// A check whose schedule is exchanged starts over with [`first`](Self::first).
    #[must_use]
    pub fn after(&self, previous: Tick, now: Now, random: f64) -> Option<Tick> {
        if previous.wait(now).is_some() {
            return Some(Tick { missed: 0, ..previous });
        }
        match (self, previous.mark) {
            (Schedule::Every(every), Mark::Line(line)) => Some(every.tick(line, now, random)),
            (Schedule::Cron(cron), Mark::Wall(at)) => cron.tick(at, now),
            // A tick of a schedule of the other kind says nothing of this one, which goes on from the present.
            (Schedule::Every(every), Mark::Wall(_)) => Some(every.tick(every.line(now, Duration::ZERO), now, random)),
            (Schedule::Cron(cron), Mark::Line(_)) => cron.tick(now.wall, now),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Every(every) => every.fmt(f),
            Schedule::Cron(cron) => cron.fmt(f),
        }
    }
}

/// A share of `whole`, from nothing to all of it. The cast back from a float can't fail: it stops at the ends of the
/// range, and takes what is not a number for 0.
fn share(whole: u64, of: f64) -> u64 {
    ((whole as f64 * of) as u64).min(whole)
}

/// The same of a span.
fn part(span: Duration, of: f64) -> Duration {
    Duration::from_nanos(share(nanoseconds(span), of))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn schedules() -> [Schedule; 2] {
        let every = Every::new(Duration::from_secs(300), 0.0, "a").unwrap();
        let cron = Cron::parse("*/5 * * * *", None, now().wall).unwrap();
        [Schedule::Every(every), Schedule::Cron(cron)]
    }

    fn now() -> Now {
        Now { elapsed: Duration::from_secs(5000), wall: "2026-03-01T12:00:01Z".parse().unwrap() }
    }

    #[test]
    fn the_first_run_waits_for_no_schedule() {
        for schedule in schedules() {
            let wait = |spread, random| {
                let tick = schedule.first(now(), Duration::from_secs(spread), random);
                tick.wait(now()).map(|until| (until - now().elapsed).as_secs())
            };
            assert_eq!(wait(0, 0.9), None, "{schedule}");
            assert_eq!(wait(1000, 0.0), None, "{schedule}");
            assert_eq!(wait(40, 0.5), Some(20), "{schedule}");
        }
        let [every, _] = schedules();
        let tick = every.first(now(), Duration::from_secs(1000), 0.5);
        assert_eq!(tick.wait(now()), Some(now().elapsed + Duration::from_secs(150)), "half an interval");
    }

    #[test]
    fn a_tick_still_to_come_is_not_lost_to_a_run_in_between() {
        for schedule in schedules() {
            let first = schedule.first(now(), Duration::ZERO, 0.0);
            let later = now().plus(Duration::from_secs(1000));
            let next = schedule.after(first, later, 0.0).unwrap();
            assert!(next.missed() > 0, "{schedule}");
            let between = later.plus(Duration::from_millis(1));
            let again = schedule.after(next, between, 0.0).unwrap();
            assert_eq!(again.expected(between), next.expected(later), "{schedule}");
            assert_eq!(again.missed(), 0, "{schedule}: counted once");
        }
    }

    #[test]
    fn a_tick_of_the_other_kind_is_no_obstacle() {
        let [every, cron] = schedules();
        let next = cron.after(every.first(now(), Duration::ZERO, 0.0), now(), 0.0).unwrap();
        assert_eq!(next.expected(now()).to_string(), "2026-03-01T12:05:00Z");
        let next = every.after(cron.first(now(), Duration::ZERO, 0.0), now(), 0.0).unwrap();
        assert!(next.wait(now()) <= Some(now().elapsed + Duration::from_secs(300)));
        assert_eq!(next.missed(), 0);
    }

    #[test]
    fn a_share_stays_within_its_whole() {
        for (of, expected) in
            [(0.0, 0), (0.5, 50), (1.0, 100), (7.0, 100), (-1.0, 0), (f64::NAN, 0), (f64::INFINITY, 100)]
        {
            assert_eq!(share(100, of), expected, "{of}");
        }
    }
}
