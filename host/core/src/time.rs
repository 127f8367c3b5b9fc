//! The present, as an argument.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// One moment, on both clocks that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Time since the runner started, on a clock that never steps. Intervals and delays are measured on it.
    pub elapsed: Duration,
    /// The time of day, which may step. Cron and everything shown to people uses it.
    pub wall: Timestamp,
}

impl Now {
    /// The moment `span` later, if neither clock steps in between.
    #[must_use]
    pub fn plus(self, span: Duration) -> Now {
        Now {
            elapsed: self.elapsed.saturating_add(span),
            wall: SignedDuration::try_from(span)
                .ok()
                .and_then(|span| self.wall.checked_add(span).ok())
                .unwrap_or(Timestamp::MAX),
        }
    }
}

/// A moment that has passed, though that was before the runner's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day then.
    pub wall: Timestamp,
    /// Since the runner's start; less than nothing before it.
    elapsed: SignedDuration,
}

impl Moment {
    /// A moment of which the time of day alone is known, as of those before the runner's start. One that is still to come, because
    /// the clock was set back, is now.
    #[must_use]
    pub fn recalled(wall: Timestamp, now: Now) -> Moment {
        let age = now.wall.duration_since(wall).max(SignedDuration::ZERO);
        Moment { wall, elapsed: signed(now.elapsed).saturating_sub(age) }
    }

    /// How long ago it was, by the clock that never steps.
    #[must_use]
    pub fn age(self, now: Now) -> Duration {
        Duration::try_from(signed(now.elapsed).saturating_sub(self.elapsed)).unwrap_or(Duration::ZERO)
    }
}

impl From<Now> for Moment {
    fn from(now: Now) -> Moment {
        Moment { wall: now.wall, elapsed: signed(now.elapsed) }
    }
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

/// A span in nanoseconds, up to 584 years of them.
#[must_use]
pub fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_as_old_as_it_is_whatever_the_clock_is_set_to() {
        let second = Duration::from_secs(1);
        let start = Now { elapsed: 5 * second, wall: "2026-03-02T12:00:00Z".parse().unwrap() };
        let later = Now { elapsed: 15 * second, wall: Timestamp::UNIX_EPOCH };
        assert_eq!(Moment::from(start).age(later), 10 * second);
        let before = Moment::recalled("2026-03-02T11:59:00Z".parse().unwrap(), start);
        assert_eq!((before.age(start), before.age(later)), (60 * second, 70 * second));
        let ahead = Moment::recalled("2026-03-02T12:01:00Z".parse().unwrap(), start);
        assert_eq!((ahead.age(start), ahead.age(later)), (Duration::ZERO, 10 * second));
    }
}
