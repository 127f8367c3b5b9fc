//! Times in which something holds: every night, or from one moment to another.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::schedule::Cron;

/// A time in which something holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Period {
    /// From each of these moments on, for so long.
    Recurring {
        /// When it begins.
        cron: Cron,
        /// How long it holds.
        duration: Duration,
    },
    /// From one moment to another, which is not part of it.
    Once {
        /// When it begins.
        from: Timestamp,
        /// When it is over.
        to: Timestamp,
    },
}

impl Period {
    /// Until when it holds, if it does now. Of occurrences that overlap, this is the end of the first: look again then.
    #[must_use]
    pub fn holds_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Period::Once { from, to } => (*from <= now && now < *to).then_some(*to),
            Period::Recurring { cron, duration } => {
                let duration = SignedDuration::try_from(*duration).ok()?;
                // One that began exactly that long ago is over, and `next` is strictly later than what it is given.
                let began = cron.next(now.checked_sub(duration).ok()?)?;
                (began <= now).then(|| began.checked_add(duration).ok())?
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_recurring_period_holds_from_its_beginning_for_its_duration() {
        let cron = Cron::parse("0 22 * * *", Some("Europe/Stockholm"), at("2026-01-01T00:00:00Z")).unwrap();
        let nights = Period::Recurring { cron, duration: Duration::from_secs(8 * 3600) };
        let table = [
            ("2026-02-01T20:59:59Z", None),
            ("2026-02-01T21:00:00Z", Some("2026-02-02T05:00:00Z")),
            ("2026-02-02T04:59:59Z", Some("2026-02-02T05:00:00Z")),
            ("2026-02-02T05:00:00Z", None),
            // In summer, an hour earlier by UTC.
            ("2026-07-01T19:59:59Z", None),
            ("2026-07-01T20:00:00Z", Some("2026-07-02T04:00:00Z")),
            // The night in which the clock is turned: eight hours are eight hours.
            ("2026-03-29T04:59:59Z", Some("2026-03-29T05:00:00Z")),
        ];
        for (now, until) in table {
            assert_eq!(nights.holds_until(at(now)), until.map(at), "{now}");
        }
    }

    #[test]
    fn occurrences_may_overlap() {
        let cron = Cron::parse("0 * * * *", None, at("2026-01-01T00:00:00Z")).unwrap();
        let always = Period::Recurring { cron, duration: Duration::from_secs(90 * 60) };
        assert_eq!(always.holds_until(at("2026-02-01T12:10:00Z")), Some(at("2026-02-01T12:30:00Z")));
        assert_eq!(always.holds_until(at("2026-02-01T12:30:00Z")), Some(at("2026-02-01T13:30:00Z")));
    }

    #[test]
    fn a_single_period_holds_from_one_moment_to_another() {
        let (from, to) = (at("2026-02-01T12:00:00Z"), at("2026-02-01T13:00:00Z"));
        let once = Period::Once { from, to };
        for (now, holds) in [
            ("2026-02-01T11:59:59.9Z", false),
            ("2026-02-01T12:00:00Z", true),
            ("2026-02-01T12:59:59.9Z", true),
            ("2026-02-01T13:00:00Z", false),
        ] {
            assert_eq!(once.holds_until(at(now)), holds.then_some(to), "{now}");
        }
    }

    #[test]
    fn no_moment_is_too_absurd() {
        let cron = Cron::parse("@daily", None, at("2026-01-01T00:00:00Z")).unwrap();
        let period = Period::Recurring { cron, duration: Duration::from_secs(3600) };
        assert_eq!(period.holds_until(Timestamp::MIN), None);
        assert_eq!(period.holds_until(Timestamp::MAX), None);
    }
}
