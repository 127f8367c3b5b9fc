//! When calls to a check's target are not let through.

use std::{num::NonZeroU32, time::Duration};

use probity_core::circuit::{Expiry, Policy, PolicyError, Rate, Trip};

use super::{kind::At, layout};

/// The words for how long an open circuit stays open: always as long, longer each time, or until somebody acts.
pub(super) const STRATEGIES: &[&str] = &["fixed", "progressive", "disabled"];
/// How many of the latest calls a share of failures is of: as resilience4j's users usually have it, enough for shares of
/// a twentieth to mean something.
const WINDOW: u32 = 20;
/// The usual expiry is the longest wait for a lost target, but at least this: the core has no shorter one.
const SHORTEST: Duration = Duration::from_secs(1);
/// And it is at most this, as the core has it.
const LONGEST: Duration = Duration::from_secs(60);
/// How many calls there must be before a share of them means anything.
const MINIMUM: u32 = 10;

/// What was said of it, in one place or another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Options {
    /// `Some(None)` is off.
    pub(super) failures: Option<Option<u32>>,
    failure_rate: Option<f64>,
    window: Option<u32>,
    minimum_calls: Option<u32>,
    slow: Option<Duration>,
    strategy: Option<&'static str>,
    expiry: Option<Duration>,
    factor: Option<f64>,
    max_expiry: Option<Duration>,
    permits: Option<NonZeroU32>,
}

impl Options {
    pub(super) fn read(section: &layout::Circuit) -> Options {
        Options {
            failures: At::value(section.failures),
            failure_rate: At::value(section.failure_rate),
            window: At::value(section.window),
            minimum_calls: At::value(section.minimum_calls),
            slow: At::value(section.slow),
            strategy: At::value(section.strategy),
            expiry: At::value(section.expiry),
            factor: At::value(section.factor),
            max_expiry: At::value(section.max_expiry),
            permits: At::value(section.permits).and_then(NonZeroU32::new),
        }
    }

    /// What is said here, and for the rest what is said there.
    pub(super) fn or(self, other: Options) -> Options {
        Options {
            failures: self.failures.or(other.failures),
            failure_rate: self.failure_rate.or(other.failure_rate),
            window: self.window.or(other.window),
            minimum_calls: self.minimum_calls.or(other.minimum_calls),
            slow: self.slow.or(other.slow),
            strategy: self.strategy.or(other.strategy),
            expiry: self.expiry.or(other.expiry),
            factor: self.factor.or(other.factor),
            max_expiry: self.max_expiry.or(other.max_expiry),
            permits: self.permits.or(other.permits),
        }
    }

    /// All of it, with what is built in for the rest. A circuit that nobody said anything of adds nothing to the waits for
    /// a lost target, of which `longest_wait` is the longest.
    ///
    /// # Errors
    ///
    /// What was said in different places does not go together.
    pub(super) fn resolve(self, longest_wait: Duration) -> Result<Policy, PolicyError> {
        let usual = Policy::default();
        let window = self.window.unwrap_or(WINDOW);
        let minimum = self.minimum_calls.unwrap_or(MINIMUM.min(window));
        let rate = self.failure_rate.map(|share| Rate::new(share, window, minimum)).transpose()?;
        let expiry = match self.strategy {
            Some("disabled") => Expiry::Disabled,
            Some("progressive") => {
                let initial = self.expiry.unwrap_or(Expiry::INITIAL);
                let max = self.max_expiry.unwrap_or(Expiry::MAX.max(initial));
                Expiry::progressive(initial, self.factor.unwrap_or(Expiry::FACTOR), max)?
            }
            _ => Expiry::fixed(self.expiry.unwrap_or(longest_wait.clamp(SHORTEST, LONGEST)))?,
        };
        let trip = Trip {
            failures: self.failures.map_or(usual.trip.failures, |failures| failures.and_then(NonZeroU32::new)),
            rate,
            slow: self.slow,
        };
        Ok(Policy { trip, expiry, permits: self.permits.unwrap_or(usual.permits) })
    }
}

impl layout::Circuit {
    /// Where a contradiction is to be shown, if this section has a part in it.
    pub(super) fn place(&self, error: &PolicyError) -> Option<(usize, &'static str)> {
        fn key<T>(key: &'static str, at: &Option<At<T>>) -> Option<(usize, &'static str)> {
            at.as_ref().map(|at| (at.at, key))
        }
        match error {
            PolicyError::Share(_) => key("failure_rate", &self.failure_rate),
            PolicyError::Window(_) => key("window", &self.window),
            PolicyError::Minimum { .. } => {
                key("minimum_calls", &self.minimum_calls).or_else(|| key("window", &self.window))
            }
            PolicyError::Factor(_) => key("factor", &self.factor),
            PolicyError::Expiry(_) => key("expiry", &self.expiry),
            PolicyError::Max { .. } => key("max_expiry", &self.max_expiry).or_else(|| key("expiry", &self.expiry)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_what_the_core_has_built_in() {
        assert_eq!(Options::default().resolve(LONGEST), Ok(Policy::default()));
        for (longest_wait, expiry) in [(3600, 60), (5, 5), (0, 1)] {
            let policy = Options::default().resolve(Duration::from_secs(longest_wait)).unwrap();
            assert_eq!(policy.expiry, Expiry::Fixed(Duration::from_secs(expiry)));
        }
    }

    #[test]
    fn the_strategy_says_what_an_expiry_is_unless_given() {
        let with = |strategy| Options { strategy: Some(strategy), ..Options::default() };
        let expiry = |options: Options| options.resolve(LONGEST).unwrap().expiry;
        let s = Duration::from_secs;
        assert_eq!(expiry(with("progressive")), Expiry::progressive(s(10), 2.0, s(300)).unwrap());
        assert_eq!(expiry(with("disabled")), Expiry::Disabled);
        let long = Options { expiry: Some(s(600)), ..with("progressive") };
        assert_eq!(expiry(long), Expiry::progressive(s(600), 2.0, s(600)).unwrap());
        assert_eq!(expiry(Options { strategy: None, ..long }), Expiry::Fixed(s(600)));
        assert!(Options { max_expiry: Some(s(60)), ..long }.resolve(LONGEST).is_err());
    }

    #[test]
    fn a_rate_is_of_as_many_calls_as_there_may_be() {
        let rate = Options { failure_rate: Some(0.5), window: Some(5), ..Options::default() };
        assert_eq!(rate.resolve(LONGEST).unwrap().trip.rate, Rate::new(0.5, 5, 5).ok());
        assert!(Options { minimum_calls: Some(6), ..rate }.resolve(LONGEST).is_err());
        assert_eq!(Options { failures: Some(None), ..rate }.resolve(LONGEST).unwrap().trip.failures, None);
    }
}
