//! What is to be told, to whom, and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{Period, Selector, Severity};

/// Long enough for checks of one broken thing to fail together, and too short to matter to whoever is woken.
const WINDOW: Duration = Duration::from_secs(10);
/// More messages at once than this are read by nobody.
const SUMMARY_ABOVE: usize = 5;
/// Alertmanager's `group_interval`.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// All that is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The rules. Each has a name of its own.
    pub rules: Vec<Rule>,
    /// Planned work.
    pub maintenances: Vec<Maintenance>,
    /// How long news of one rule are collected before they are told.
    pub window: Duration,
    /// More news than this within a window are told as one summary.
    pub summary_above: usize,
    /// How long after a summary its rule tells nothing, and goes on collecting.
    pub summary_interval: Duration,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            rules: Vec::new(),
            maintenances: Vec::new(),
            window: WINDOW,
            summary_above: SUMMARY_ABOVE,
            summary_interval: SUMMARY_INTERVAL,
        }
    }
}

/// What is to be told of some checks, and to whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// Of which checks.
    pub selector: Selector,
    /// What.
    pub watches: Watches,
    /// When nothing is told: it is kept until then.
    pub quiet: Vec<Period>,
    /// To whom, by name.
    pub sinks: Vec<Arc<str>>,
}

impl Rule {
    /// A rule that tells of all trouble of all checks at once.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, sinks: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Rule {
        Rule {
            name: name.into(),
            selector: Selector::default(),
            watches: Watches::Trouble(Trouble::default()),
            quiet: Vec::new(),
            sinks: sinks.into_iter().map(Into::into).collect(),
        }
    }

    /// Until when it tells nothing, if it does not now.
    #[must_use]
    pub fn is_quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.quiet.iter().filter_map(|period| period.holds_until(now)).max()
    }
}

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Watches {
    /// What is known of the targets, for as long as it is bad.
    Trouble(Trouble),
    /// Events of these kinds, each by itself.
    Events(BTreeSet<String>),
}

/// Which trouble is told, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// How bad it must be.
    pub severities: BTreeSet<Severity>,
    /// How long it must have been as bad as that.
    pub hold: Duration,
    /// After how long it is told again, as long as it goes on; `None`: it is not.
    pub repeat: Option<Duration>,
    /// Whether its end is told.
    pub resolve: bool,
}

impl Default for Trouble {
    fn default() -> Trouble {
        Trouble { severities: Severity::ALL.into(), hold: Duration::ZERO, repeat: None, resolve: true }
    }
}

/// Planned work, in which trouble of some checks is not told.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintenance {
    /// Its name.
    pub name: Arc<str>,
    /// Of which checks.
    pub selector: Selector,
    /// When.
    pub period: Period,
}

impl Policy {
    /// The rule of that name.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| *rule.name == *name)
    }

    /// Every rule by its name.
    pub(super) fn names(&self) -> BTreeMap<&str, &Rule> {
        self.rules.iter().map(|rule| (&*rule.name, rule)).collect()
    }
}
