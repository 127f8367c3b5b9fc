//! All alerts, and what becomes of them.

mod suppression;
mod suspects;
mod telling;
mod wakes;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::{
    suppression::Suppression,
    wakes::{Wakes, earlier},
};
use super::{
    Acknowledgement, Alert, Decree, Family, Happening, Item, ItemKind, Policy, Rule, Severity, Silence, Standing,
    Subject, Told, Trouble, Watches,
    batch::{Batch, later},
};
use crate::health::Health;

/// All that a keeper must not forget when the runner ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    alerts: BTreeMap<Arc<str>, Alert>,
    silences: BTreeMap<String, Silence>,
    batches: BTreeMap<Arc<str>, Batch>,
}

/// All alerts, and what becomes of them.
#[derive(Clone, Debug)]
pub struct Keeper {
    policy: Arc<Policy>,
    family: Arc<Family>,
    memory: Memory,
    wakes: Wakes,
    /// Checks of which it is to be found out how they are, each with the moment until which that may take.
    suspects: BTreeMap<Arc<str>, Timestamp>,
    /// Whether there is something in the memory that was not taken out yet.
    changed: bool,
}

impl Keeper {
    /// A keeper without alerts.
    #[must_use]
    pub fn new(policy: Arc<Policy>, family: Arc<Family>) -> Keeper {
        let (memory, wakes, suspects) = (Memory::default(), Wakes::default(), BTreeMap::new());
        Keeper { policy, family, memory, wakes, suspects, changed: false }
    }

    /// Takes over what another one remembered. What is due by then is told by the next [`poll`](Self::poll).
    pub fn recall(&mut self, memory: Memory, now: Timestamp, told: &mut Told) {
        self.memory = memory;
        self.evaluate_all(now, told);
    }

