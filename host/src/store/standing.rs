//! How the store is, in one word and in a sentence, from all that there is to say of it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::{Timestamp, Unit};

use super::lock;

/// What is said while all is well.
const WELL: &str = "keeps what happens";
/// For how long after the last loss it is told that something was lost: longer than a burst takes to come again.
const LOSING: Duration = Duration::from_secs(60);
/// How often it is told anew how much was, while more is.
const TOLD: Duration = Duration::from_secs(1);

/// How the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it can be written and read, though it may not keep all that it is told.
    pub works: bool,
    /// Whether it keeps all that it is told.
    pub keeps: bool,
    /// How it is, for people.
    pub message: String,
}

/// Takes in what happens to the store, and tells how it is whenever that changes.
pub(super) struct Standings {
    facts: Mutex<Facts>,
    standing: ArcSwap<Standing>,
    tell: Box<dyn Fn(&Standing) + Send + Sync>,
}

#[derive(Default)]
struct Facts {
    /// Why it can't be used.
    trouble: Option<String>,
    /// What of it can't be read, though it can be used.
    flaw: Option<String>,
    /// What became of the one before it.
    begun_anew: Option<String>,
    lost: Option<Lost>,
}

/// What there was no room for.
struct Lost {
    since: Timestamp,
    count: u64,
    last: Instant,
    told: Instant,
}

impl Facts {
    fn standing(&self) -> Standing {
        let (works, keeps, message) = match self {
            Facts { trouble: Some(trouble), .. } => (false, false, trouble.clone()),
            Facts { lost: Some(Lost { since, count, .. }), .. } => (
                true,
                false,
                format!(
                    "not all is kept, as more happens than the disk takes; results and events dropped since {since}: {count}"
                ),
            ),
            Facts { flaw: Some(flaw), .. } => {
                (true, false, format!("keeps what happens, but not all that was kept can be read: {flaw}"))
            }
            Facts { begun_anew: Some(message), .. } => (true, true, message.clone()),
            _ => (true, true, WELL.to_owned()),
        };
        Standing { works, keeps, message }
    }
}

impl Standings {
    pub(super) fn new(tell: Box<dyn Fn(&Standing) + Send + Sync>) -> Standings {
        let facts = Facts::default();
        let standing = facts.standing();
        tell(&standing);
        Standings { standing: ArcSwap::from_pointee(standing), facts: Mutex::new(facts), tell }
    }

    /// How it is.
    pub(super) fn now(&self) -> Arc<Standing> {
        self.standing.load_full()
    }

    /// It can be used.
    pub(super) fn works(&self) {
        self.learn(|facts| (facts.trouble, facts.flaw) = (None, None));
    }

    /// It can't be used, and why.
    pub(super) fn fails(&self, trouble: String) {
        self.learn(|facts| facts.trouble = Some(trouble));
    }

    /// Something of it can't be read, and why.
    pub(super) fn has_flaw(&self, why: String) {
        self.learn(|facts| facts.flaw = Some(why));
    }

    /// It is another one than before, and why.
    pub(super) fn begins_anew(&self, message: String) {
        self.learn(|facts| facts.begun_anew = Some(message));
    }

    /// Something was dropped for want of room.
    pub(super) fn loses(&self, at: Timestamp, now: Instant) {
        let mut facts = lock(&self.facts);
        let since = at.round(Unit::Second).unwrap_or(at);
        let lost = facts.lost.get_or_insert(Lost { since, count: 0, last: now, told: now });
        (lost.count, lost.last) = (lost.count + 1, now);
        if lost.count == 1 || now.duration_since(lost.told) >= TOLD {
            lost.told = now;
            self.tell(&facts);
        }
    }

    /// Time has passed.
    pub(super) fn pass(&self, now: Instant) {
        let mut facts = lock(&self.facts);
        if facts.lost.is_some() {
            facts.lost = facts.lost.take().filter(|lost| now.duration_since(lost.last) < LOSING);
            self.tell(&facts);
        }
    }

    fn learn(&self, learn: impl FnOnce(&mut Facts)) {
        let mut facts = lock(&self.facts);
        learn(&mut facts);
        self.tell(&facts);
    }

    /// The facts are held meanwhile, so that what is told last is what was learned last.
    fn tell(&self, facts: &Facts) {
        let standing = facts.standing();
        if **self.standing.load() != standing {
            (self.tell)(&standing);
            self.standing.store(Arc::new(standing));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_told_while_it_is_and_for_a_while_after() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let standings = Standings::new(Box::new({
            let told = Arc::clone(&told);
            move |standing| lock(&told).push((standing.keeps, standing.message.clone()))
        }));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let dropped = |count: u64| {
            let why = "not all is kept, as more happens than the disk takes";
            format!("{why}; results and events dropped since 2026-03-02T12:00:00Z: {count}")
        };
        for _ in 0..1_000 {
            standings.loses(noon, start);
        }
        standings.loses(noon, at(1));
        standings.loses(noon, at(2) - Duration::from_millis(1));
        standings.pass(at(2));
        standings.fails("nothing is kept for now: full".into());
        standings.works();
        standings.pass(at(61));
        standings.pass(at(62));
        standings.loses(noon, at(100));
        let expected = [
            (true, WELL.to_owned()),
            (false, dropped(1)),
            (false, dropped(1_001)),
            (false, dropped(1_002)),
            (false, "nothing is kept for now: full".to_owned()),
            (false, dropped(1_002)),
            (true, WELL.to_owned()),
            (false, dropped(1)),
        ];
        assert_eq!(*lock(&told), expected);
    }

    #[test]
    fn what_is_worse_is_told_first() {
        let standings = Standings::new(Box::new(|_| {}));
        let standing = || (standings.now().works, standings.now().keeps, standings.now().message.clone());
        standings.begins_anew("keeps what happens since noon".into());
        assert_eq!(standing(), (true, true, "keeps what happens since noon".into()));
        standings.has_flaw("a block is damaged".into());
        let flaw = "keeps what happens, but not all that was kept can be read: a block is damaged";
        assert_eq!(standing(), (true, false, flaw.into()));
        standings.fails("gone".into());
        assert_eq!(standing(), (false, false, "gone".into()));
        standings.works();
        assert_eq!(standing(), (true, true, "keeps what happens since noon".into()));
    }
}
