//! How a check lives whose probe asks nothing of its target, and goes by what the runner was told: what it says is no accident of
//! a network, so it counts at once; and to ask again costs the target nothing, so there is no waiting for a lost one.

use std::num::NonZeroU32;

use probity_core::machine::Policy;

use super::defaults::Defaults;

/// What the operator said of a check, so that it does not depend on its probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    fall: bool,
    attempts: bool,
    failures: bool,
}

impl Said {
    pub(super) fn of(own: &Defaults) -> Said {
        Said {
            fall: own.connection.fall.is_some() || own.connection.fall_window.is_some(),
            attempts: own.connection.max_reconnect_attempts.is_some(),
            failures: own.circuit.failures.is_some(),
        }
    }

    /// Adapts the usual policy: the first failure counts, there are no attempts beside the interval, and no failures in a row
    /// open the circuit.
    pub(super) fn adapt(self, policy: &mut Policy) {
        if !self.fall {
            policy.thresholds.fall = NonZeroU32::MIN;
        }
        if !self.attempts {
            policy.backoff = policy.backoff.with_attempts(Some(0));
        }
        if !self.failures {
            policy.circuit.trip.failures = None;
        }
    }
}
