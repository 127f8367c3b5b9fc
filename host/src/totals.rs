//! What connections have been through, as it is told over HTTP and to programs that embed a connection.

use std::{fmt, time::Duration};

use probity_core::snapshot::Snapshot;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// What connections have been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectionTotals)]
pub struct Totals {
    /// How often it was made: the first time, and after each loss.
    pub total_connections: u64,
    /// How often it was made again after it had been lost.
    pub total_reconnections: u64,
    /// How often its target was found down, each failed attempt included.
    pub total_failures: u64,
    /// Runs that had a verdict.
    pub total_health_checks: u64,
    /// Those whose target was of use.
    pub successful_health_checks: u64,
    /// Those whose target was not.
    pub failed_health_checks: u64,
    /// The share of successful ones; null before the first.
    #[serde(rename = "healthCheckSuccessRate")]
    #[schema(value_type = Option<String>, required, example = "97.96%")]
    pub success_rate: Rate,
    /// Runs whose probe failed, so that nothing is known of the target.
    pub unknown_health_checks: u64,
    /// Others' calls to the target that were reported as successes.
    pub reported_successes: u64,
    /// Others' calls to the target that were reported as failures.
    pub reported_failures: u64,
    /// Time in CONNECTED, all times together, in milliseconds.
    pub uptime: u64,
}

/// Of how many, and how many of them. As text it is a percentage with two decimals, `97.96%`, or nothing if it is of none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    of: u64,
    good: u64,
}

impl Rate {
    /// The share, from 0 to 1; `None` of none.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        (self.of > 0).then(|| self.good as f64 / self.of as f64)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.share() {
            Some(share) => write!(f, "{:.2}%", 100.0 * share),
            None => Ok(()),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.of == 0 { serializer.serialize_none() } else { serializer.collect_str(self) }
    }
}

impl Totals {
    /// Those of one connection. `now` is the time since the runner's start.
    #[must_use]
    pub fn of(snapshot: &Snapshot, now: Duration) -> Totals {
        let (made, stats) = (snapshot.connection.totals(), &snapshot.stats);
        Totals {
            total_connections: made.connections,
            total_reconnections: made.reconnections,
            total_failures: made.failures,
            unknown_health_checks: stats.failed(),
            reported_successes: stats.reported_successes,
            reported_failures: stats.reported_failures,
            uptime: milliseconds(snapshot.connection.uptime(now)),
            ..Totals::default()
        }
        .with_checks(stats.successes(), stats.unhealthy)
    }

    /// Those of these connections and of others together.
    #[must_use]
    pub fn plus(self, other: Totals) -> Totals {
        Totals {
            total_connections: self.total_connections + other.total_connections,
            total_reconnections: self.total_reconnections + other.total_reconnections,
            total_failures: self.total_failures + other.total_failures,
            unknown_health_checks: self.unknown_health_checks + other.unknown_health_checks,
            reported_successes: self.reported_successes + other.reported_successes,
            reported_failures: self.reported_failures + other.reported_failures,
            uptime: self.uptime + other.uptime,
            ..Totals::default()
        }
        .with_checks(
            self.successful_health_checks + other.successful_health_checks,
            self.failed_health_checks + other.failed_health_checks,
        )
    }

    fn with_checks(self, good: u64, bad: u64) -> Totals {
        Totals {
            total_health_checks: good + bad,
            successful_health_checks: good,
            failed_health_checks: bad,
            success_rate: Rate { of: good + bad, good },
            ..self
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_percentage_or_nothing() {
        let table = [(0, 0, ""), (1, 0, "0.00%"), (1, 1, "100.00%"), (49, 48, "97.96%"), (3, 2, "66.67%")];
        for (of, good, text) in table {
            assert_eq!(Rate { of, good }.to_string(), text);
        }
    }
}
