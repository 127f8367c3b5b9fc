//! How a connection is to be made.

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use probity_core::{
    activity, backoff, circuit,
    health::Thresholds,
    machine::Policy,
    outcome::Verdict,
    schedule::{Every, EveryError, Schedule},
};
use thiserror::Error;
use tokio::runtime::Handle;

use super::{
    ConnectionManager,
    check::{self, Check, Examiner},
    life::Life,
};

/// The usual time from one examination to the next: a target that is lost is noticed within a minute.
const INTERVAL: Duration = Duration::from_secs(30);
/// A share of the interval, so that many instances of one program do not come to a target all at once.
const JITTER: f64 = 0.1;
/// A health check that takes longer than this is no good news.
const TIMEOUT: Duration = Duration::from_secs(5);
/// While it is in doubt whether a target is lost, it is looked at again within this.
const FAST_INTERVAL: Duration = Duration::from_secs(5);
/// What nobody needs for a day is not needed.
const INACTIVE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// From a timer's precision to an hour, past which an examination is a job.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
/// Those of a schedule.
const SPANS: RangeInclusive<Duration> = Every::SHORTEST..=Every::LONGEST;

/// How a connection is to be made. What is not said is as usual.
#[derive(Clone)]
pub struct Builder {
    name: Arc<str>,
    check: Arc<Check>,
    timeout: Duration,
    interval: Duration,
    jitter: f64,
    fast_interval: Option<Duration>,
    down_interval: Option<Option<Duration>>,
    thresholds: Thresholds,
    backoff: backoff::Policy,
    circuit: circuit::Policy,
    idle_timeout: Option<Duration>,
    autoconnect: bool,
    pub(super) inactive_after: Duration,
    pub(super) cleanup_interval: Duration,
}

/// What is wrong with a connection's settings.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum BuildError {
    /// The interval or the jitter is out of its range.
    #[error(transparent)]
    Interval(#[from] EveryError),
    /// The time-out is out of its range.
    #[error("the timeout must be from 1ms to 1h, not {0:?}; for example 5s")]
    Timeout(Duration),
    /// Another span of time is out of its range.
    #[error("the {what} must be from 100ms to 366 days, not {span:?}")]
    Span {
        /// The setting.
        what: &'static str,
        /// What it was set to.
        span: Duration,
    },
    /// There is nowhere to live.
    #[error("a connection lives in a tokio runtime: build it within one, for example in an async function")]
    Runtime,
}

impl Builder {
    pub(super) fn new<C, F, T, E>(name: &str, check: C) -> Builder
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<Verdict>,
        E: fmt::Display,
    {
        Builder {
            name: name.into(),
            check: check::erase(check),
            timeout: TIMEOUT,
            interval: INTERVAL,
            jitter: JITTER,
            fast_interval: None,
            down_interval: None,
            thresholds: Thresholds::default(),
            backoff: backoff::Policy::default(),
            circuit: circuit::Policy::default(),
            idle_timeout: None,
            autoconnect: false,
            inactive_after: INACTIVE_AFTER,
            cleanup_interval: activity::Policy::default().cleanup_interval,
        }
    }

