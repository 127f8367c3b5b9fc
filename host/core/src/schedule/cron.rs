//! Cron: appointments by the calendar and by the clock on the wall.
//!
//! # What an expression means
//!
//! Five fields (minute, hour, day of month, month, weekday), six (seconds first) or seven (and years last), or one of
//! the nicknames `@yearly @annually @monthly @weekly @daily @midnight @hourly`. A field is a list of `*`, `5`, `1-5`,
//! `*/15`, `8-18/2` and `10/15` (from 10 on), with English names for months and weekdays. Weekdays are those of POSIX:
//! 0 and 7 are both Sunday, and a range of them may run over the end of the week.
//!
//! When the day of month and the weekday are both restricted, a day needs to match only one of them (POSIX). A field
//! that begins with `*`, or is `?`, is a wildcard and restricts nothing in this sense, so `0 0 */2 * mon` are the
//! Mondays on odd days (Vixie cron).
//!
//! # When clocks change
//!
//! Two kinds of schedule are told apart by whether the second, minute or hour field begins with `*`, as cronie and the
//! other heirs of Vixie cron do:
//!
//! * With such a wildcard, a schedule is a *rhythm*. It keeps time with the clock on the wall: each moment at which the
//!   clock shows a matching time is a tick. So `* * * * *` ticks each minute throughout, `30 * * * *` ticks in both
//!   passes of a repeated hour, and `*/5 2 * * *` has no tick on a day that goes from 02:00 straight to 03:00.
//! * Without one, a schedule names *appointments*, and each is kept exactly once. One that the clock jumps over is kept at
//!   the first moment after the jump (several of them: once), and one that the clock shows twice is kept the first time.

mod calendar;
mod error;
mod expression;
mod field;
mod zone;

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use self::error::{CronError, ItemProblem};
pub use self::field::Field;

use self::calendar::Calendar;
use self::expression::Expression;
use self::zone::Stretch;
use super::tick::{Mark, Tick};
use crate::time::Now;

/// The most missed ticks of a cron schedule that are counted: counting looks up each, and after a year's sleep of a
/// schedule of minutes that would take a third of a second. Whoever sees this number knows enough.
pub const MISSED_MAX: u64 = 1_000;
/// A clock that is behind the last tick by more than this was set back, and the schedule follows it. By less, it was
/// corrected, or the timer fired early, and the tick is not repeated.
const SET_BACK: SignedDuration = SignedDuration::from_secs(60);
/// Nanoseconds in a second.
const NANOSECONDS: i128 = 1_000_000_000;
/// The zone of a schedule that names none.
const DEFAULT_ZONE: &str = "UTC";

/// A cron schedule in a time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    /// The expression as written, with single spaces.
    text: String,
    calendar: Calendar,
    zone: TimeZone,
    /// Whether times are appointments, or else a rhythm.
    appointments: bool,
}

impl Cron {
    /// Reads `expression` (see the [module](self)) for the IANA time zone named `zone`, or UTC. `now` is the present.
    ///
    /// # Errors
    ///
    /// The expression or the zone's name is wrong, or the schedule has no tick after `now`. The evaluator's calendar
    /// ends with the year 2100.
    pub fn parse(expression: &str, zone: Option<&str>, now: Timestamp) -> Result<Cron, CronError> {
        let text = expression.split_whitespace().collect::<Vec<_>>().join(" ");
        let expression = Expression::parse(&text)?;
        let cron = Cron {
            calendar: Calendar::new(&expression)?,
            zone: zone::find(zone.unwrap_or(DEFAULT_ZONE))?,
            appointments: expression.names_times(),
            text,
        };
        if cron.calendar.is_empty() {
            return Err(CronError::NoSuchDate(cron.text));
        }
        if cron.next(now).is_none() {
            return Err(CronError::Past { expression: cron.text, now });
        }
        Ok(cron)
    }

