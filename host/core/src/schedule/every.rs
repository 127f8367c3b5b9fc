//! At an interval, on a grid that never drifts.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;

use super::tick::{Mark, Tick};
use super::{nanoseconds, share, stagger};
use crate::time::Now;

/// A run at each interval.
///
/// The ticks lie on a grid: the check's place in its interval, which its name decides, and every interval from there.
/// The place is one on the clock on the wall, so that a check keeps it when the runner starts again; from the first
/// tick on, the grid is counted on the runner's own clock, so that no step of the other one disturbs it.
///
/// With jitter, a tick is a window instead of a moment: it opens on the grid, is a share of the interval long, and the
/// run starts anywhere in it. Windows never overlap, so ticks can't change places or fall together.
///
/// Runs start on a beat that all checks share, and so in company: a processor that is woken for one run has forgotten all that
/// it knew of the last one, and takes more than twice as long for it as for the second of a few. So a tick's window is a
/// beat long at the least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Every {
    /// In nanoseconds, as is all arithmetic here: 64 bits of them are 584 years.
    interval: u64,
    /// The length of a tick's window, from `beat` to less than `interval`.
    window: u64,
    /// The time between two moments at which a run may start.
    beat: u64,
    /// The grid's place after each multiple of the interval since 1970, less than `interval`.
    place: u64,
}

/// What is wrong with an interval's parameters.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum EveryError {
    /// The interval is out of range.
    #[error("the interval must be from 100ms to 366 days, not {0:?}; for example 30s")]
    Interval(Duration),
    /// The jitter is not a share.
    #[error("the jitter must be from 0 to 1, a share of the interval, not {0}; for example 0.1")]
    Jitter(f64),
}

/// The beats, by the shortest interval that takes part in each. They are a tenth of the interval at the most, so that nobody sees
/// them in its rhythm, and the longest is so short that it does not crowd what it brings together: a hundred thousand checks,
/// each run every half minute, are three hundred at a time. Each is a multiple of those below it, for all to fall together.
const BEATS: [(Duration, Duration); 3] = [
    (Duration::from_secs(2), Duration::from_millis(100)),
    (Duration::from_secs(1), Duration::from_millis(50)),
    (Duration::ZERO, Duration::from_millis(10)),
];

impl Every {
    /// The shortest interval, 100 ms: some thirty times the lateness of timers under load (3-4 ms), which would
    /// otherwise show in the rhythm.
    pub const SHORTEST: Duration = Duration::from_millis(100);
    /// The longest interval, 366 days: anything beyond a leap year is a slip of the pen.
    pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// A run each `interval` ([`SHORTEST`](Self::SHORTEST) to [`LONGEST`](Self::LONGEST)), delayed each time by a
    /// random part of `jitter * interval` (`jitter` 0 to 1), at the place in the interval that belongs to the check
    /// `name`, and on a beat: without jitter, at the first one from there on, which is 10 ms away at the most below a
    /// second, 50 ms below two, and 100 ms from there on.
    ///
    /// # Errors
    ///
    /// The first parameter found out of its range.
    pub fn new(interval: Duration, jitter: f64, name: &str) -> Result<Every, EveryError> {
        if !(Self::SHORTEST..=Self::LONGEST).contains(&interval) {
            return Err(EveryError::Interval(interval));
        }
        if !(0.0..=1.0).contains(&jitter) {
            return Err(EveryError::Jitter(jitter));
        }
        let beat = BEATS.into_iter().find(|(from, _)| interval >= *from).map_or(1, |(_, beat)| nanoseconds(beat));
        let interval = nanoseconds(interval);
        Ok(Every {
            interval,
            // A whole interval of jitter stops just short of the next window.
            window: share(interval, jitter).clamp(beat, interval - 1),
            beat,
            place: stagger::place(name, interval),
        })
    }

