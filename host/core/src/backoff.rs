//! How long to wait between attempts to reach a target that is gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A validated back-off: the first delay, how it grows, where it stops growing, and how many attempts there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    initial: Duration,
    multiplier: f64,
    max: Duration,
    jitter: f64,
    attempts: Option<u32>,
}

/// The first delay is 1 s, as the self-healing clients that Probity replaces have it.
const DEFAULT_INITIAL: Duration = Duration::from_secs(1);
/// Each delay is twice the one before.
const DEFAULT_MULTIPLIER: f64 = 2.0;
/// A target that comes back is noticed within a minute.
const DEFAULT_MAX: Duration = Duration::from_secs(60);
/// Each delay varies by a fifth either way, so that many checks of one lost server do not return in step.
const DEFAULT_JITTER: f64 = 0.2;
/// Shorter delays than 10 ms would be a busy loop against somebody's server.
const SHORTEST: Duration = Duration::from_millis(10);
/// Growth beyond a hundredfold is a slip of the pen.
const LARGEST_MULTIPLIER: f64 = 100.0;

impl Default for Policy {
    fn default() -> Self {
        Policy {
            initial: DEFAULT_INITIAL,
            multiplier: DEFAULT_MULTIPLIER,
            max: DEFAULT_MAX,
            jitter: DEFAULT_JITTER,
            attempts: None,
        }
    }
}

/// What is wrong with a back-off's parameters.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum PolicyError {
    /// The first delay is too short.
    #[error("the first delay must be at least 10ms, not {0:?}")]
    Initial(Duration),
    /// The delays would shrink, or grow absurdly.
    #[error("the multiplier must be from 1 to 100, not {0}")]
    Multiplier(f64),
    /// The cap lies below the first delay.
    #[error("the largest delay ({max:?}) must not be less than the first ({initial:?})")]
    Max {
        /// The first delay.
        initial: Duration,
        /// The cap.
        max: Duration,
    },
    /// The jitter is not a share.
    #[error("the jitter must be from 0 to 1, not {0}")]
    Jitter(f64),
}

impl Policy {
    /// A policy whose delays are `initial`, `initial * multiplier`, … up to `max`, each varied by up to `jitter` (a share
    /// of it) either way. `attempts` is how many there are at most; `None` is without end.
    ///
    /// # Errors
    ///
    /// The first parameter found out of its range: `initial` ≥ 10 ms, `multiplier` 1..=100, `max` ≥ `initial`, `jitter` 0..=1.
    pub fn new(
        initial: Duration,
        multiplier: f64,
        max: Duration,
        jitter: f64,
        attempts: Option<u32>,
    ) -> Result<Policy, PolicyError> {
        if initial < SHORTEST {
            return Err(PolicyError::Initial(initial));
        }
        if !(1.0..=LARGEST_MULTIPLIER).contains(&multiplier) {
            return Err(PolicyError::Multiplier(multiplier));
        }
        if max < initial {
            return Err(PolicyError::Max { initial, max });
        }
        if !(0.0..=1.0).contains(&jitter) {
            return Err(PolicyError::Jitter(jitter));
        }
        Ok(Policy { initial, multiplier, max, jitter, attempts })
    }

    /// The same with another number of attempts; `None` is without end.
    #[must_use]
    pub fn with_attempts(self, attempts: Option<u32>) -> Policy {
        Policy { attempts, ..self }
    }

    /// How many attempts there are at most; `None` is without end.
    #[must_use]
    pub fn attempts(&self) -> Option<u32> {
        self.attempts
    }
}

/// How far one outage has come in the delays of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    taken: u32,
}

impl Delays {
    /// The delay before the next attempt, or `None` when the attempts are used up. `random` is from `[0, 1)` and places
    /// the delay within its jitter.
    pub fn next(&mut self, policy: &Policy, random: f64) -> Option<Duration> {
        if policy.attempts.is_some_and(|most| self.taken >= most) {
            return None;
        }
        let exponent = i32::try_from(self.taken).unwrap_or(i32::MAX);
        self.taken = self.taken.saturating_add(1);
        let grown = policy.initial.as_secs_f64() * policy.multiplier.powi(exponent);
        let capped = grown.min(policy.max.as_secs_f64());
        let varied = capped * (1.0 + policy.jitter * (2.0 * random - 1.0));
        Some(Duration::try_from_secs_f64(varied).unwrap_or(policy.max))
    }

    /// How many delays have been taken since the outage began.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn seconds(policy: &Policy, count: usize) -> Vec<f64> {
        let mut delays = Delays::default();
        (0..count).map_while(|_| delays.next(policy, 0.5).map(|delay| delay.as_secs_f64())).collect()
    }

    #[test]
    fn the_default_schedule_doubles_to_a_minute() {
        let expected = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0];
        assert_eq!(seconds(&Policy::default(), 8), expected);
    }

    #[test]
    fn attempts_are_used_up() {
        let second = Duration::from_secs(1);
        let policy = Policy::new(second, 1.0, second, 0.0, Some(3)).unwrap();
        assert_eq!(seconds(&policy, 9), [1.0, 1.0, 1.0]);
    }

    #[test]
    fn each_parameter_has_its_range() {
        let s = Duration::from_secs;
        let new = |initial, multiplier, max, jitter| Policy::new(initial, multiplier, max, jitter, None).map(|_| ());
        assert_eq!(new(Duration::ZERO, 2.0, s(1), 0.0), Err(PolicyError::Initial(Duration::ZERO)));
        assert_eq!(new(s(1), 0.5, s(1), 0.0), Err(PolicyError::Multiplier(0.5)));
        assert!(new(s(1), f64::NAN, s(1), 0.0).is_err());
        assert_eq!(new(s(2), 2.0, s(1), 0.0), Err(PolicyError::Max { initial: s(2), max: s(1) }));
        assert_eq!(new(s(1), 2.0, s(1), 1.5), Err(PolicyError::Jitter(1.5)));
    }

    proptest! {
        #[test]
        fn delays_stay_within_their_jitter(
            initial in 10u64..100_000,
            multiplier in 1.0f64..100.0,
            extra in 0u64..1_000_000,
            jitter in 0.0f64..=1.0,
            randoms in prop::collection::vec(0.0f64..1.0, 1..200),
        ) {
            let initial = Duration::from_millis(initial);
            let max = initial + Duration::from_millis(extra);
            let policy = Policy::new(initial, multiplier, max, jitter, None).unwrap();
            let mut delays = Delays::default();
            for random in randoms {
                let delay = delays.next(&policy, random).unwrap().as_secs_f64();
                prop_assert!(delay >= initial.as_secs_f64() * (1.0 - jitter) - 1e-6);
                prop_assert!(delay <= max.as_secs_f64() * (1.0 + jitter) + 1e-6);
            }
        }
    }
}