    /// The first tick strictly after `after`; `None` if there is none up to the end of the year 2100.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        // Ticks fall on whole seconds, so rounding down loses none of them.
        let mut passed = i64::try_from(after.as_nanosecond().div_euclid(NANOSECONDS)).ok()?;
        let mut stretch = Stretch::at(&self.zone, passed);
        loop {
            let mut shown = passed + stretch.offset;
            if self.appointments
                && let Some(turned_from) = stretch.turned_from
            {
                // Where the clock was turned back, times up to the turn have been kept the first time they were shown.
                shown = shown.max(turned_from - 1);
            }
            let reading = self.calendar.next(shown)?;
            let instant = reading - stretch.offset;
            let turn = match stretch.end {
                Some(turn) if turn.at <= instant => turn,
                _ => return Timestamp::from_second(instant).ok(),
            };
            if self.appointments && reading < turn.to {
                // The clock jumps over this appointment.
                return Timestamp::from_second(turn.at).ok();
            }
            passed = turn.at - 1;
            stretch = Stretch::at(&self.zone, turn.at);
        }
    }

    /// A tick off the calendar, `delay` from now.
    pub(super) fn first(now: Now, delay: Duration) -> Tick {
        let then = now.plus(delay);
        Tick { due: then.elapsed, mark: Mark::Wall(then.wall), missed: 0 }
    }

    /// The first tick after `previous` that has not passed.
    pub(super) fn tick(&self, previous: Timestamp, now: Now) -> Option<Tick> {
        let set_back = previous.duration_since(now.wall) > SET_BACK;
        let mut at = self.next(if set_back { now.wall } else { previous })?;
        let mut missed = 0;
        while at < now.wall {
            missed += 1;
            at = if missed < MISSED_MAX {
                self.next(at)?
            } else {
                // There is such a moment: `now` is later than a tick.
                self.next(now.wall - SignedDuration::from_nanos(1))?
            };
        }
        let wait = Duration::try_from(at.duration_since(now.wall)).unwrap_or_default();
        Some(Tick { due: now.elapsed.saturating_add(wait), mark: Mark::Wall(at), missed })
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or(DEFAULT_ZONE);
        write!(f, "cron {} {zone}", self.text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(wall: &str) -> Timestamp {
        wall.parse().unwrap()
    }

    fn cron(expression: &str, zone: &str) -> Result<Cron, CronError> {
        Cron::parse(expression, Some(zone), at("2026-03-01T00:00:00Z"))
    }

    /// The tick after one at `previous` whose run finished at `now`, as seconds from then and its missed ticks.
    fn follow(previous: &str, now: &str) -> (Tick, u64, u64) {
        let elapsed = Duration::from_secs(5000);
        let now = Now { elapsed, wall: at(now) };
        let tick = cron("*/5 * * * *", "UTC").unwrap().tick(at(previous), now).unwrap();
        (tick, (tick.due - elapsed).as_secs(), tick.missed)
    }

    #[test]
    fn a_schedule_is_shown_with_its_zone() {
        let shown = cron(" */5  8-18 * * mon-fri", "europe/stockholm").unwrap().to_string();
        assert_eq!(shown, "cron */5 8-18 * * mon-fri Europe/Stockholm");
        let shown = Cron::parse("@daily", None, Timestamp::UNIX_EPOCH).unwrap().to_string();
        assert_eq!(shown, "cron @daily UTC");
    }

    #[test]
    fn what_never_occurs_is_refused() {
        let none = |text: &str| Err(CronError::NoSuchDate(text.to_owned()));
        for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 29 2 * 2027", "* * 30-31 2 *"] {
            assert_eq!(cron(text, "UTC"), none(text));
        }
        let text = "0 0 0 1 3 * 2020-2026";
        let (expression, now) = (text.to_owned(), at("2026-03-01T00:00:00Z"));
        assert_eq!(cron(text, "UTC"), Err(CronError::Past { expression, now }));
        assert!(cron(text, "America/New_York").is_ok(), "there, the day is still to come");
        assert!(cron("0 0 29 2 *", "UTC").is_ok());
    }

    #[test]
    fn an_unknown_zone_is_refused_with_those_that_look_like_it() {
        for (name, message) in [
            ("Europe/Stokholm", "`Europe/Stokholm` is not an IANA time zone; did you mean `Europe/Stockholm`?"),
            ("new york", "`new york` is not an IANA time zone; did you mean `America/New_York`?"),
            ("Etc/Unknown", "`Etc/Unknown` is not an IANA time zone; for example `Europe/Stockholm`"),
            ("local", "`local` is not an IANA time zone; for example `Europe/Stockholm`"),
            ("", "`` is not an IANA time zone; for example `Europe/Stockholm`"),
        ] {
            assert_eq!(cron("@daily", name).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn ticks_that_passed_are_skipped_and_counted() {
        for (now, seconds, missed) in [
            ("2026-03-01T12:00:01Z", 299, 0),
            ("2026-03-01T12:05:00Z", 0, 0),
            ("2026-03-01T12:05:00.5Z", 299, 1),
            ("2026-03-01T12:59:00Z", 60, 11),
            // A week is 2,016 of these ticks.
            ("2026-03-08T12:00:00.5Z", 299, MISSED_MAX),
            ("2026-03-08T12:00:00Z", 0, MISSED_MAX),
        ] {
            let (_, wait, skipped) = follow("2026-03-01T12:00:00Z", now);
            assert_eq!((wait, skipped), (seconds, missed), "{now}");
        }
    }

    #[test]
    fn a_clock_set_back_is_followed_but_a_correction_repeats_nothing() {
        let (tick, wait, _) = follow("2026-03-01T12:00:00Z", "2026-03-01T11:59:30Z");
        assert_eq!((tick.mark, wait), (Mark::Wall(at("2026-03-01T12:05:00Z")), 330));
        let (tick, wait, _) = follow("2026-03-01T12:00:00Z", "2026-03-01T11:01:00Z");
        assert_eq!((tick.mark, wait), (Mark::Wall(at("2026-03-01T11:05:00Z")), 240));
    }

    #[test]
    fn no_moment_is_too_absurd() {
        let daily = cron("30 2 * * *", "Europe/Stockholm").unwrap();
        assert_eq!(daily.next(Timestamp::MAX), None);
        assert_eq!(daily.next(Timestamp::MIN), None, "the calendar begins in 1970");
        assert_eq!(daily.next(at("2100-12-31T12:00:00Z")), None);
        let seconds = cron("* * * * * *", "UTC").unwrap();
        assert_eq!(seconds.next(at("1969-12-31T23:59:59.5Z")), Some(Timestamp::UNIX_EPOCH));
    }
}
