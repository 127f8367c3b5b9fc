//! When somebody is to be told of trouble, and when not.
//!
//! A check that is not well has an [`Alert`], from the first sign of trouble until it is healthy again. The rules of a [`Policy`] look
//! at it: one that it concerns holds it for a while, has it told, reminds of it, and tells its end. A [`Keeper`] does that for all
//! checks. What suppresses an alert (a silence, a maintenance, an acknowledgement, a parent that is down) keeps it from being
//! told, never from being noticed; and nothing suppresses the news that what was told of is over.
//!
//! All times are those of the clock on the wall: alerts and silences outlive the runner, and its steady clock does not.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use probity_core::{alert::{Keeper, Policy, Rule, Subject, Told}, health::Health};
//! let policy = Policy { rules: vec![Rule::new("everything", ["ops"])], ..Policy::default() };
//! let mut keeper = Keeper::new(policy.into(), Arc::default());
//! let (check, mut told) = (Subject::new("orders-db"), Told::default());
//!
//! let noon = "2026-03-01T12:00:00Z".parse()?;
//! keeper.observe(&check, Health::Unhealthy, &"connection refused".into(), noon, &mut told);
//! keeper.poll(noon, &mut told);
//! assert!(told.messages.is_empty(), "others may follow within the window, and are told together");
//!
//! let due = keeper.due().ok_or("the window ends")?;
//! keeper.poll(due, &mut told);
//! assert_eq!(told.messages[0].items[0].message, "connection refused".into());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod family;
mod keeper;
mod letter;
mod message;
mod period;
mod policy;
mod selector;
mod silence;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    family::Family,
    keeper::{Keeper, Memory},
    letter::Letter,
    message::{Decree, Happening, Item, ItemKind, Message, Told},
    period::Period,
    policy::{Maintenance, Policy, Rule, Trouble, Watches},
    selector::{Pattern, Selector},
    silence::{Acknowledgement, Silence},
};
use crate::health::Health;

/// How bad it is, from what is least certain to what matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The probe fails, so that nothing is known of the target.
    Unknown,
    /// The target works, but not as well as it should.
    Degraded,
    /// The target does not do what it is for.
    Unhealthy,
    /// It does not, and its check is critical.
    Critical,
}

impl Severity {
    /// Every value, from the least.
    pub const ALL: [Severity; 4] = [Severity::Unknown, Severity::Degraded, Severity::Unhealthy, Severity::Critical];

    /// The words for them.
    pub const WORDS: [&str; 4] = ["unknown", "degraded", "unhealthy", "critical"];

    /// How bad it is that a check, critical or not, is like this; `None`: it is not bad, or there is nothing to judge.
    #[must_use]
    pub fn of(health: Health, critical: bool) -> Option<Severity> {
        match health {
            Health::Pending | Health::Healthy => None,
            Health::Unknown => Some(Severity::Unknown),
            Health::Degraded => Some(Severity::Degraded),
            Health::Unhealthy if critical => Some(Severity::Critical),
            Health::Unhealthy => Some(Severity::Unhealthy),
        }
    }

    /// The word used in the configuration, HTTP and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Unknown => "unknown",
            Severity::Degraded => "degraded",
            Severity::Unhealthy => "unhealthy",
            Severity::Critical => "critical",
        }
    }

    /// The severity that a word names.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.as_str() == word)
    }

    /// Whether the target is known not to do what it is for.
    #[must_use]
    pub fn is_down(self) -> bool {
        matches!(self, Severity::Unhealthy | Severity::Critical)
    }
}

/// A check, as rules see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name.
    pub check: Arc<str>,
    /// The group it is in.
    pub group: Option<Arc<str>>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether its failure makes the whole unhealthy.
    pub critical: bool,
}

impl Subject {
    /// A check of this name, and nothing else.
    #[must_use]
    pub fn new(check: impl Into<Arc<str>>) -> Subject {
        Subject { check: check.into(), group: None, labels: BTreeMap::new(), critical: false }
    }
}

/// The trouble of one check, from its first sign to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What names it, and no other alert of this runner: the check, and the millisecond in which the trouble began.
    pub id: Arc<str>,
    /// Whose trouble it is.
    pub subject: Subject,
    /// How bad it is now.
    pub severity: Severity,
    /// Whether the target was down when it was last known how it is.
    pub down: bool,
    /// What the probe said last.
    pub message: Arc<str>,
    /// When it began.
    pub since: Timestamp,
    /// Who takes care of it, if somebody said so.
    pub acknowledged: Option<Acknowledgement>,
    /// Where it stands with each rule that it concerns.
    pub rules: BTreeMap<Arc<str>, Standing>,
}

/// Where an alert stands with one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Since when it concerns the rule.
    pub since: Timestamp,
    /// What was told of it; `None`: nothing yet.
    pub told: Option<Telling>,
    /// What keeps it from being told: `silence:ID`, `maintenance:NAME`, `check:PARENT` or `acknowledgement`.
    pub suppressed_by: Vec<Arc<str>>,
}

/// What was told of an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Telling {
    /// How bad it is as far as was told: the worst, or how it was when it was known to be better than that.
    pub severity: Severity,
    /// When it was told first.
    pub first: Timestamp,
    /// When it was told last.
    pub last: Timestamp,
    /// How often.
    pub count: u32,
}
