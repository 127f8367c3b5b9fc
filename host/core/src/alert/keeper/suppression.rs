//! What keeps news from being told.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Keeper, wakes::earlier};
use crate::alert::{Alert, Subject};

/// What suppresses an alert that somebody takes care of.
const ACKNOWLEDGEMENT: &str = "acknowledgement";

/// What keeps an alert from being told, and when to look whether it still does.
#[derive(Default)]
pub(super) struct Suppression {
    pub(super) by: Vec<Arc<str>>,
    pub(super) until: Option<Timestamp>,
    /// Until when it is to be found out whether something else does.
    pub(super) awaits: Option<Timestamp>,
}

impl Suppression {
    fn add(&mut self, by: impl Into<Arc<str>>, until: Option<Timestamp>) {
        self.by.push(by.into());
        self.until = earlier(self.until, until);
    }
}

impl Keeper {
    /// What keeps news of an alert from being told.
    pub(super) fn suppression_of(&self, alert: &Alert, now: Timestamp) -> Suppression {
        let mut suppression = self.suppression(&alert.subject, now);
        if let Some(acknowledged) = &alert.acknowledged {
            suppression.add(ACKNOWLEDGEMENT, acknowledged.until);
        }
        suppression.awaits = self.awaits(&alert.subject.check, now);
        suppression
    }

    /// What keeps news of a check from being told.
    pub(super) fn suppression(&self, subject: &Subject, now: Timestamp) -> Suppression {
        let mut suppression = Suppression::default();
        for silence in self.memory.silences.values() {
            if now < silence.until && silence.selector.selects(subject) {
                suppression.add(format!("silence:{}", silence.id), Some(silence.until));
            }
        }
        for maintenance in &self.policy.maintenances {
            if let Some(until) = maintenance.period.holds_until(now).filter(|_| maintenance.selector.selects(subject)) {
                suppression.add(format!("maintenance:{}", maintenance.name), Some(until));
            }
        }
        for parent in self.family.ancestors(&subject.check) {
            if parent != subject.check && self.is_down(&parent) {
                suppression.add(format!("check:{parent}"), None);
            }
        }
        suppression
    }
}
