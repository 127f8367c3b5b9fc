//! What one rule is about to tell: news are collected for a while, and a storm of them becomes one summary.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Item, ItemKind};

/// The news of one rule that are not told yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    /// When they are told.
    pub(super) due: Option<Timestamp>,
    /// When the rule may tell again, after a summary.
    pub(super) spaced_until: Option<Timestamp>,
}

impl Batch {
    /// Adds news, which is told after `window`, together with what else there is by then.
    ///
    /// What is not told yet and does not hold any more is left out: trouble that is over before anybody heard of it is none.
    pub(super) fn push(&mut self, item: Item, now: Timestamp, window: Duration) {
        if let Some(at) = item.alert.as_ref().and_then(|id| self.position(id)) {
            match (self.items[at].kind, item.kind) {
                (ItemKind::Alert, ItemKind::Resolved) => {
                    self.items.remove(at);
                }
                // It is still news, and worse by now.
                (ItemKind::Alert, _) => self.items[at] = Item { kind: ItemKind::Alert, ..item },
                (ItemKind::Worse, ItemKind::Reminder) => {}
                // The last word counts; the end of what was told before, and its return, are two.
                (ItemKind::Worse | ItemKind::Reminder, _) => self.items[at] = item,
                (_, _) => self.items.push(item),
            }
        } else {
            self.items.push(item);
        }
        if self.items.is_empty() {
            self.due = None;
        } else if self.due.is_none() {
            let due = later(now, window);
            self.due = Some(self.spaced_until.map_or(due, |until| until.max(due)));
        }
    }

    /// Forgets the news that there is trouble; says whether there was any.
    pub(super) fn withdraw(&mut self, id: &str) -> bool {
        let before = self.items.len();
        self.items.retain(|item| item.alert.as_deref() != Some(id) || !item.kind.is_of_trouble());
        if self.items.is_empty() {
            self.due = None;
        }
        self.items.len() < before
    }

    /// The news of an alert that is waiting to be told: the last there is.
    pub(super) fn waiting(&self, id: &str) -> Option<ItemKind> {
        self.position(id).map(|at| self.items[at].kind)
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.items.iter().rposition(|item| item.alert.as_deref() == Some(id))
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.items.is_empty() && self.spaced_until.is_none_or(|until| until <= now)
    }
}

/// The moment so much later, or the last there is.
pub(super) fn later(from: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    from.checked_add(span).unwrap_or(Timestamp::MAX)
}
