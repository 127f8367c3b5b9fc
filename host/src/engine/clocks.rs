//! Clocks that are too coarse to measure what others do on this machine.

use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The steps in which time goes on, in nanoseconds: caches and predictors are timed in tens of them, targets on a network in
/// hundreds of thousands.
const STEP: u64 = 1_000_000;

/// A clock that goes on in steps.
pub(super) struct Coarse<C>(C);

impl<C> Coarse<C> {
    pub(super) fn new(clock: C) -> Coarse<C> {
        Coarse(clock)
    }
}

impl<C: HostMonotonicClock> HostMonotonicClock for Coarse<C> {
    fn resolution(&self) -> u64 {
        self.0.resolution().max(STEP)
    }

    fn now(&self) -> u64 {
        let now = self.0.now();
        now - now % STEP
    }
}

impl<C: HostWallClock> HostWallClock for Coarse<C> {
    fn resolution(&self) -> Duration {
        self.0.resolution().max(Duration::from_nanos(STEP))
    }

    fn now(&self) -> Duration {
        let now = self.0.now();
        now - Duration::from_nanos(u64::from(now.subsec_nanos()) % STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);

    impl HostMonotonicClock for Fixed {
        fn resolution(&self) -> u64 {
            1
        }

        fn now(&self) -> u64 {
            self.0
        }
    }

    impl HostWallClock for Fixed {
        fn resolution(&self) -> Duration {
            Duration::from_secs(1)
        }

        fn now(&self) -> Duration {
            Duration::from_nanos(self.0)
        }
    }

    #[test]
    fn time_goes_on_in_steps() {
        let clock = |now| Coarse::new(Fixed(now));
        assert_eq!(HostMonotonicClock::now(&clock(1_999_999)), 1_000_000);
        assert_eq!(HostMonotonicClock::now(&clock(2_000_000)), 2_000_000);
        assert_eq!(HostMonotonicClock::resolution(&clock(0)), STEP);
        assert_eq!(HostWallClock::now(&clock(5_001_999_999)), Duration::from_millis(5_001));
        assert_eq!(HostWallClock::resolution(&clock(0)), Duration::from_secs(1));
    }
}
