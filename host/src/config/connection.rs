//! How a check judges the connection to its target, and how it regains a lost one.

use std::{num::NonZeroU32, time::Duration};

use probity_core::{
    activity,
    backoff::{Policy, PolicyError},
    flapping::{Shares, SharesError},
    health::{Thresholds, Window, WindowError},
};
use thiserror::Error;

use super::{kind::At, layout};

/// The wait before the first attempt, as the back-off has it.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);
/// The longest wait between attempts, as the back-off has it.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(60);
/// The growth of the waits, as the back-off has it.
const MULTIPLIER: f64 = 2.0;
/// The spread of the waits, as the back-off has it.
const JITTER: f64 = 0.2;
/// The share of changes above which a target flaps, as the core has it.
const FLAPPING_HIGH: f64 = 0.30;
/// The share at which it does no more, as the core has it.
const FLAPPING_LOW: f64 = 0.25;

/// How the connection to a target is judged and regained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connection {
    /// The waits between attempts to reach a lost target.
    pub backoff: Policy,
    /// How many verdicts in a row change the judgement.
    pub thresholds: Thresholds,
    /// The wait for the next run while the judgement is in doubt.
    pub fast_interval: Option<Duration>,
    /// The time from run to run once all attempts are used up.
    pub down_interval: DownInterval,
    /// How long a connection may be kept open between runs; `None` is for as long as it is good.
    pub max_age: Option<Duration>,
    /// When the target counts as changing its mind too often.
    pub flapping: Shares,
    /// When nobody needs the connection any more.
    pub activity: activity::Policy,
    /// The longest wait of `backoff`.
    pub(super) max_reconnect_delay: Duration,
}

impl Default for Connection {
    fn default() -> Self {
        Connection {
            backoff: Policy::default(),
            thresholds: Thresholds::default(),
            fast_interval: None,
            down_interval: DownInterval::default(),
            max_age: Some(layout::MAX_AGE),
            flapping: Shares::default(),
            activity: activity::Policy::default(),
            max_reconnect_delay: MAX_RECONNECT_DELAY,
        }
    }
}

/// The time from run to run once all attempts are used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DownInterval {
    /// The usual one.
    #[default]
    Unset,
    /// There are no runs until somebody asks for one.
    Off,
    /// This long.
    Every(Duration),
}

/// What was said of it, in one place or another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Options {
    reconnect_delay: Option<Duration>,
    max_reconnect_delay: Option<Duration>,
    reconnect_multiplier: Option<f64>,
    /// `Some(None)` is without end.
    pub(super) max_reconnect_attempts: Option<Option<u32>>,
    jitter: Option<f64>,
    pub(super) fall: Option<NonZeroU32>,
    rise: Option<NonZeroU32>,
    fast_interval: Option<Duration>,
    /// `Some(None)` is off.
    down_interval: Option<Option<Duration>>,
    /// `Some(None)` is off.
    max_age: Option<Option<Duration>>,
    /// `Some(None)` is off.
    pub(super) fall_window: Option<Option<u32>>,
    flapping_high: Option<f64>,
    flapping_low: Option<f64>,
    /// `Some(None)` is off.
    idle_timeout: Option<Option<Duration>>,
    cleanup_interval: Option<Duration>,
}

