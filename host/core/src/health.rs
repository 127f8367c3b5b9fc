//! From verdicts to health: of one check, and of the whole.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::outcome::Status;

/// What is known of a check's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Health {
    /// The check has not run yet, has nothing to judge yet, or nobody watches its target for now.
    Pending,
    /// The last run was a fault: the probe failed, so nothing is known.
    Unknown,
    /// The target does what it is for.
    Healthy,
    /// It works, but not as well as it should.
    Degraded,
    /// It does not do what it is for.
    Unhealthy,
}

impl Health {
    /// Every value, in the order in which metrics list them.
    pub const ALL: [Health; 5] =
        [Health::Pending, Health::Unknown, Health::Healthy, Health::Degraded, Health::Unhealthy];

    /// Whether the target is known to be of use.
    #[must_use]
    pub fn is_up(self) -> bool {
        matches!(self, Health::Healthy | Health::Degraded)
    }

    /// The word used in HTTP and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Pending => "pending",
            Health::Unknown => "unknown",
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Unhealthy => "unhealthy",
        }
    }
}

impl From<Status> for Health {
    fn from(status: Status) -> Self {
        match status {
            Status::Healthy => Health::Healthy,
            Status::Degraded => Health::Degraded,
            Status::Unhealthy => Health::Unhealthy,
        }
    }
}

/// What the operator decreed, whatever is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Nothing: what is found counts.
    #[default]
    Auto,
    /// The target counts as healthy. It is examined all the same.
    ForcedUp,
    /// The target counts as unhealthy. It is examined all the same.
    ForcedDown,
    /// The target is not examined, and does not count.
    Disabled,
}

impl Mode {
    /// Every value, in the order in which metrics list them.
    pub const ALL: [Mode; 4] = [Mode::Auto, Mode::ForcedUp, Mode::ForcedDown, Mode::Disabled];

    /// The word used in HTTP and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Auto => "auto",
            Mode::ForcedUp => "forced-up",
            Mode::ForcedDown => "forced-down",
            Mode::Disabled => "disabled",
        }
    }

    /// What counts, if this was found.
    #[must_use]
    pub fn over(self, found: Health) -> Health {
        match self {
            Mode::Auto => found,
            Mode::ForcedUp => Health::Healthy,
            Mode::ForcedDown => Health::Unhealthy,
            Mode::Disabled => Health::Pending,
        }
    }
}

/// How many verdicts it takes to change one's mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Failures in a row until a target that was up counts as down.
    pub fall: NonZeroU32,
    /// Successes in a row until a target that was down counts as up.
    pub rise: NonZeroU32,
    /// Failures among the latest verdicts until a target that was up counts as down, though they were not in a row.
    pub window: Option<Window>,
}

impl Default for Thresholds {
    /// HAProxy's `fall 3`, so that one lost packet is not an outage; and one success is enough to come back.
    fn default() -> Self {
        const FALL: NonZeroU32 = NonZeroU32::new(3).unwrap();
        Thresholds { fall: FALL, rise: NonZeroU32::MIN, window: None }
    }
}

/// So many failures among so many verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    failures: u32,
    of: u32,
}

/// What is wrong with a window.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "a window must be of 1 to 32 verdicts, and of at least as many as the failures that count, which are at least 1; not {failures} of {of}"
)]
pub struct WindowError {
    failures: u32,
    of: u32,
}

impl Window {
    /// The most verdicts there can be in a window.
    pub const MOST: u32 = u32::BITS;

    /// `failures` among the latest `of` verdicts.
    ///
    /// # Errors
    ///
    /// Not 1 ≤ `failures` ≤ `of` ≤ 32.
    pub fn new(failures: u32, of: u32) -> Result<Window, WindowError> {
        if failures == 0 || failures > of || of > Window::MOST {
            return Err(WindowError { failures, of });
        }
        Ok(Window { failures, of })
    }

    /// Whether these verdicts (the latest in the lowest bit, set is a failure) are enough.
    fn is_reached(&self, recent: u32) -> bool {
        (recent & (u32::MAX >> (u32::BITS - self.of))).count_ones() >= self.failures
    }
}

/// What a verdict did to the judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The verdict confirms the judgement, or made it.
    Settled(Status),
    /// The verdict contradicts the judgement, which stands until more like it come.
    InDoubt(Status),
}

/// The judgement of one target, which follows the verdicts with some reluctance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judge {
    judged: Option<Status>,
    against: u32,
    /// The verdicts since the target was judged up, the latest in the lowest bit: set is a failure.
    recent: u32,
}

impl Judge {
    /// What the target is taken to be; `None` before the first verdict.
    #[must_use]
    pub fn judged(&self) -> Option<Status> {
        self.judged
    }

