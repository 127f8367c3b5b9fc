//! What comes of a check once its probe's manifest is known.
//!
//! The check itself comes first, then the config's defaults, then what the manifest suggests, then what is built in.

use std::time::Duration;

use probity_core::{
    machine::Policy,
    schedule::{Every, EveryError, Schedule},
};
use thiserror::Error;

use super::{
    check::{Check, When},
    connection::DownInterval,
    duration, layout,
};

/// What a probe's manifest suggests for its checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// The time from run to run.
    pub interval: Option<Duration>,
    /// How long a run may take.
    pub timeout: Option<Duration>,
    /// Whether a failure makes the whole unhealthy.
    pub critical: Option<bool>,
    /// Whether the probe asks nothing of its target.
    pub passive: bool,
}

/// How a check is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// When it runs, and what its outcomes lead to.
    pub policy: Policy,
    /// How long a run may take.
    pub timeout: Duration,
    /// How long its probe may keep a connection open between runs; `None` is for as long as it is good.
    pub max_age: Option<Duration>,
    /// Whether its failure makes the whole unhealthy rather than degraded.
    pub critical: bool,
}

/// Why there is no plan: the manifest suggests what no config could say.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PlanError {
    /// The interval is out of range.
    #[error("{0}; the probe suggests it, and the check does not say otherwise")]
    Interval(#[from] EveryError),
    /// The time-out is out of range.
    #[error(
        "the time-out must be from {least} to {most}, not {given:?}; the probe suggests it, and the check does not say otherwise",
        least = duration::text(*layout::TIMEOUTS.start()),
        most = duration::text(*layout::TIMEOUTS.end()),
        given = .0
    )]
    Timeout(Duration),
}

impl Check {
    /// How the check is run if its probe suggests this. The first runs of all checks are spread over `spread`.
    ///
    /// # Errors
    ///
    /// A suggestion that is needed is out of the range that the config has for it.
    pub fn plan(&self, suggestions: Suggestions, spread: Duration) -> Result<Plan, PlanError> {
        let timeout = self.timeout.or(suggestions.timeout).unwrap_or(layout::TIMEOUT);
        if !layout::TIMEOUTS.contains(&timeout) {
            return Err(PlanError::Timeout(timeout));
        }
        let every = |interval| Every::new(interval, self.jitter, &self.name).map(Schedule::Every);
        let (schedule, interval) = match &self.schedule {
            When::Cron(cron) => (Schedule::Cron(cron.clone()), None),
            When::Every(interval) => (every(*interval)?, Some(*interval)),
            When::Unset => {
                let interval = suggestions.interval.unwrap_or(layout::INTERVAL);
                (every(interval)?, Some(interval))
            }
        };
        let connection = self.connection;
        let usual_fast = layout::FAST_INTERVAL.min(interval.unwrap_or(Duration::MAX));
        let mut policy = Policy {
            schedule,
            spread,
            thresholds: connection.thresholds,
            backoff: connection.backoff,
            fast_interval: connection.fast_interval.unwrap_or(usual_fast),
            down_interval: match connection.down_interval {
                DownInterval::Off => None,
                DownInterval::Every(interval) => Some(interval),
                DownInterval::Unset => Some(interval.unwrap_or(connection.max_reconnect_delay)),
            },
            circuit: self.circuit,
            flapping: connection.flapping,
            activity: connection.activity,
            autoconnect: true,
        };
        if suggestions.passive {
            self.said.adapt(&mut policy);
        }
        Ok(Plan {
            policy,
            timeout,
            max_age: connection.max_age,
            critical: self.critical.or(suggestions.critical).unwrap_or(false),
        })
    }
}