    /// How long the health check may take until the target counts as not answering: 1 ms to an hour; usually 5 s.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Builder {
        Builder { timeout, ..self }
    }

    /// The time from one examination of a target that is up to the next: 100 ms to 366 days; usually 30 s.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Builder {
        Builder { interval, ..self }
    }

    /// By how much examinations are delayed at random, as a share of the interval: 0 to 1; usually 0.1.
    #[must_use]
    pub fn jitter(self, jitter: f64) -> Builder {
        Builder { jitter, ..self }
    }

    /// When to look again while it is in doubt whether the target is lost, or is back: 100 ms to 366 days; usually 5 s, or
    /// the interval if that is shorter.
    #[must_use]
    pub fn fast_interval(self, interval: Duration) -> Builder {
        Builder { fast_interval: Some(interval), ..self }
    }

    /// The time from one examination to the next after the last attempt to reach a lost target: 100 ms to 366 days; `None`:
    /// none until somebody asks. Usually it is the interval.
    #[must_use]
    pub fn down_interval(self, interval: Option<Duration>) -> Builder {
        Builder { down_interval: Some(interval), ..self }
    }

    /// How often in a row the target must be found down until it counts as lost, and up until it counts as back; usually 3
    /// and 1. What is found first counts at once.
    #[must_use]
    pub fn thresholds(self, thresholds: Thresholds) -> Builder {
        Builder { thresholds, ..self }
    }

    /// How long to wait between attempts to reach a lost target, and how many there are; usually 1 s, then twice as long each
    /// time up to 60 s, give or take a fifth, without end.
    #[must_use]
    pub fn backoff(self, backoff: backoff::Policy) -> Builder {
        Builder { backoff, ..self }
    }

    /// When calls to the target are not let through; usually after ten failures in a row, for a minute.
    #[must_use]
    pub fn circuit(self, circuit: circuit::Policy) -> Builder {
        Builder { circuit, ..self }
    }

    /// After how long without being made use of it is disconnected: 100 ms to 366 days. Whoever acquires it has it connected
    /// again. Usually it never is.
    #[must_use]
    pub fn idle_timeout(self, timeout: Duration) -> Builder {
        Builder { idle_timeout: Some(timeout), ..self }
    }

    /// Whether it connects by itself once it is built, or reset; usually it waits for somebody to
    /// [connect](ConnectionManager::connect) or [acquire](ConnectionManager::acquire) it.
    #[must_use]
    pub fn autoconnect(self, autoconnect: bool) -> Builder {
        Builder { autoconnect, ..self }
    }

    /// After how long without being made use of a [shared](ConnectionManager::shared) connection that nobody holds is
    /// dropped: 100 ms to 366 days; usually a day.
    #[must_use]
    pub fn inactive_after(self, span: Duration) -> Builder {
        Builder { inactive_after: span, ..self }
    }

    /// How often to look whether it is idle or inactive: 100 ms to 366 days; usually 5 minutes.
    #[must_use]
    pub fn cleanup_interval(self, interval: Duration) -> Builder {
        Builder { cleanup_interval: interval, ..self }
    }

    /// Makes it. It lives in the tokio runtime that this is called in, which must have its timer enabled.
    ///
    /// # Errors
    ///
    /// The first setting found out of its range, or that there is no runtime.
    pub fn build(self) -> Result<ConnectionManager, BuildError> {
        let runtime = Handle::try_current().map_err(|_| BuildError::Runtime)?;
        if !TIMEOUTS.contains(&self.timeout) {
            return Err(BuildError::Timeout(self.timeout));
        }
        let schedule = Schedule::Every(Every::new(self.interval, self.jitter, &self.name)?);
        let fast_interval = self.fast_interval.unwrap_or(FAST_INTERVAL.min(self.interval));
        let down_interval = self.down_interval.unwrap_or(Some(self.interval));
        let spans = [
            ("fast_interval", Some(fast_interval)),
            ("down_interval", down_interval),
            ("idle_timeout", self.idle_timeout),
            ("inactive_after", Some(self.inactive_after)),
            ("cleanup_interval", Some(self.cleanup_interval)),
        ];
        for (what, span) in spans {
            if let Some(span) = span.filter(|span| !SPANS.contains(span)) {
                return Err(BuildError::Span { what, span });
            }
        }
        let policy = Policy {
            thresholds: self.thresholds,
            backoff: self.backoff,
            fast_interval,
            down_interval,
            circuit: self.circuit,
            activity: activity::Policy { idle_timeout: self.idle_timeout, cleanup_interval: self.cleanup_interval },
            autoconnect: self.autoconnect,
            ..Policy::usual(schedule)
        };
        let examiner = Examiner { check: self.check, timeout: self.timeout };
        let life = Life::begin(runtime, self.name, policy, self.timeout, Arc::new(examiner));
        Ok(ConnectionManager { life })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).finish_non_exhaustive()
    }
}
