//! Whether a target keeps changing its mind: Icinga 2's weighted share of changes among the latest results.
//!
//! Of the 20 latest results each that differs from the one before counts, the oldest with 0.80 and the newest with 1.18,
//! evenly in between (Icinga 2 documentation, "Monitoring basics", flapping detection). Above the high share it flaps; it
//! does until the share falls to the low one.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::outcome::Status;

/// How many of the latest results count.
const RESULTS: u32 = 20;
/// What a change counts that is about to be forgotten, in hundredths.
const OLDEST: u32 = 80;
/// How much more each newer one counts, in hundredths.
const STEP: u32 = 2;
/// The shares that Icinga 2 has unless told otherwise.
const SHARES: Shares = Shares { high: 0.30, low: 0.25 };

/// The shares of changes at which flapping begins and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    high: f64,
    low: f64,
}

impl Default for Shares {
    fn default() -> Self {
        SHARES
    }
}

/// What is wrong with the shares.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("the shares at which flapping ends and begins must be from 0 to 1 and in this order, not {low} and {high}")]
pub struct SharesError {
    low: f64,
    high: f64,
}

impl Shares {
    /// Flapping begins above `high`, and ends at `low`.
    ///
    /// # Errors
    ///
    /// They are not from 0 to 1, or `low` is the larger.
    pub fn new(high: f64, low: f64) -> Result<Shares, SharesError> {
        if !(0.0 <= low && low <= high && high <= 1.0) {
            return Err(SharesError { low, high });
        }
        Ok(Shares { high, low })
    }
}

/// Flapping began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It began.
    Start,
    /// It ended.
    End,
}

/// The latest results of one target, as far as they tell whether it flaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// The latest results, the latest in the lowest bit: set if it differs from the one before.
    changes: u32,
    last: Option<Status>,
    flaps: bool,
}

impl Flapping {
    /// Whether it flaps.
    #[must_use]
    pub fn flaps(&self) -> bool {
        self.flaps
    }

    /// The weighted share of changes among the latest results, from 0 to 0.99.
    #[must_use]
    pub fn share(&self) -> f64 {
        // From the newest, in the lowest bit, to the oldest.
        let weights = (0..RESULTS).filter(|age| self.changes >> age & 1 == 1);
        let sum: u32 = weights.map(|age| OLDEST + STEP * (RESULTS - 1 - age)).sum();
        f64::from(sum) / f64::from(RESULTS * 100)
    }

    /// Takes one result in.
    pub fn observe(&mut self, status: Status, shares: Shares) -> Option<Turn> {
        let changed = self.last.replace(status).is_some_and(|last| last != status);
        self.changes = (self.changes << 1 | u32::from(changed)) & ((1 << RESULTS) - 1);
        let share = self.share();
        let flaps = share > if self.flaps { shares.low } else { shares.high };
        let turn = if flaps { Turn::Start } else { Turn::End };
        (std::mem::replace(&mut self.flaps, flaps) != flaps).then_some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::{Status::*, *};

    fn turns(results: impl IntoIterator<Item = Status>) -> Vec<(usize, Turn)> {
        let mut flapping = Flapping::default();
        let turn = |(at, status)| flapping.observe(status, Shares::default()).map(|turn| (at, turn));
        results.into_iter().enumerate().filter_map(turn).collect()
    }

    #[test]
    fn the_share_is_icingas() {
        let mut flapping = Flapping::default();
        for at in 0..21 {
            flapping.observe(if at % 2 == 0 { Healthy } else { Unhealthy }, Shares::default());
        }
        assert!((flapping.share() - 0.99).abs() < 1e-9, "twenty changes of twenty: {}", flapping.share());
        let mut flapping = Flapping::default();
        flapping.observe(Healthy, Shares::default());
        flapping.observe(Unhealthy, Shares::default());
        assert!((flapping.share() - 1.18 / 20.0).abs() < 1e-9, "the newest counts most: {}", flapping.share());
        for _ in 0..19 {
            flapping.observe(Unhealthy, Shares::default());
        }
        assert!((flapping.share() - 0.80 / 20.0).abs() < 1e-9, "the oldest least: {}", flapping.share());
        flapping.observe(Unhealthy, Shares::default());
        assert_eq!(flapping.share(), 0.0, "and then it is forgotten");
    }

    #[test]
    fn it_begins_above_the_high_share_and_ends_at_the_low_one() {
        let alternating = (0..30).map(|at| if at % 2 == 0 { Healthy } else { Unhealthy });
        // Six changes in a row are 1.08 + … + 1.18 = 6.78 of 20, five are 5.7.
        assert_eq!(turns(alternating.clone()), [(6, Turn::Start)]);
        let calm = std::iter::repeat_n(Healthy, 30);
        let turns = turns(alternating.chain(calm));
        assert_eq!(turns.iter().map(|turn| turn.1).collect::<Vec<_>>(), [Turn::Start, Turn::End]);
        assert!((41..=47).contains(&turns[1].0), "{turns:?}");
    }

    #[test]
    fn what_stays_as_it_is_does_not_flap() {
        assert_eq!(turns(std::iter::repeat_n(Unhealthy, 100)), []);
        assert_eq!(turns([Healthy, Unhealthy, Healthy, Healthy, Healthy, Healthy, Degraded, Degraded]), []);
    }

    #[test]
    fn the_shares_have_their_range() {
        assert!(Shares::new(0.3, 0.25).is_ok() && Shares::new(1.0, 0.0).is_ok());
        for (high, low) in [(0.2, 0.3), (1.1, 0.3), (0.3, -0.1), (f64::NAN, 0.1), (0.3, f64::NAN)] {
            assert!(Shares::new(high, low).is_err(), "{high} {low}");
        }
    }
}