    /// What must not be forgotten, if it changed since it was last taken out.
    pub fn take_changes(&mut self) -> Option<&Memory> {
        std::mem::take(&mut self.changed).then_some(&self.memory)
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// All alerts, by the name of their check.
    #[must_use]
    pub fn alerts(&self) -> &BTreeMap<Arc<str>, Alert> {
        &self.memory.alerts
    }

    /// All silences that are not over.
    #[must_use]
    pub fn silences(&self) -> &BTreeMap<String, Silence> {
        &self.memory.silences
    }

    /// Goes on under other rules. What a rule that is left says of an alert stays; what one that is gone said is forgotten.
    pub fn adopt(&mut self, policy: Arc<Policy>, family: Arc<Family>, now: Timestamp, told: &mut Told) {
        self.policy = policy;
        self.family = family;
        self.evaluate_all(now, told);
    }

    /// Takes in what is known of a check, and what its probe said. That nothing is known *yet* changes nothing.
    pub fn observe(&mut self, subject: &Subject, health: Health, message: &Arc<str>, now: Timestamp, told: &mut Told) {
        let check = &*subject.check;
        let Some(severity) = Severity::of(health, subject.critical) else {
            if health == Health::Healthy {
                self.end(check, message, now, told);
            }
            return;
        };
        let was_down = self.is_down(check);
        match self.memory.alerts.get_mut(check) {
            Some(alert) => {
                alert.message = Arc::clone(message);
                if alert.severity == severity && alert.subject == *subject {
                    return;
                }
                alert.severity = severity;
                alert.subject.clone_from(subject);
                // What was down and of which nothing is known is down as far as anybody knows.
                alert.down = severity.is_down() || (alert.down && severity == Severity::Unknown);
            }
            None => {
                let alert = Alert {
                    id: format!("{check}-{:x}", now.as_millisecond()).into(),
                    subject: subject.clone(),
                    severity,
                    down: severity.is_down(),
                    message: Arc::clone(message),
                    since: now,
                    acknowledged: None,
                    rules: BTreeMap::new(),
                };
                self.memory.alerts.insert(Arc::clone(&subject.check), alert);
            }
        }
        self.changed = true;
        self.evaluate(check, now, told);
        self.look_at_descendants(check, was_down, now, told);
    }

    /// Forgets a check that nobody watches any more, for the reason given: its alert is over.
    pub fn forget(&mut self, check: &str, why: &Arc<str>, now: Timestamp, told: &mut Told) {
        self.end(check, why, now, told);
    }

    /// Takes in that an event happened, to a check or to the runner itself.
    pub fn happened(&mut self, subject: Option<&Subject>, kind: &str, message: &Arc<str>, now: Timestamp) {
        let policy = Arc::clone(&self.policy);
        let wanted = policy.rules.iter().filter(|rule| match &rule.watches {
            Watches::Events(kinds) => kinds.contains(kind),
            Watches::Trouble(_) => false,
        });
        for rule in wanted {
            let selected = subject.map_or(rule.selector.is_everything(), |subject| rule.selector.selects(subject));
            let suppressed = subject.is_some_and(|subject| !self.suppression(subject, now).by.is_empty());
            if selected && !suppressed {
                self.queue(rule, Item::event(subject, kind, message, now), now);
            }
        }
    }

    /// Takes in that somebody takes care of the alert of that id. `false` if there is none.
    pub fn acknowledge(&mut self, id: &str, acknowledgement: Acknowledgement, now: Timestamp, told: &mut Told) -> bool {
        let Some(alert) = self.memory.alerts.values_mut().find(|alert| *alert.id == *id) else {
            return false;
        };
        let (by, comment) = (acknowledgement.by.clone(), acknowledgement.comment.clone());
        alert.acknowledged = Some(acknowledgement);
        let (check, alert) = (Arc::clone(&alert.subject.check), Arc::new(alert.clone()));
        told.happened.push(Happening::Acknowledged { alert, by, comment });
        self.changed = true;
        self.evaluate(&check, now, told);
        true
    }

    /// Takes back, as somebody says, that somebody takes care of the alert of that id. `false` if nobody does, or there is no such
    /// alert.
    pub fn disown(&mut self, id: &str, by: &str, now: Timestamp, told: &mut Told) -> bool {
        let found = self.memory.alerts.values_mut().find(|alert| *alert.id == *id && alert.acknowledged.is_some());
        let Some(alert) = found else {
            return false;
        };
        alert.acknowledged = None;
        let (check, alert) = (Arc::clone(&alert.subject.check), Arc::new(alert.clone()));
        told.happened.push(Happening::Disowned { alert, by: by.to_owned() });
        self.changed = true;
        self.evaluate(&check, now, told);
        true
    }

    /// Silences some checks until a moment.
    pub fn silence(&mut self, silence: Silence, now: Timestamp, told: &mut Told) {
        told.happened.push(Happening::Silenced(Decree::from(&silence)));
        self.memory.silences.insert(silence.id.clone(), silence);
        self.changed = true;
        self.evaluate_all(now, told);
    }

    /// Ends a silence, as somebody says. `false` if there is none of that id.
    pub fn unsilence(&mut self, id: &str, by: &str, now: Timestamp, told: &mut Told) -> bool {
        let Some(silence) = self.memory.silences.remove(id) else {
            return false;
        };
        told.happened.push(Happening::Unsilenced { silence: Decree::from(&silence), by: by.to_owned() });
        self.changed = true;
        self.evaluate_all(now, told);
        true
    }

    /// When to [`poll`](Self::poll) next; `None`: not before something happens.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let wake = self.wakes.first();
        let silences = self.memory.silences.values().map(|silence| silence.until).min();
        let batches = self.memory.batches.values().filter_map(|batch| batch.due).min();
        earlier(earlier(wake, silences), batches)
    }

    /// Does what is due, and tells what is to be told by now. To be called after everything else.
    pub fn poll(&mut self, now: Timestamp, told: &mut Told) {
        let before = self.memory.silences.len();
        self.memory.silences.retain(|_, silence| now < silence.until);
        if self.memory.silences.len() < before {
            self.changed = true;
            self.evaluate_all(now, told);
        }
        while let Some(check) = self.wakes.take_due(now) {
            self.evaluate(&check, now, told);
        }
        self.flush(now, told);
    }

