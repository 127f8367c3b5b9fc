//! When the next report is due.

use std::time::Duration;

use probity_guest::reports::Moment;

/// When reports are expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expectation<'a> {
    /// So long after the one before.
    Every(Duration),
    /// By a cron expression, in a time zone.
    Cron(&'a str, Option<&'a str>),
}

/// When the next one is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// In seconds since 1970; `None`: there is none to come.
    pub(crate) at: Option<i64>,
    /// How long ago that was; nothing if it is still to come.
    pub(crate) late: Duration,
}

impl Due {
    /// So long after the last one, by the clock that is never set.
    pub(crate) fn after(span: Duration, last: Moment) -> Self {
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Self { at: Some(last.at.saturating_add(seconds)), late: Duration::from_nanos(last.age).saturating_sub(span) }
    }

    /// At this moment, in seconds since 1970, if there is one; `now` is the time since then.
    pub(crate) fn at(tick: Option<i64>, now: Duration) -> Self {
        let passed = |tick: i64| now.saturating_sub(Duration::from_secs(u64::try_from(tick).unwrap_or_default()));
        Self { at: tick, late: tick.map(passed).unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_span_counts_from_the_last_report() {
        for (age, late) in [(20, 0), (60, 0), (75, 15)] {
            let due = Due::after(MINUTE, Moment { at: 100, age: age * 1_000_000_000 });
            assert_eq!(due, Due { at: Some(160), late: Duration::from_secs(late) });
        }
        assert_eq!(Due::after(Duration::MAX, Moment { at: 1, age: 0 }).at, Some(i64::MAX));
    }

    #[test]
    fn a_tick_is_to_come_or_has_passed() {
        let now = Duration::from_millis(100_500);
        assert_eq!(Due::at(Some(130), now), Due { at: Some(130), late: Duration::ZERO });
        assert_eq!(Due::at(Some(100), now), Due { at: Some(100), late: Duration::from_millis(500) });
        assert_eq!(Due::at(None, now), Due { at: None, late: Duration::ZERO });
    }
}