    /// Takes one verdict in. The first ever counts at once; healthy and degraded turn into each other at once.
    pub fn observe(&mut self, status: Status, thresholds: Thresholds) -> Finding {
        let Some(judged) = self.judged.filter(|judged| judged.is_up() != status.is_up()) else {
            self.recent = (self.recent << 1) | u32::from(!status.is_up());
            return self.settle(status);
        };
        self.recent = (self.recent << 1) | u32::from(judged.is_up());
        self.against = self.against.saturating_add(1);
        let enough = if judged.is_up() {
            let reached = thresholds.window.is_some_and(|window| window.is_reached(self.recent));
            reached || self.against >= thresholds.fall.get()
        } else {
            self.against >= thresholds.rise.get()
        };
        if !enough {
            return Finding::InDoubt(judged);
        }
        // What counted for one change of mind does not count for the next.
        self.recent = 0;
        self.settle(status)
    }

    fn settle(&mut self, status: Status) -> Finding {
        self.judged = Some(status);
        self.against = 0;
        Finding::Settled(status)
    }
}

/// The health of everything, as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overall {
    /// Not every check has run yet.
    Starting,
    /// Every check that ran is healthy.
    Healthy,
    /// Something is wrong, but nothing critical.
    Degraded,
    /// A critical check is failing.
    Unhealthy,
    /// The runner is on its way out.
    Stopping,
}

impl Overall {
    /// Every value, in the order in which metrics list them.
    pub const ALL: [Overall; 5] =
        [Overall::Starting, Overall::Healthy, Overall::Degraded, Overall::Unhealthy, Overall::Stopping];

    /// Whether traffic may be sent here: healthy or degraded.
    #[must_use]
    pub fn is_serving(self) -> bool {
        matches!(self, Overall::Healthy | Overall::Degraded)
    }

    /// The word used in HTTP and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Overall::Starting => "starting",
            Overall::Healthy => "healthy",
            Overall::Degraded => "degraded",
            Overall::Unhealthy => "unhealthy",
            Overall::Stopping => "stopping",
        }
    }
}

/// Where the runner is in its own life, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Until every check has run once, or the grace for it is over.
    Starting,
    /// From then on.
    Running,
    /// Told to stop.
    Stopping,
}

/// How many checks are how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub total: usize,
    /// Not run yet.
    pub pending: usize,
    /// Of which nothing is known.
    pub unknown: usize,
    /// Working, not well.
    pub degraded: usize,
    /// Failing and critical.
    pub critical: usize,
    /// Failing and not critical.
    pub failing: usize,
    /// Parts of the runner itself that do not do what they are for.
    pub impaired: usize,
}

impl Tally {
    /// Counts one check in.
    pub fn count(&mut self, health: Health, critical: bool) {
        self.total += 1;
        match health {
            Health::Pending => self.pending += 1,
            Health::Unknown => self.unknown += 1,
            Health::Healthy => {}
            Health::Degraded => self.degraded += 1,
            Health::Unhealthy if critical => self.critical += 1,
            Health::Unhealthy => self.failing += 1,
        }
    }

