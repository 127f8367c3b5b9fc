//! What is told, and what the log is to know of it.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Alert, Selector, Severity, Silence, Subject};

/// What a message says of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// There is trouble.
    Alert,
    /// It is worse than was told.
    Worse,
    /// It goes on.
    Reminder,
    /// It is over.
    Resolved,
    /// An event happened.
    Event,
    /// Somebody wants to see whether messages arrive.
    Test,
}

impl ItemKind {
    /// The word used in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ItemKind::Alert => "alert",
            ItemKind::Worse => "worse",
            ItemKind::Reminder => "reminder",
            ItemKind::Resolved => "resolved",
            ItemKind::Event => "event",
            ItemKind::Test => "test",
        }
    }

    /// Whether it says that there is trouble, which is not said of what is suppressed.
    #[must_use]
    pub fn is_of_trouble(self) -> bool {
        matches!(self, ItemKind::Alert | ItemKind::Worse | ItemKind::Reminder)
    }
}

/// One thing that is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What is said.
    pub kind: ItemKind,
    /// The alert it is about; `None`: an event.
    pub alert: Option<Arc<str>>,
    /// The kind of the event it is about.
    pub event: Option<Arc<str>>,
    /// The check it is about; `None`: the runner itself.
    pub check: Option<Arc<str>>,
    /// The group of the check.
    pub group: Option<Arc<str>>,
    /// The labels of the check.
    pub labels: BTreeMap<String, String>,
    /// Whether the check is critical.
    pub critical: bool,
    /// How bad it is, or was; `None`: an event.
    pub severity: Option<Severity>,
    /// What the probe says, or what happened.
    pub message: Arc<str>,
    /// When the trouble began, or the event happened.
    pub since: Timestamp,
    /// When the trouble ended; `None`: it goes on, or there was none.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// When it is told, or was to be.
    pub time: Timestamp,
}

impl Item {
    /// This news of an alert.
    #[must_use]
    pub fn of(alert: &Alert, kind: ItemKind, message: &Arc<str>, now: Timestamp) -> Item {
        Item {
            kind,
            alert: Some(Arc::clone(&alert.id)),
            event: None,
            severity: Some(alert.severity),
            ended: (kind == ItemKind::Resolved).then_some(now),
            ..Item::about(Some(&alert.subject), kind, message, alert.since, now)
        }
    }

    /// That an event of this kind happened.
    pub(super) fn event(subject: Option<&Subject>, event: &str, message: &Arc<str>, now: Timestamp) -> Item {
        Item { event: Some(event.into()), ..Item::about(subject, ItemKind::Event, message, now, now) }
    }

    /// What is sent to see whether messages arrive.
    #[must_use]
    pub fn test(now: Timestamp) -> Item {
        let message = "this is a test of notifications; nothing is wrong".into();
        Item::about(None, ItemKind::Test, &message, now, now)
    }

    fn about(subject: Option<&Subject>, kind: ItemKind, message: &Arc<str>, since: Timestamp, time: Timestamp) -> Item {
        Item {
            kind,
            alert: None,
            event: None,
            check: subject.map(|subject| Arc::clone(&subject.check)),
            group: subject.and_then(|subject| subject.group.clone()),
            labels: subject.map(|subject| subject.labels.clone()).unwrap_or_default(),
            critical: subject.is_some_and(|subject| subject.critical),
            severity: None,
            message: Arc::clone(message),
            since,
            ended: None,
            time,
        }
    }
}

/// What is to be sent to each of some sinks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The rule that has it sent.
    pub rule: Arc<str>,
    /// To whom.
    pub sinks: Vec<Arc<str>>,
    /// When.
    pub time: Timestamp,
    /// Whether it is a summary of more than would be told one by one.
    pub summary: bool,
    /// What it says: one thing, or all of a summary.
    pub items: Vec<Item>,
}

/// What became of an alert, for the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Happening {
    /// A rule has it told.
    Alert {
        /// The alert, as it is now.
        alert: Arc<Alert>,
        /// The rule.
        rule: Arc<str>,
    },
    /// It does not concern a rule any more that had it told.
    Resolved {
        /// The alert, as it was.
        alert: Arc<Alert>,
        /// The rule.
        rule: Arc<str>,
        /// What the probe says now, or why nobody knows.
        message: Arc<str>,
    },
    /// A rule would have it told, if it were not for these.
    Suppressed {
        /// The alert, as it is now.
        alert: Arc<Alert>,
        /// The rule.
        rule: Arc<str>,
        /// What keeps it from being told.
        by: Vec<Arc<str>>,
    },
    /// Somebody takes care of it.
    Acknowledged {
        /// The alert, as it is now.
        alert: Arc<Alert>,
        /// Who; may be empty.
        by: String,
        /// What they say; may be empty.
        comment: String,
    },
    /// Nobody takes care of it any more, for somebody said so.
    Disowned {
        /// The alert, as it is now.
        alert: Arc<Alert>,
        /// Who said so; may be empty.
        by: String,
    },
    /// Nothing is told of some checks, by decree.
    Silenced(Decree),
    /// A silence was ended before its time.
    Unsilenced {
        /// The silence, as it was.
        silence: Decree,
        /// Who ended it; may be empty.
        by: String,
    },
}

/// A silence, as the log has it: each value by itself, so that any format can hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decree {
    /// What names it.
    pub id: String,
    /// Which checks it is about.
    pub selector: Selector,
    /// When it is over.
    pub until: Timestamp,
    /// Who said so; may be empty.
    pub by: String,
    /// Why; may be empty.
    pub comment: String,
}

impl From<&Silence> for Decree {
    fn from(silence: &Silence) -> Decree {
        let Silence { id, selector, created: _, until, by, comment } = silence.clone();
        Decree { id, selector, until, by, comment }
    }
}

/// What comes of something: news for people, and events for the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// What is to be sent.
    pub messages: Vec<Message>,
    /// What happened.
    pub happened: Vec<Happening>,
}
