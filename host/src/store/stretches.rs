//! What the life of a check came to, stretch by stretch, up to the present. It reads the disk, so it is for threads that may wait.

use std::collections::BTreeMap;

use jiff::Timestamp;
use probity_core::{
    account::{Account, Entry},
    rollup::{Level, Rollup},
};

use super::{
    Handover, Store, Unreadable,
    db::{Db, Order, Trouble},
    keys::{self, CheckId},
    load,
    record::{self, State, Stretch},
    track::Pending,
};

/// The stretches of a part of a check's life, and what they come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretches {
    /// Where the first begins. It is the last that begins no later than what was asked for.
    pub from: Timestamp,
    /// How long each is.
    pub level: Level,
    /// Those in which anything happened, by when they begin.
    pub stretches: BTreeMap<i64, Rollup>,
    /// Their sum.
    pub total: Rollup,
}

/// A check as it stands, up to the present.
struct Present {
    account: Account,
    /// Stretches that are over by now, but not written yet.
    closed: Vec<Entry>,
}

impl Store {
    /// What the life of a check came to up to now: for each level and time that is wanted, from then on, in stretches of that
    /// length. `None`: the store knows no such check.
    ///
    /// # Errors
    ///
    /// The store is in trouble.
    pub fn stretches(
        &self,
        check: &str,
        wanted: &[(Level, Timestamp)],
        now: Timestamp,
    ) -> Result<Option<Vec<Stretches>>, Unreadable> {
        let read = self.read(check, |db, known| {
            let Some(present) = self.present(db, known.id, now)? else {
                return Ok(None);
            };
            let of = |(level, from): &(Level, Timestamp)| present.stretches(db, known.id, *level, *from);
            wanted.iter().map(of).collect::<Result<Vec<_>, _>>().map(Some)
        });
        read.map(Option::flatten)
    }

    fn present(&self, db: &Db, id: CheckId, now: Timestamp) -> Result<Option<Present>, Trouble> {
        let places = self.common.sizes.places();
        let Some(State { mut account, .. }) = load::state(db, id, places)? else {
            return Ok(None);
        };
        let Handover { until, opened } = **self.common.handover.load();
        let mut closed = Vec::new();
        // The clock was set back, and the writer has yet to hear of it.
        let kept = |level, index| load::stretch(Some(db), &Pending::new(), id, level, index);
        account.set_back(now, kept, &mut closed);
        if account.at() < opened.as_millisecond() {
            // This runner has not heard of it yet.
            account.pass(until, &mut closed);
            account.away(now, &mut closed);
        } else {
            account.pass(now, &mut closed);
        }
        Ok(Some(Present { account, closed }))
    }
}

impl Present {
    fn stretches(&self, db: &Db, id: CheckId, level: Level, from: Timestamp) -> Result<Stretches, Trouble> {
        let (open, under_way) = self.account.open(level);
        let first = level.index(from.as_millisecond()).max(open - level.kept() + 1);
        let mut stretches = BTreeMap::new();
        let mut take = |_: &[u8], bytes: &[u8]| {
            let read = record::read::<Stretch>(bytes).filter(|it| (first..open).contains(&it.index));
            stretches.extend(read.map(|Stretch { index, rollup }| (index, rollup)));
            std::ops::ControlFlow::Continue(())
        };
        // Places go round, so they may begin anew within what is wanted.
        let key = |index| keys::stretch(id, level, index);
        let turn = open - open.rem_euclid(level.kept());
        if first < turn {
            db.walk(key(first)..=key(-1), Order::Forwards, &mut take).map(drop)?;
        }
        db.walk(key(first.max(turn))..=key(open), Order::Forwards, &mut take).map(drop)?;
        stretches.extend(self.closed.iter().filter_map(|entry| match entry {
            Entry::Stretch { level: of, index, rollup } if *of == level && (first..open).contains(index) => {
                Some((*index, rollup.clone()))
            }
            _ => None,
        }));
        stretches.insert(open, under_way);
        let mut total = Rollup::default();
        stretches.values().for_each(|stretch| total.add(stretch));
        let length = level.length();
        let stretches = stretches.into_iter().map(|(index, rollup)| (index * length, rollup)).collect();
        let from = Timestamp::from_millisecond(first * length).unwrap_or(from);
        Ok(Stretches { from, level, stretches, total })
    }
}