    fn is_down(&self, check: &str) -> bool {
        self.memory.alerts.get(check).is_some_and(|alert| alert.down)
    }

    /// The alert of a check is over.
    fn end(&mut self, check: &str, why: &Arc<str>, now: Timestamp, told: &mut Told) {
        let Some(mut alert) = self.memory.alerts.remove(check) else {
            return;
        };
        self.changed = true;
        self.wakes.set(&alert.subject.check, None);
        let policy = Arc::clone(&self.policy);
        let rules = policy.names();
        for (name, standing) in std::mem::take(&mut alert.rules) {
            if let Some(rule) = rules.get(&*name) {
                self.leave(&alert, rule, &standing, why, now, told);
            }
        }
        self.look_at_descendants(check, alert.down, now, told);
    }

    /// What depends on a check may be told of, or not, if the check went down or is back.
    fn look_at_descendants(&mut self, check: &str, was_down: bool, now: Timestamp, told: &mut Told) {
        let is_down = self.is_down(check);
        if was_down == is_down {
            return;
        }
        for name in self.family.descendants(check) {
            // It had no chance to be found well since: it is as if its trouble began now.
            if let Some(alert) = self.memory.alerts.get_mut(&name).filter(|_| !is_down) {
                for standing in alert.rules.values_mut().filter(|standing| standing.told.is_none()) {
                    standing.since = now;
                }
            }
            self.evaluate(&name, now, told);
        }
    }

    fn evaluate_all(&mut self, now: Timestamp, told: &mut Told) {
        let policy = Arc::clone(&self.policy);
        self.memory.batches.retain(|name, _| policy.rule(name).is_some());
        let checks: Vec<Arc<str>> = self.memory.alerts.keys().cloned().collect();
        checks.iter().for_each(|check| self.evaluate(check, now, told));
    }

    /// Looks at the alert of a check with the eyes of each rule.
    fn evaluate(&mut self, check: &str, now: Timestamp, told: &mut Told) {
        let Some(mut alert) = self.memory.alerts.remove(check) else {
            return;
        };
        if let Some(acknowledged) = alert.acknowledged.take_if(|acknowledged| {
            acknowledged.severity < alert.severity || acknowledged.until.is_some_and(|until| until <= now)
        }) {
            // Whoever took care of less than this has not heard of it, whatever was told before.
            if acknowledged.severity < alert.severity {
                let tellings = alert.rules.values_mut().filter_map(|standing| standing.told.as_mut());
                tellings.for_each(|telling| telling.severity = telling.severity.min(acknowledged.severity));
            }
            self.changed = true;
        }
        let policy = Arc::clone(&self.policy);
        alert.rules.retain(|name, _| policy.rule(name).is_some());
        let suppression = self.suppression_of(&alert, now);
        let mut wake = None;
        for rule in &policy.rules {
            if let Watches::Trouble(trouble) = &rule.watches {
                wake = earlier(wake, self.look(&mut alert, rule, trouble, &suppression, now, told));
            }
        }
        let name = Arc::clone(&alert.subject.check);
        self.memory.alerts.insert(Arc::clone(&name), alert);
        // What is due already was done.
        self.wakes.set(&name, wake.filter(|at| now < *at));
    }

