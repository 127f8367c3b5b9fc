//! What is told in the place of events that are not in the log.

use std::ops::RangeInclusive;

/// The word of it.
pub const GAP: &str = "gap";

/// Why the next event that can be told is not the next one by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The events of these numbers are not kept any more.
    Expired(RangeInclusive<u64>),
    /// These numbers were left out when a runner went on after one that did not end as it should. At most its last events had some of
    /// them, and were not kept.
    LeftOut(RangeInclusive<u64>),
    /// All that was read before is of another history, whose numbers mean nothing in this one.
    Restarted,
}

impl Gap {
    /// The words of all reasons.
    pub const REASONS: [&str; 3] = ["expired", "left-out", "restarted"];

    /// The word for the reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Gap::Expired(_) => "expired",
            Gap::LeftOut(_) => "left-out",
            Gap::Restarted => "restarted",
        }
    }

    /// The numbers that no event in the log has, if they are of this history.
    #[must_use]
    pub fn numbers(&self) -> Option<&RangeInclusive<u64>> {
        match self {
            Gap::Expired(numbers) | Gap::LeftOut(numbers) => Some(numbers),
            Gap::Restarted => None,
        }
    }

    /// The number after which the log goes on.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.numbers().map_or(0, |numbers| *numbers.end())
    }
}
