//! When a connection was made use of last, and when nobody needs it any more.

use std::time::Duration;

use crate::time::nanoseconds;

/// When idle connections are let go of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A connection that was not made use of for so long is closed; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// How often to look for idle ones; all look at the same moments.
    pub cleanup_interval: Duration,
}

impl Default for Policy {
    /// What is monitored is never idle. A look every five minutes, as the usual idle time-out of 30 minutes asks for.
    fn default() -> Self {
        const CLEANUP: Duration = Duration::from_secs(300);
        Policy { idle_timeout: None, cleanup_interval: CLEANUP }
    }
}

/// When a connection was made use of last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Since the runner's start.
    last: Duration,
}

impl Activity {
    /// A connection that somebody just asked for.
    #[must_use]
    pub fn new(now: Duration) -> Activity {
        Activity { last: now }
    }

    /// When it was made use of last, as time since the runner's start.
    #[must_use]
    pub fn last(&self) -> Duration {
        self.last
    }

    /// It was made use of at that time since the runner's start.
    pub fn touch(&mut self, at: Duration) {
        self.last = self.last.max(at);
    }

    /// When it is closed if nobody makes use of it, as time since the runner's start: at the first look after its time is
    /// over.
    #[must_use]
    pub fn closed_at(&self, policy: &Policy) -> Option<Duration> {
        let idle_at = self.last.saturating_add(policy.idle_timeout?);
        let (idle, look) = (nanoseconds(idle_at), nanoseconds(policy.cleanup_interval).max(1));
        Some(Duration::from_nanos(idle.div_ceil(look).saturating_mul(look)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_are_closed_at_the_next_look() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let policy = |idle| Policy { idle_timeout: Some(idle), cleanup_interval: minutes(5) };
        let mut activity = Activity::new(minutes(2));
        assert_eq!(activity.closed_at(&policy(minutes(30))), Some(minutes(35)));
        activity.touch(minutes(5));
        assert_eq!(activity.closed_at(&policy(minutes(30))), Some(minutes(35)), "at the very moment of a look");
        activity.touch(minutes(3));
        assert_eq!(activity.last(), minutes(5), "what was told late is no less recent");
        activity.touch(minutes(6));
        assert_eq!(activity.closed_at(&policy(minutes(30))), Some(minutes(40)));
        assert_eq!(activity.closed_at(&Policy::default()), None);
        assert!(activity.closed_at(&policy(Duration::MAX)).is_some_and(|at| at > minutes(1_000_000)));
    }
}