    /// The time from tick to tick.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval)
    }

    /// A tick off the grid, `delay` from now. The grid begins half an interval to one and a half after it, so that the
    /// first two runs do not fall together.
    pub(super) fn first(&self, now: Now, delay: Duration) -> Tick {
        Tick {
            due: now.elapsed.saturating_add(delay),
            mark: Mark::Line(self.line(now, delay.saturating_add(self.interval() / 2))),
            missed: 0,
        }
    }

    /// The first tick from `line` on whose window has not passed.
    pub(super) fn tick(&self, line: Duration, now: Now, random: f64) -> Tick {
        let (line, elapsed) = (nanoseconds(line), nanoseconds(now.elapsed));
        let late = elapsed.saturating_sub(line.saturating_add(self.window));
        let missed = late.div_ceil(self.interval);
        let opens = line.saturating_add(missed.saturating_mul(self.interval));
        let closes = opens.saturating_add(self.window);
        let earliest = opens.max(elapsed);
        let due = self.on_beat(earliest, earliest + share(closes.saturating_sub(earliest), random)).min(closes);
        Tick {
            due: Duration::from_nanos(due),
            mark: Mark::Line(Duration::from_nanos(opens.saturating_add(self.interval))),
            missed,
        }
    }

    /// The last beat up to `due`, or if that is before `earliest` the next one. Beats are counted on the runner's clock.
    fn on_beat(&self, earliest: u64, due: u64) -> u64 {
        let last = due - due % self.beat;
        if last >= earliest { last } else { last.saturating_add(self.beat) }
    }

    /// The first line of the grid, on the runner's clock, that lies at least `delay` after `now`.
    pub(super) fn line(&self, now: Now, delay: Duration) -> Duration {
        let delay = nanoseconds(delay);
        let earliest = now.wall.as_nanosecond() + i128::from(delay);
        let short = (i128::from(self.place) - earliest).rem_euclid(i128::from(self.interval));
        let wait = delay.saturating_add(u64::try_from(short).unwrap_or(0));
        now.elapsed.saturating_add(Duration::from_nanos(wait))
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interval = SignedDuration::try_from(self.interval()).unwrap_or(SignedDuration::MAX);
        write!(f, "every {interval:#}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use jiff::Timestamp;

    const SECOND: Duration = Duration::from_secs(1);
    const NANOSECOND: Duration = Duration::from_nanos(1);

    fn now(elapsed: Duration) -> Now {
        let start = Now { elapsed: Duration::ZERO, wall: "2026-03-01T12:34:56.789Z".parse().unwrap() };
        start.plus(elapsed)
    }

    fn line(tick: Tick) -> Duration {
        match tick.mark {
            Mark::Line(line) => line,
            Mark::Wall(_) => unreachable!("an interval has no marks on the wall"),
        }
    }

    #[test]
    fn parameters_have_ranges() {
        let new = |interval, jitter| Every::new(interval, jitter, "a").map(|_| ());
        let short = Duration::from_millis(99);
        let long = Every::LONGEST + Duration::from_nanos(1);
        assert_eq!(new(short, 0.0), Err(EveryError::Interval(short)));
        assert_eq!(new(long, 0.0), Err(EveryError::Interval(long)));
        assert_eq!(new(SECOND, 1.01), Err(EveryError::Jitter(1.01)));
        assert!(new(SECOND, f64::NAN).is_err());
        assert_eq!(new(Every::SHORTEST, 0.0), Ok(()));
        assert_eq!(new(Every::LONGEST, 1.0), Ok(()));
        assert_eq!(
            EveryError::Interval(short).to_string(),
            "the interval must be from 100ms to 366 days, not 99ms; for example 30s"
        );
    }

    #[test]
    fn an_interval_is_shown_as_it_is_written() {
        for (milliseconds, text) in [(100, "every 100ms"), (30_000, "every 30s"), (5_400_000, "every 1h 30m")] {
            let every = Every::new(Duration::from_millis(milliseconds), 0.0, "a").unwrap();
            assert_eq!(every.to_string(), text);
        }
    }

    #[test]
    fn ticks_that_passed_are_skipped_and_counted() {
        let every = Every::new(10 * SECOND, 0.0, "a").unwrap();
        let line = 100 * SECOND;
        for (elapsed, due, missed) in [(95, 100, 0), (100, 100, 0), (101, 110, 1), (110, 110, 1), (145, 150, 5)] {
            let tick = every.tick(line, now(elapsed * SECOND), 0.0);
            assert_eq!((tick.due, tick.missed), (due * SECOND, missed), "at {elapsed}");
        }
    }

    #[test]
    fn a_window_that_is_still_open_is_not_missed() {
        let every = Every::new(10 * SECOND, 0.5, "a").unwrap();
        let tick = |elapsed, random| every.tick(100 * SECOND, now(elapsed * SECOND), random);
        assert_eq!(tick(90, 0.5).due, Duration::from_millis(102_500));
        assert_eq!(tick(103, 0.0).due, 103 * SECOND);
        assert_eq!(tick(103, 0.5).due, 104 * SECOND);
        assert_eq!(tick(103, 0.5).missed, 0);
        assert_eq!(line(tick(103, 0.5)), 110 * SECOND);
        assert_eq!((tick(106, 0.0).due, tick(106, 0.0).missed), (110 * SECOND, 1));
    }

    #[test]
    fn a_whole_interval_of_jitter_ends_before_the_next_tick() {
        let every = Every::new(10 * SECOND, 1.0, "a").unwrap();
        let tick = every.tick(100 * SECOND, now(90 * SECOND), 1.0);
        assert_eq!(tick.due, Duration::from_millis(109_900), "the last beat before it");
    }

    #[test]
    fn runs_start_on_a_beat() {
        let milliseconds = Duration::from_millis;
        let due = |interval, jitter, line, elapsed, random| {
            let every = Every::new(milliseconds(interval), jitter, "a").unwrap();
            every.tick(milliseconds(line), now(milliseconds(elapsed)), random).due.as_millis()
        };
        let table = [
            // By interval: a tenth of it at the most.
            (due(30_000, 0.0, 60_001, 0, 0.9), 60_100),
            (due(1_999, 0.0, 60_001, 0, 0.9), 60_050),
            (due(999, 0.0, 60_001, 0, 0.9), 60_010),
            // What is on the beat stays there.
            (due(30_000, 0.0, 60_100, 0, 0.0), 60_100),
            // Within the window of a jitter.
            (due(30_000, 0.1, 60_001, 0, 0.5), 61_500),
            (due(30_000, 0.1, 60_001, 0, 0.0), 60_100),
            // Who comes late, and not too late, is not kept beyond the window.
            (due(30_000, 0.0, 60_001, 60_099, 0.9), 60_100),
            (due(30_000, 0.0, 60_050, 60_120, 0.0), 60_150),
        ];
        for (case, (due, expected)) in table.into_iter().enumerate() {
            assert_eq!(due, expected, "case {case}");
        }
    }

    #[test]
    fn a_place_outlives_the_runner() {
        let every = Every::new(3600 * SECOND, 0.0, "primary-db").unwrap();
        let on_the_wall = |now: Now| {
            let line = every.line(now, Duration::ZERO);
            now.plus(line - now.elapsed).wall
        };
        let before = on_the_wall(now(Duration::ZERO));
        let restarted = Now { elapsed: Duration::ZERO, wall: now(1800 * SECOND).wall };
        let after = on_the_wall(restarted);
        assert_eq!(after.duration_since(before).as_secs() % 3600, 0);
    }

    #[test]
    fn a_thousand_checks_do_not_start_together() {
        let mut busiest = [0; 30];
        for number in 0..1000 {
            let every = Every::new(30 * SECOND, 0.0, &format!("check-{number}")).unwrap();
            let second = every.line(now(Duration::ZERO), Duration::ZERO).as_secs();
            busiest[usize::try_from(second).unwrap()] += 1;
        }
        // 33 on average; a fair draw passes 60 in one of its thirty seconds once in thousands of tries.
        assert!(busiest.iter().all(|&starts| starts < 60), "{busiest:?}");
    }

    proptest! {
        #[test]
        fn the_grid_leaves_room_for_the_first_run(
            milliseconds in 100_u64..10_000_000,
            delay in 0_u64..100_000,
            elapsed in 0_u64..1_000_000_000_000,
        ) {
            let interval = Duration::from_millis(milliseconds);
            let every = Every::new(interval, 0.0, "a").unwrap();
            let first = every.first(now(Duration::from_micros(elapsed)), Duration::from_millis(delay));
            let gap = line(first) - first.due;
            prop_assert!(gap >= interval / 2 && gap <= interval / 2 + interval);
        }

        #[test]
        fn the_grid_never_drifts_and_windows_never_overlap(
            // The shorter ones are the ones that are pressed for room.
            milliseconds in prop_oneof![100_u64..3_000, 100_u64..10_000_000],
            jitter in prop_oneof![Just(0.0), 0.0..=1.0],
            // How long each run takes, as a share of the interval, and where in its window it starts.
            runs in prop::collection::vec((0.0..3.0, 0.0..=1.0), 1..200),
        ) {
            let interval = Duration::from_millis(milliseconds);
            let every = Every::new(interval, jitter, "a").unwrap();
            let mut at = now(Duration::ZERO);
            let mut tick = every.first(at, Duration::ZERO);
            let grid = line(tick);
            let mut ticks = 0;
            for (length, random) in runs {
                at = now(tick.due + interval.mul_f64(length));
                let next = every.tick(line(tick), at, random);
                ticks += next.missed + 1;
                let opened = line(next) - interval;
                prop_assert_eq!(opened, grid + Duration::from_nanos(every.interval * (ticks - 1)));
                prop_assert!(next.due > tick.due && next.due >= at.elapsed);
                let window = interval.mul_f64(jitter).max(Duration::from_nanos(every.beat)) + NANOSECOND;
                prop_assert!(next.due >= opened && next.due - opened <= window);
                prop_assert!(next.due < line(next));
                tick = next;
            }
        }

        #[test]
        fn no_moment_and_no_number_is_too_absurd(
            line in any::<Duration>(),
            elapsed in any::<Duration>(),
            wall in any::<i64>(),
            random in any::<f64>(),
        ) {
            let wall = Timestamp::from_nanosecond(i128::from(wall)).unwrap();
            let now = Now { elapsed, wall };
            let every = Every::new(Every::SHORTEST, 1.0, "a").unwrap();
            every.first(now, elapsed);
            every.tick(line, now, random);
            every.line(now, Duration::MAX);
        }
    }
}
