//! When a circuit opens, and for how long.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The usual wait until an open circuit is tried again.
const EXPIRY: Duration = Duration::from_secs(60);
/// Failures in a row that open a circuit unless told otherwise. With the usual back-off the tenth attempt is the first
/// that follows a wait of a minute, which is the usual expiry: so by default the circuit adds nothing to those waits.
const FAILURES: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// The shortest expiry: below a second, an open circuit protects nobody.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest: past a day, somebody should look at it.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Growth beyond a hundredfold is a slip of the pen.
const LARGEST_FACTOR: f64 = 100.0;

/// How a circuit behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// When it opens.
    pub trip: Trip,
    /// How long it stays open.
    pub expiry: Expiry,
    /// How many calls a half-open circuit lets through at a time.
    pub permits: NonZeroU32,
}

impl Default for Policy {
    /// Ten failures in a row, a minute, and one call to find out.
    fn default() -> Self {
        Policy { trip: Trip::default(), expiry: Expiry::Fixed(EXPIRY), permits: NonZeroU32::MIN }
    }
}

/// What opens a closed circuit: whichever is reached first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trip {
    /// So many failures in a row.
    pub failures: Option<NonZeroU32>,
    /// A share of failures among the latest calls.
    pub rate: Option<Rate>,
    /// A call that took as long as this counts as a failure, whatever came of it.
    pub slow: Option<Duration>,
}

impl Default for Trip {
    fn default() -> Self {
        Trip { failures: Some(FAILURES), rate: None, slow: None }
    }
}

impl Trip {
    /// Whether the latest calls are enough: so many failures in a row, and these (the latest in the lowest bit, set is a
    /// failure), of which there are so many.
    pub(super) fn is_reached(&self, failures: u32, calls: u64, called: u32) -> bool {
        let in_a_row = self.failures.is_some_and(|most| failures >= most.get());
        in_a_row || self.rate.is_some_and(|rate| rate.is_reached(calls, called))
    }
}

/// A share of failures among the latest calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    share: f64,
    window: u32,
    minimum: u32,
}

impl Rate {
    /// The most calls that a share can be of.
    pub const MOST_CALLS: u32 = u64::BITS;

    /// The share `share` of the latest `window` calls, once there have been `minimum`.
    ///
    /// # Errors
    ///
    /// The first parameter found out of its range: `share` above 0 and at most 1, `window` 1..=64, `minimum` 1..=`window`.
    pub fn new(share: f64, window: u32, minimum: u32) -> Result<Rate, PolicyError> {
        if !(share > 0.0 && share <= 1.0) {
            return Err(PolicyError::Share(share));
        }
        if !(1..=Rate::MOST_CALLS).contains(&window) {
            return Err(PolicyError::Window(window));
        }
        if !(1..=window).contains(&minimum) {
            return Err(PolicyError::Minimum { minimum, window });
        }
        Ok(Rate { share, window, minimum })
    }

    /// The share of failures, of how many calls, and how many there must have been.
    #[must_use]
    pub fn parts(&self) -> (f64, u32, u32) {
        (self.share, self.window, self.minimum)
    }

    fn is_reached(&self, calls: u64, called: u32) -> bool {
        let seen = called.min(self.window);
        let failed = (calls & (u64::MAX >> (u64::BITS - self.window))).count_ones();
        seen >= self.minimum && f64::from(failed) >= self.share * f64::from(seen)
    }
}

/// How long a circuit stays open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expiry {
    /// The same time each time.
    Fixed(Duration),
    /// Longer each time it opens again without having been closed.
    Progressive {
        /// The first time.
        initial: Duration,
        /// How many times as long each further time is.
        factor: f64,
        /// The longest.
        max: Duration,
    },
    /// Until somebody acts.
    Disabled,
}

impl Expiry {
    /// The usual first time of a progressive expiry.
    pub const INITIAL: Duration = Duration::from_secs(10);
    /// The usual growth.
    pub const FACTOR: f64 = 2.0;
    /// The usual longest time.
    pub const MAX: Duration = Duration::from_secs(300);

    /// The same time each time.
    ///
    /// # Errors
    ///
    /// It is not from one second to one day.
    pub fn fixed(expiry: Duration) -> Result<Expiry, PolicyError> {
        if !(SHORTEST..=LONGEST).contains(&expiry) {
            return Err(PolicyError::Expiry(expiry));
        }
        Ok(Expiry::Fixed(expiry))
    }

