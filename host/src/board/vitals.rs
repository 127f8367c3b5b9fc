//! Whether the parts of the runner still move without which nothing is examined any more, whatever its targets do.

use std::{sync::OnceLock, time::Duration};

/// How long a part may not have moved before the runner counts as dead. Each moves many times a second, or once; a machine that is
/// merely slow, or was asleep, is not to be restarted for it.
pub const STILL: Duration = Duration::from_secs(15);

/// A part that must move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What runs the workers.
    Scheduler,
    /// What ends runs that take too long.
    EpochTicker,
}

impl Part {
    /// Every part, in the order in which they are told of.
    pub const ALL: [Part; 2] = [Part::Scheduler, Part::EpochTicker];

    /// The word used in HTTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Scheduler => "scheduler",
            Part::EpochTicker => "epoch-ticker",
        }
    }
}

type Since = Box<dyn Fn() -> Duration + Send + Sync>;

/// What is known of the parts. One that nobody watches counts as moving: whoever serves a board alone has none.
#[derive(Default)]
pub struct Vitals([OnceLock<Since>; Part::ALL.len()]);

impl Vitals {
    /// Takes in how to find out for how long a part has not moved. Only the first that is told counts.
    pub fn watch(&self, part: Part, since: impl Fn() -> Duration + Send + Sync + 'static) {
        // A second way to find out the same would come to the same.
        let _ = self.0[part as usize].set(Box::new(since));
    }

    /// For how long a part has not moved, if that is too long.
    #[must_use]
    pub fn still(&self, part: Part) -> Option<Duration> {
        let since = self.0[part as usize].get().map_or(Duration::ZERO, |since| since());
        (since >= STILL).then_some(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_does_not_move_for_long_is_still() {
        let vitals = Vitals::default();
        vitals.watch(Part::EpochTicker, || STILL);
        assert_eq!(vitals.still(Part::Scheduler), None, "nobody watches it");
        assert_eq!(vitals.still(Part::EpochTicker), Some(STILL));
        vitals.watch(Part::Scheduler, || STILL - Duration::from_millis(1));
        assert_eq!(vitals.still(Part::Scheduler), None);
    }
}