    /// Looks at an alert with the eyes of one rule; returns when to look again.
    fn look(
        &mut self,
        alert: &mut Alert,
        rule: &Rule,
        trouble: &Trouble,
        suppression: &Suppression,
        now: Timestamp,
        told: &mut Told,
    ) -> Option<Timestamp> {
        let selected = rule.selector.selects(&alert.subject);
        let holds = selected && trouble.severities.contains(&alert.severity);
        let Some(mut standing) = alert.rules.remove(&rule.name) else {
            if !holds {
                return None;
            }
            self.changed = true;
            let standing = Standing { since: now, told: None, suppressed_by: Vec::new() };
            alert.rules.insert(Arc::clone(&rule.name), standing);
            return self.look(alert, rule, trouble, suppression, now, told);
        };
        if selected && !holds && alert.severity == Severity::Unknown {
            // Nothing is known of the target: neither that its trouble goes on, nor that it is over.
            if !suppression.by.is_empty() || suppression.awaits.is_some() {
                self.withdraw(rule, &alert.id);
            }
            self.note(&mut standing, suppression.by.clone());
            alert.rules.insert(Arc::clone(&rule.name), standing);
            return None;
        }
        if !holds {
            self.changed = true;
            let why = format!("now {}: {}", alert.severity.as_str(), alert.message).into();
            self.leave(alert, rule, &standing, &why, now, told);
            return None;
        }
        // A clock that was set back must not keep anybody waiting for years.
        standing.since = standing.since.min(now);
        // Once it is better, whoever was told of worse believes that it is over. What is not known is not better.
        if let Some(telling) = &mut standing.told
            && alert.severity != Severity::Unknown
            && alert.severity < telling.severity
        {
            telling.severity = alert.severity;
            self.changed = true;
        }
        let due = match &mut standing.told {
            None => Some((later(standing.since, trouble.hold), ItemKind::Alert)),
            Some(telling) if telling.severity < alert.severity => Some((now, ItemKind::Worse)),
            Some(telling) => {
                telling.last = telling.last.min(now);
                trouble.repeat.map(|repeat| (later(telling.last, repeat), ItemKind::Reminder))
            }
        };
        let mut again = None;
        if due.is_none_or(|(at, _)| now < at) {
            // What waits to be told is that it was worse, and it is not any more.
            self.withdraw(rule, &alert.id);
        }
        if let Some((at, kind)) = due {
            if now < at {
                again = Some(at);
                self.note(&mut standing, Vec::new());
            } else if let Some(until) = suppression.awaits.filter(|_| suppression.by.is_empty()) {
                again = Some(until);
                self.note(&mut standing, Vec::new());
                self.withdraw(rule, &alert.id);
            } else if suppression.by.is_empty() {
                self.note(&mut standing, Vec::new());
                self.queue_once(alert, rule, kind, now);
            } else {
                again = suppression.until;
                if standing.told.is_none() && standing.suppressed_by.is_empty() {
                    told.happened.push(Happening::Suppressed {
                        alert: Arc::new(alert.clone()),
                        rule: Arc::clone(&rule.name),
                        by: suppression.by.clone(),
                    });
                }
                self.note(&mut standing, suppression.by.clone());
                self.withdraw(rule, &alert.id);
            }
        }
        alert.rules.insert(Arc::clone(&rule.name), standing);
        again
    }

    /// Writes down what suppresses an alert.
    fn note(&mut self, standing: &mut Standing, by: Vec<Arc<str>>) {
        if standing.suppressed_by != by {
            standing.suppressed_by = by;
            self.changed = true;
        }
    }

    /// An alert does not concern a rule any more. Whatever suppresses it, whoever was told of it hears of its end.
    fn leave(
        &mut self,
        alert: &Alert,
        rule: &Rule,
        standing: &Standing,
        why: &Arc<str>,
        now: Timestamp,
        told: &mut Told,
    ) {
        let Watches::Trouble(trouble) = &rule.watches else { return };
        if standing.told.is_none() {
            return self.withdraw(rule, &alert.id);
        }
        told.happened.push(Happening::Resolved {
            alert: Arc::new(alert.clone()),
            rule: Arc::clone(&rule.name),
            message: Arc::clone(why),
        });
        if trouble.resolve {
            self.queue(rule, Item::of(alert, ItemKind::Resolved, why, now), now);
        } else {
            self.withdraw(rule, &alert.id);
        }
    }
}