    /// The one word for all. What is unknown degrades: nobody can vouch for it. So does a runner that is not whole.
    #[must_use]
    pub fn overall(&self, phase: Phase) -> Overall {
        match phase {
            Phase::Stopping => Overall::Stopping,
            Phase::Starting => Overall::Starting,
            Phase::Running if self.critical > 0 => Overall::Unhealthy,
            Phase::Running if self.failing + self.degraded + self.unknown + self.impaired > 0 => Overall::Degraded,
            Phase::Running => Overall::Healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Finding::*, Status::*, *};

    fn thresholds(fall: u32, rise: u32) -> Thresholds {
        Thresholds { fall: NonZeroU32::new(fall).unwrap(), rise: NonZeroU32::new(rise).unwrap(), window: None }
    }

    #[test]
    fn failures_need_not_come_in_a_row_if_there_is_a_window() {
        let with = Thresholds { window: Some(Window::new(3, 5).unwrap()), ..thresholds(4, 1) };
        let judge = |statuses: &[Status]| {
            let mut judge = Judge::default();
            statuses.iter().map(|status| judge.observe(*status, with)).collect::<Vec<_>>()
        };
        let seen = judge(&[Healthy, Unhealthy, Healthy, Unhealthy, Healthy, Unhealthy]);
        assert_eq!(seen[3..], [InDoubt(Healthy), Settled(Healthy), Settled(Unhealthy)]);
        let seen = judge(&[Healthy, Unhealthy, Unhealthy, Healthy, Healthy, Healthy, Unhealthy, Unhealthy]);
        assert_eq!(seen[7], InDoubt(Healthy), "only two of the latest five");
        let seen = judge(&[Healthy, Unhealthy, Unhealthy, Unhealthy, Healthy, Unhealthy]);
        assert_eq!(seen[3..], [Settled(Unhealthy), Settled(Healthy), InDoubt(Healthy)], "and back up, it begins anew");
        for (failures, of) in [(0, 5), (6, 5), (1, 33)] {
            assert_eq!(Window::new(failures, of), Err(WindowError { failures, of }));
        }
    }

    #[test]
    fn what_the_operator_decrees_stands_above_what_is_found() {
        for found in Health::ALL {
            let over = Mode::ALL.map(|mode| mode.over(found));
            assert_eq!(over, [found, Health::Healthy, Health::Unhealthy, Health::Pending]);
        }
    }

    #[test]
    fn the_judgement_follows_the_verdicts_with_reluctance() {
        let table: [(Thresholds, &[(Status, Finding)]); 5] = [
            (thresholds(3, 1), &[(Unhealthy, Settled(Unhealthy)), (Healthy, Settled(Healthy))]),
            (
                thresholds(3, 2),
                &[
                    (Healthy, Settled(Healthy)),
                    (Unhealthy, InDoubt(Healthy)),
                    (Unhealthy, InDoubt(Healthy)),
                    (Unhealthy, Settled(Unhealthy)),
                    (Degraded, InDoubt(Unhealthy)),
                    (Healthy, Settled(Healthy)),
                ],
            ),
            (
                thresholds(2, 1),
                &[
                    (Healthy, Settled(Healthy)),
                    (Degraded, Settled(Degraded)),
                    (Unhealthy, InDoubt(Degraded)),
                    (Healthy, Settled(Healthy)),
                    (Unhealthy, InDoubt(Healthy)),
                    (Unhealthy, Settled(Unhealthy)),
                ],
            ),
            (thresholds(1, 1), &[(Healthy, Settled(Healthy)), (Unhealthy, Settled(Unhealthy))]),
            (
                thresholds(1, 3),
                &[
                    (Unhealthy, Settled(Unhealthy)),
                    (Healthy, InDoubt(Unhealthy)),
                    (Healthy, InDoubt(Unhealthy)),
                    (Unhealthy, Settled(Unhealthy)),
                    (Healthy, InDoubt(Unhealthy)),
                    (Healthy, InDoubt(Unhealthy)),
                    (Healthy, Settled(Healthy)),
                ],
            ),
        ];
        for (thresholds, steps) in table {
            let mut judge = Judge::default();
            for (at, (status, finding)) in steps.iter().enumerate() {
                assert_eq!(judge.observe(*status, thresholds), *finding, "{thresholds:?}, step {at}");
            }
        }
    }

    #[test]
    fn alternating_results_never_trip_a_fall_above_one() {
        let mut judge = Judge::default();
        judge.observe(Healthy, thresholds(2, 1));
        for _ in 0..1000 {
            judge.observe(Unhealthy, thresholds(2, 1));
            assert_eq!(judge.judged(), Some(Healthy));
            judge.observe(Healthy, thresholds(2, 1));
        }
    }

    type Checks<'a> = &'a [(Health, bool)];

    #[test]
    fn only_a_critical_failure_makes_the_whole_unhealthy() {
        use Health as H;
        let overall = |phase, checks: &[(Health, bool)]| {
            let mut tally = Tally::default();
            for (health, critical) in checks {
                tally.count(*health, *critical);
            }
            tally.overall(phase)
        };
        let table: [(Phase, Checks<'_>, Overall); 10] = [
            (Phase::Running, &[], Overall::Healthy),
            (Phase::Running, &[(H::Healthy, true)], Overall::Healthy),
            (Phase::Running, &[(H::Pending, true)], Overall::Healthy),
            (Phase::Running, &[(H::Unknown, true)], Overall::Degraded),
            (Phase::Running, &[(H::Degraded, true)], Overall::Degraded),
            (Phase::Running, &[(H::Unhealthy, false)], Overall::Degraded),
            (Phase::Running, &[(H::Unhealthy, false), (H::Unhealthy, true)], Overall::Unhealthy),
            (Phase::Running, &[(H::Healthy, false), (H::Unhealthy, true)], Overall::Unhealthy),
            (Phase::Starting, &[(H::Unhealthy, true)], Overall::Starting),
            (Phase::Stopping, &[(H::Unhealthy, true)], Overall::Stopping),
        ];
        for (phase, checks, expected) in table {
            assert_eq!(overall(phase, checks), expected, "{phase:?} {checks:?}");
        }
    }
}