/// What was said in different places does not go together.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub(super) enum Contradiction {
    /// Of the back-off.
    #[error(transparent)]
    Delays(#[from] PolicyError),
    /// Of flapping.
    #[error(transparent)]
    Flapping(#[from] SharesError),
    /// Of the window of failures.
    #[error(transparent)]
    Window(#[from] WindowError),
}

impl layout::Connection {
    /// Where a contradiction is to be shown, if this section has a part in it.
    pub(super) fn place(&self, contradiction: &Contradiction) -> Option<(usize, &'static str)> {
        fn key<T>(key: &'static str, at: &Option<At<T>>) -> Option<(usize, &'static str)> {
            at.as_ref().map(|at| (at.at, key))
        }
        match contradiction {
            Contradiction::Delays(_) => key("max_reconnect_delay", &self.max_reconnect_delay)
                .or_else(|| key("reconnect_delay", &self.reconnect_delay)),
            Contradiction::Flapping(_) => {
                key("flapping_low", &self.flapping_low).or_else(|| key("flapping_high", &self.flapping_high))
            }
            Contradiction::Window(_) => key("fall_window", &self.fall_window).or_else(|| key("fall", &self.fall)),
        }
    }
}

impl Options {
    pub(super) fn read(section: &layout::Connection) -> Options {
        Options {
            reconnect_delay: At::value(section.reconnect_delay),
            max_reconnect_delay: At::value(section.max_reconnect_delay),
            reconnect_multiplier: At::value(section.reconnect_multiplier),
            max_reconnect_attempts: At::value(section.max_reconnect_attempts),
            jitter: At::value(section.jitter),
            fall: At::value(section.fall).and_then(NonZeroU32::new),
            rise: At::value(section.rise).and_then(NonZeroU32::new),
            fast_interval: At::value(section.fast_interval),
            down_interval: At::value(section.down_interval),
            max_age: At::value(section.max_age),
            fall_window: At::value(section.fall_window),
            flapping_high: At::value(section.flapping_high),
            flapping_low: At::value(section.flapping_low),
            idle_timeout: At::value(section.idle_timeout),
            cleanup_interval: At::value(section.cleanup_interval),
        }
    }

    /// What is said here, and for the rest what is said there.
    pub(super) fn or(self, other: Options) -> Options {
        Options {
            reconnect_delay: self.reconnect_delay.or(other.reconnect_delay),
            max_reconnect_delay: self.max_reconnect_delay.or(other.max_reconnect_delay),
            reconnect_multiplier: self.reconnect_multiplier.or(other.reconnect_multiplier),
            max_reconnect_attempts: self.max_reconnect_attempts.or(other.max_reconnect_attempts),
            jitter: self.jitter.or(other.jitter),
            fall: self.fall.or(other.fall),
            rise: self.rise.or(other.rise),
            fast_interval: self.fast_interval.or(other.fast_interval),
            down_interval: self.down_interval.or(other.down_interval),
            max_age: self.max_age.or(other.max_age),
            fall_window: self.fall_window.or(other.fall_window),
            flapping_high: self.flapping_high.or(other.flapping_high),
            flapping_low: self.flapping_low.or(other.flapping_low),
            idle_timeout: self.idle_timeout.or(other.idle_timeout),
            cleanup_interval: self.cleanup_interval.or(other.cleanup_interval),
        }
    }

    /// All of it, with what is built in for the rest.
    ///
    /// # Errors
    ///
    /// What was said in different places does not go together.
    pub(super) fn resolve(self) -> Result<Connection, Contradiction> {
        let initial = self.reconnect_delay.unwrap_or(RECONNECT_DELAY);
        let max = self.max_reconnect_delay.unwrap_or(MAX_RECONNECT_DELAY.max(initial));
        let usual = Thresholds::default();
        let fall = self.fall.unwrap_or(usual.fall);
        let idle = activity::Policy::default();
        let high = self.flapping_high.unwrap_or(FLAPPING_HIGH);
        // Whoever lets flapping begin early wants it to end before it begins.
        let low = self.flapping_low.unwrap_or(FLAPPING_LOW.min(high));
        Ok(Connection {
            backoff: Policy::new(
                initial,
                self.reconnect_multiplier.unwrap_or(MULTIPLIER),
                max,
                self.jitter.unwrap_or(JITTER),
                self.max_reconnect_attempts.flatten(),
            )?,
            thresholds: Thresholds {
                fall,
                rise: self.rise.unwrap_or(usual.rise),
                window: self.fall_window.flatten().map(|of| Window::new(fall.get(), of)).transpose()?,
            },
            flapping: Shares::new(high, low)?,
            activity: activity::Policy {
                idle_timeout: self.idle_timeout.unwrap_or(idle.idle_timeout),
                cleanup_interval: self.cleanup_interval.unwrap_or(idle.cleanup_interval),
            },
            fast_interval: self.fast_interval,
            down_interval: match self.down_interval {
                None => DownInterval::Unset,
                Some(None) => DownInterval::Off,
                Some(Some(interval)) => DownInterval::Every(interval),
            },
            max_age: self.max_age.unwrap_or(Some(layout::MAX_AGE)),
            max_reconnect_delay: max,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_built_in_is_what_the_core_has_built_in() {
        assert_eq!(Options::default().resolve(), Ok(Connection::default()));
    }

    #[test]
    fn the_longest_delay_follows_a_longer_first_one() {
        let long = Options { reconnect_delay: Some(MAX_RECONNECT_DELAY * 2), ..Options::default() };
        assert_eq!(long.resolve().unwrap().max_reconnect_delay, MAX_RECONNECT_DELAY * 2);
        let contradictory = Options { max_reconnect_delay: Some(MAX_RECONNECT_DELAY), ..long };
        assert!(contradictory.resolve().is_err());
    }
}
