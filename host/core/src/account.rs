//! The account of one check's time: how long its target was how, by the minute, the hour and the day, and its incidents.
//!
//! It is told of results and changes as they come, closes each stretch when its time is over, and hands it out then. What it
//! holds itself is what is still open. The time in which there was no runner is told as such, and counts as unknown. Where the
//! clock was set back, it goes on from there: what is told later takes the place of what was told of the same time.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    health::Health,
    outcome::Run,
    rollup::{Level, Rollup},
};

/// Stretches of a minute are of use for an hour: time that passed in one go before that is not cut into minutes.
const MINUTES_BACK: i64 = 2 * Level::Hour.length();
/// Those of an hour for thirty days.
const HOURS_BACK: i64 = 31 * Level::Day.length();

/// The target counts as unhealthy from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Counts the incidents of a check, from 1.
    pub number: u64,
    /// When it began, in milliseconds since 1970.
    pub began: i64,
    /// When it ended, likewise; `None`: it goes on.
    pub ended: Option<i64>,
    /// What was said when it began.
    pub message: Arc<str>,
}

/// What is final, or begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A stretch is over.
    Stretch {
        /// How long it was.
        level: Level,
        /// Which it was, as [`Level::index`] counts.
        index: i64,
        /// What it came to.
        rollup: Rollup,
    },
    /// An incident began or ended.
    Incident(Incident),
}

/// The account of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Up to when time is accounted for, in milliseconds since 1970.
    at: i64,
    /// What has been known since then.
    health: Health,
    /// The stretches that are open, by [`Level`]. Those that are longer hold what the shorter ones came to that are over.
    open: [Rollup; Level::ALL.len()],
    incident: Option<Incident>,
    /// How many incidents there were.
    incidents: u64,
}

impl Account {
    /// Of a check that begins.
    #[must_use]
    pub fn new(now: Timestamp) -> Account {
        Account {
            at: now.as_millisecond(),
            health: Health::Pending,
            open: Default::default(),
            incident: None,
            incidents: 0,
        }
    }

    /// What is known.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// The incident that goes on.
    #[must_use]
    pub fn incident(&self) -> Option<&Incident> {
        self.incident.as_ref()
    }

    /// Up to when time is accounted for, in milliseconds since 1970.
    #[must_use]
    pub fn at(&self) -> i64 {
        self.at
    }

    /// The stretch that is open, and what it has come to.
    #[must_use]
    pub fn open(&self, level: Level) -> (i64, Rollup) {
        let mut rollup = Rollup::default();
        // An hour that is open does not hold its open minute yet.
        self.open[..=level as usize].iter().for_each(|open| rollup.add(open));
        (level.index(self.at), rollup)
    }

    /// Time passes with nothing new. What comes late, or from a clock that was set back a little, does not take time away.
    pub fn pass(&mut self, to: Timestamp, entries: &mut Vec<Entry>) {
        let to = to.as_millisecond();
        while self.at < to {
            let end = self.step(to).min(to);
            self.open[Level::Minute as usize].pass(self.health, end.abs_diff(self.at));
            let before = std::mem::replace(&mut self.at, end);
            self.close(before, entries);
        }
    }

    /// There was no runner until `to`, or none that could tell: nothing is known of that time.
    pub fn away(&mut self, to: Timestamp, entries: &mut Vec<Entry>) {
        if self.health != Health::Pending {
            self.health = Health::Unknown;
        }
        self.pass(to, entries);
    }

    /// Nobody looked from `from` to `to`, as the runner stood still: nothing is known of that time, and after it what was known before.
    pub fn missed(&mut self, from: Timestamp, to: Timestamp, entries: &mut Vec<Entry>) {
        self.pass(from, entries);
        let known = self.health;
        self.away(to, entries);
        self.health = known;
    }

    /// The clock was set back, to `to`: time goes on from there, if it was accounted for beyond. Of a stretch that is open again by
    /// it, `kept` tells what was handed out, which is part of what it comes to.
    pub fn set_back(&mut self, to: Timestamp, kept: impl Fn(Level, i64) -> Option<Rollup>, entries: &mut Vec<Entry>) {
        let to = to.as_millisecond();
        if to >= self.at {
            return;
        }
        let before = std::mem::replace(&mut self.at, to);
        self.close(before, entries);
        let reopened = |level: &Level| level.index(before) != level.index(to);
        // From the longest on, so that there is something to take the shorter ones out of.
        for level in Level::ALL.into_iter().rev().filter(reopened) {
            let Some(rollup) = kept(level, level.index(to)) else {
                continue;
            };
            self.open[level as usize].add(&rollup);
            // The longer one holds it already, and will be handed it once more.
            if let Some(longer) = self.open.get_mut(level as usize + 1) {
                longer.take_out(&rollup);
            }
        }
        if let Some(incident) = self.incident.as_mut().filter(|incident| incident.began > to) {
            incident.began = to;
            entries.push(Entry::Incident(incident.clone()));
        }
    }

    /// A run came to its end.
    pub fn ran(&mut self, run: &Run, entries: &mut Vec<Entry>) {
        self.pass(run.ended(), entries);
        self.open[Level::Minute as usize].count(run);
    }

    /// From this time on, this is known, as this says.
    pub fn know(&mut self, health: Health, message: &Arc<str>, at: Timestamp, entries: &mut Vec<Entry>) {
        self.pass(at, entries);
        self.health = health;
        match (health, self.incident.take()) {
            (Health::Unhealthy, None) => {
                self.incidents += 1;
                self.open[Level::Minute as usize].incidents += 1;
                let incident =
                    Incident { number: self.incidents, began: self.at, ended: None, message: Arc::clone(message) };
                entries.push(Entry::Incident(incident.clone()));
                self.incident = Some(incident);
            }
            // That nothing is known does not mean that it is over.
            (Health::Unhealthy | Health::Unknown, going_on) => self.incident = going_on,
            (_, None) => {}
            (_, Some(over)) => {
                if health.is_up() {
                    let minute = &mut self.open[Level::Minute as usize];
                    minute.repairs += 1;
                    minute.repair += u64::try_from(self.at - over.began).unwrap_or(0);
                }
                entries.push(Entry::Incident(Incident { ended: Some(self.at), ..over }));
            }
        }
    }

    /// Where the stretch ends that is to be passed next.
    fn step(&self, to: i64) -> i64 {
        let left = to - self.at;
        let begins = |level: Level| self.at.rem_euclid(level.length()) == 0;
        let level = if left > HOURS_BACK && begins(Level::Day) {
            Level::Day
        } else if left > MINUTES_BACK && begins(Level::Hour) {
            Level::Hour
        } else {
            Level::Minute
        };
        (level.index(self.at) + 1) * level.length()
    }

    /// Hands out the stretches that are over, now that time has passed since `before`.
    fn close(&mut self, before: i64, entries: &mut Vec<Entry>) {
        for level in Level::ALL {
            if level.index(before) == level.index(self.at) {
                return;
            }
            let rollup = std::mem::take(&mut self.open[level as usize]);
            if let Some(longer) = self.open.get_mut(level as usize + 1) {
                longer.add(&rollup);
            }
            if !rollup.is_empty() {
                entries.push(Entry::Stretch { level, index: level.index(before), rollup });
            }
        }
    }
}
