//! Time, as the sandbox knows it: two clocks, and waiting that ends.

use std::time::Duration;

use crate::{
    Cause,
    bindings::wasi::{
        clocks::{monotonic_clock, wall_clock},
        io::poll::{Pollable, poll},
    },
    contract::nanoseconds,
};

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// A point on the monotonic clock, whose zero means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The present.
    pub fn now() -> Self {
        Self(monotonic_clock::now())
    }

    /// The time since then.
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(Self::now().0.saturating_sub(self.0))
    }
}

/// The time since 1970-01-01T00:00:00Z by the system's clock.
pub fn since_epoch() -> Duration {
    let now = wall_clock::now();
    Duration::new(now.seconds, now.nanoseconds)
}

/// The day of a moment, given in seconds since 1970-01-01T00:00:00Z, as `2026-01-02`.
///
/// It counts by cycles of 400 years, each of 146,097 days, that begin on a first of March: so a leap day is the last of its year.
pub fn date(seconds: i64) -> String {
    const CYCLE: i64 = 146_097;
    /// Days from 0000-03-01 to 1970-01-01.
    const EPOCH: i64 = 719_468;
    let days = seconds.div_euclid(DAY) + EPOCH;
    let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let year = (day - day / 1_460 + day / 36_524 - day / (CYCLE - 1)) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{of_month:02}", cycle * 400 + year + next)
}

/// A moment, given in seconds since 1970-01-01T00:00:00Z, as RFC 3339 has it: `2026-01-02T03:04:05Z`.
pub fn moment(seconds: i64) -> String {
    let of_day = seconds.rem_euclid(DAY);
    format!("{}T{:02}:{:02}:{:02}Z", date(seconds), of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

/// The point at which waiting for a target ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Instant);

impl Deadline {
    /// The end of a run that has `time_left` at `now`, less what it takes to give the verdict in time.
    pub(crate) fn of_run(now: Instant, time_left: Duration) -> Self {
        Self(Instant(now.0.saturating_add(nanoseconds(time_left.saturating_sub(margin(time_left))))))
    }

    /// The end of a leave-taking, of which the runner tells no time: half of the most that it allows.
    pub(crate) fn of_leave() -> Self {
        const LEAVE: Duration = Duration::from_secs(1);
        Self::after(LEAVE)
    }

    /// So much later than now.
    pub(crate) fn after(span: Duration) -> Self {
        Self(Instant(Instant::now().0.saturating_add(nanoseconds(span))))
    }

    /// What can be polled for its coming.
    pub(crate) fn alarm(self) -> Pollable {
        monotonic_clock::subscribe_instant(self.0.0)
    }

    /// What is left until then; zero once it is past.
    pub fn remaining(self) -> Duration {
        Duration::from_nanos(self.0.0.saturating_sub(Instant::now().0))
    }

    /// The same, as the contract tells it.
    pub fn remaining_nanoseconds(self) -> u64 {
        nanoseconds(self.remaining())
    }

    /// Waits until then.
    pub fn pass(self) {
        self.alarm().block();
    }

    /// The nearer deadline that leaves time for `parts` tries of equal length, of which this is the first. A share of no
    /// parts is the whole.
    #[must_use]
    pub fn share(self, parts: usize) -> Self {
        if parts <= 1 {
            return self;
        }
        let now = Instant::now();
        Self(Instant(now.0.saturating_add(self.0.0.saturating_sub(now.0) / (parts as u64))))
    }

    /// The nearer of this deadline and one so much later than now.
    #[must_use]
    pub fn within(self, span: Duration) -> Self {
        Self(self.0.min(Self::after(span).0))
    }

    /// Repeats `step` until it yields something, and waits for `event` between the tries.
    ///
    /// # Errors
    ///
    /// That of `step`, or [`Cause::TimedOut`].
    pub(crate) fn until<T, E>(
        self,
        event: impl Fn() -> Pollable,
        mut step: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<T, Cause>
    where
        Cause: From<E>,
    {
        // Most is done at once, and needs no clock.
        let mut begun = None;
        loop {
            if let Some(done) = step()? {
                return Ok(done);
            }
            let begun = *begun.get_or_insert_with(Instant::now);
            if !poll(&[&event(), &self.alarm()]).contains(&0) {
                return Err(Cause::TimedOut(begun.elapsed()));
            }
        }
    }
}

/// What is kept back of a run's time-out, so that a silent target is found unhealthy by the probe before the runner finds
/// the probe at fault: a twenty-fifth, but not less than two ticks of the runner's 10 ms clock, nor more than half a second,
/// and never more than half of the whole.
fn margin(time_left: Duration) -> Duration {
    const LEAST: Duration = Duration::from_millis(20);
    const MOST: Duration = Duration::from_millis(500);
    (time_left / 25).clamp(LEAST, MOST).min(time_left / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_grows_with_the_time_out_within_bounds() {
        for (time_left, kept_back) in [(0, 0), (10, 5), (100, 20), (1_000, 40), (5_000, 200), (60_000, 500)] {
            assert_eq!(margin(Duration::from_millis(time_left)), Duration::from_millis(kept_back), "{time_left} ms");
        }
    }

    #[test]
    fn days_have_dates() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_767_312_000, "2026-01-02"),
            (1_772_323_199, "2026-02-28"),
            (4_107_542_400, "2100-03-01"),
            (253_402_300_799, "9999-12-31"),
        ] {
            assert_eq!(date(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn moments_are_told_to_the_second() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(-1), "1969-12-31T23:59:59Z");
        assert_eq!(moment(1_767_323_045), "2026-01-02T03:04:05Z");
    }

    #[test]
    fn a_run_without_end_has_a_deadline_without_overflow() {
        assert_eq!(Deadline::of_run(Instant(1), Duration::MAX), Deadline(Instant(u64::MAX)));
    }
}