    /// `initial`, `initial * factor`, … up to `max`.
    ///
    /// # Errors
    ///
    /// The first parameter found out of its range: `initial` and `max` from one second to one day, `factor` 1..=100, `max` ≥
    /// `initial`.
    pub fn progressive(initial: Duration, factor: f64, max: Duration) -> Result<Expiry, PolicyError> {
        Expiry::fixed(initial)?;
        Expiry::fixed(max)?;
        if !(1.0..=LARGEST_FACTOR).contains(&factor) {
            return Err(PolicyError::Factor(factor));
        }
        if max < initial {
            return Err(PolicyError::Max { initial, max });
        }
        Ok(Expiry::Progressive { initial, factor, max })
    }

    /// The word used in configuration and HTTP.
    #[must_use]
    pub fn strategy(&self) -> &'static str {
        match self {
            Expiry::Fixed(_) => "fixed",
            Expiry::Progressive { .. } => "progressive",
            Expiry::Disabled => "disabled",
        }
    }

    /// How long a circuit stays open that was opened again so often; `None`: until somebody acts.
    pub(super) fn delay(&self, reopened: u32) -> Option<Duration> {
        match *self {
            Expiry::Fixed(expiry) => Some(expiry),
            Expiry::Progressive { initial, factor, max } => {
                let exponent = i32::try_from(reopened).unwrap_or(i32::MAX);
                let grown = initial.as_secs_f64() * factor.powi(exponent);
                Some(Duration::try_from_secs_f64(grown).map_or(max, |grown| grown.min(max)))
            }
            Expiry::Disabled => None,
        }
    }
}

/// What is wrong with a circuit's parameters.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum PolicyError {
    /// The share is none.
    #[error("the share of failures must be above 0 and at most 1, not {0}")]
    Share(f64),
    /// There are too many calls to remember, or none.
    #[error("the window must be from 1 to 64 calls, not {0}")]
    Window(u32),
    /// The minimum can't be reached, or is none.
    #[error("the least number of calls must be from 1 to the window's {window}, not {minimum}")]
    Minimum {
        /// The least number of calls.
        minimum: u32,
        /// The window.
        window: u32,
    },
    /// The time is too short or too long.
    #[error("the expiry must be from 1s to 24h, not {0:?}")]
    Expiry(Duration),
    /// The times would shrink, or grow absurdly.
    #[error("the factor must be from 1 to 100, not {0}")]
    Factor(f64),
    /// The cap lies below the first time.
    #[error("the longest expiry ({max:?}) must not be less than the first ({initial:?})")]
    Max {
        /// The first time.
        initial: Duration,
        /// The cap.
        max: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_has_its_range() {
        let s = Duration::from_secs;
        assert_eq!(Rate::new(0.0, 10, 5), Err(PolicyError::Share(0.0)));
        assert!(Rate::new(f64::NAN, 10, 5).is_err());
        assert_eq!(Rate::new(0.5, 65, 5), Err(PolicyError::Window(65)));
        assert_eq!(Rate::new(0.5, 0, 0), Err(PolicyError::Window(0)));
        assert_eq!(Rate::new(0.5, 10, 11), Err(PolicyError::Minimum { minimum: 11, window: 10 }));
        assert_eq!(Rate::new(0.5, 64, 1).map(|rate| rate.parts()), Ok((0.5, 64, 1)));
        assert_eq!(Expiry::fixed(s(0)), Err(PolicyError::Expiry(s(0))));
        assert_eq!(Expiry::progressive(s(10), 0.5, s(300)), Err(PolicyError::Factor(0.5)));
        assert_eq!(Expiry::progressive(s(10), 2.0, s(5)), Err(PolicyError::Max { initial: s(10), max: s(5) }));
        assert_eq!(Expiry::progressive(s(10), 2.0, s(100_000)), Err(PolicyError::Expiry(s(100_000))));
    }

    #[test]
    fn a_progressive_expiry_never_overflows() {
        let steep = Expiry::Progressive { initial: LONGEST, factor: 100.0, max: LONGEST };
        assert_eq!(steep.delay(u32::MAX), Some(LONGEST));
        assert_eq!(Expiry::Disabled.delay(0), None);
    }
}
