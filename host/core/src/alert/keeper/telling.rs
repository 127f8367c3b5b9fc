//! From news that are collected to what is told.

use std::sync::Arc;

use jiff::Timestamp;

use super::Keeper;
use crate::alert::{Alert, Happening, Item, ItemKind, Message, Rule, Telling, Told, Trouble, Watches, batch::later};

impl Keeper {
    pub(super) fn queue(&mut self, rule: &Rule, item: Item, now: Timestamp) {
        let batch = self.memory.batches.entry(Arc::clone(&rule.name)).or_default();
        batch.push(item, now, self.policy.window);
        self.changed = true;
    }

    /// Queues news of an alert, unless they are queued already.
    pub(super) fn queue_once(&mut self, alert: &Alert, rule: &Rule, kind: ItemKind, now: Timestamp) {
        let waiting = self.memory.batches.get(&rule.name).and_then(|batch| batch.waiting(&alert.id));
        let same = waiting.is_some_and(|waiting| waiting == kind || kind == ItemKind::Reminder);
        if !same || kind == ItemKind::Alert {
            self.queue(rule, Item::of(alert, kind, &alert.message, now), now);
        }
    }

    pub(super) fn withdraw(&mut self, rule: &Rule, id: &str) {
        if let Some(batch) = self.memory.batches.get_mut(&rule.name) {
            self.changed |= batch.withdraw(id);
        }
    }

    /// Tells what is due of what was collected.
    pub(super) fn flush(&mut self, now: Timestamp, told: &mut Told) {
        let policy = Arc::clone(&self.policy);
        for rule in &policy.rules {
            let Some(batch) = self.memory.batches.get_mut(&rule.name) else { continue };
            let Some(due) = batch.due.filter(|due| *due <= now) else { continue };
            self.changed = true;
            if let Some(until) = rule.is_quiet_until(now) {
                batch.due = Some(until.max(due));
                continue;
            }
            // A maintenance may have begun meanwhile.
            let troubled: Vec<Arc<str>> = batch.items.iter().filter_map(|item| item.check.clone()).collect();
            troubled.iter().for_each(|check| self.evaluate(check, now, told));
            let Some(batch) = self.memory.batches.get_mut(&rule.name) else { continue };
            batch.due = None;
            let mut items = std::mem::take(&mut batch.items);
            for item in &mut items {
                item.time = now;
                self.write_down(rule, item, now, told);
            }
            let summary = items.len() > policy.summary_above;
            if let Some(batch) = self.memory.batches.get_mut(&rule.name) {
                batch.spaced_until = summary.then(|| later(now, policy.summary_interval));
            }
            let message =
                |items| Message { rule: Arc::clone(&rule.name), sinks: rule.sinks.clone(), time: now, summary, items };
            if summary {
                told.messages.push(message(items));
            } else {
                told.messages.extend(items.into_iter().map(|item| message(vec![item])));
            }
        }
        self.memory.batches.retain(|_, batch| !batch.is_idle(now));
    }

    /// Writes down that an alert is told, by a rule.
    fn write_down(&mut self, rule: &Rule, item: &mut Item, now: Timestamp, told: &mut Told) {
        let alert = item.check.as_ref().filter(|_| item.kind.is_of_trouble());
        let Some(alert) = alert.and_then(|check| self.memory.alerts.get_mut(check)) else { return };
        // As it is by now.
        item.message = Arc::clone(&alert.message);
        item.severity = Some(alert.severity);
        let severity = alert.severity;
        let Some(standing) = alert.rules.get_mut(&rule.name) else { return };
        let telling = standing.told.get_or_insert(Telling { severity, first: now, last: now, count: 0 });
        let is_first = telling.count == 0;
        telling.severity = telling.severity.max(severity);
        telling.last = now;
        telling.count = telling.count.saturating_add(1);
        if is_first {
            told.happened.push(Happening::Alert { alert: Arc::new(alert.clone()), rule: Arc::clone(&rule.name) });
        }
        let Watches::Trouble(Trouble { repeat: Some(repeat), .. }) = rule.watches else { return };
        self.wakes.set_no_later(&alert.subject.check, later(now, repeat));
    }
}
