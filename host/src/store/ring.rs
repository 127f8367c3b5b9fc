//! The results of a check. They lie in a ring: each has the place of one that is too old to be kept.

use std::ops::{
    ControlFlow::{self, Break, Continue},
    RangeInclusive,
};

use super::{
    db::{Db, Order, Trouble},
    keys::{self, CheckId},
    record::{self, Kept},
};

/// The results of a check, of which so many have a place.
#[derive(Clone, Copy)]
pub(super) struct Ring<'a> {
    pub(super) db: &'a Db,
    pub(super) id: CheckId,
    pub(super) places: u64,
}

impl Ring<'_> {
    /// Hands out those of these numbers that are there, the newest first, until it is told to stop.
    pub(super) fn newest_first(
        &self,
        numbers: RangeInclusive<u64>,
        mut take: impl FnMut(Kept<'_>) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let wanted = numbers.clone();
        self.walk(numbers, Order::Backwards, |kept| match kept {
            Some(kept) if wanted.contains(&kept.number) => take(kept),
            _ => Continue(()),
        })
    }

    /// Hands out those that follow this one without a gap, the oldest first.
    pub(super) fn following(&self, after: u64, mut take: impl FnMut(Kept<'_>)) -> Result<(), Trouble> {
        let mut next = after + 1;
        self.walk(next..=after + self.places, Order::Forwards, |kept| match kept {
            Some(kept) if kept.number == next => {
                next += 1;
                take(kept);
                Continue(())
            }
            _ => Break(()),
        })
    }

    /// One of them.
    pub(super) fn one<T>(&self, number: u64, read: impl FnOnce(&Kept<'_>) -> T) -> Result<Option<T>, Trouble> {
        let bytes = self.db.get(&keys::result(self.id, number, self.places))?;
        let kept = bytes.as_deref().and_then(record::read_kept).filter(|kept| kept.number == number);
        Ok(kept.as_ref().map(read))
    }

    /// Hands out what lies in the places of these numbers, be it of another round; `None` is what can't be read.
    fn walk(
        &self,
        numbers: RangeInclusive<u64>,
        order: Order,
        mut take: impl FnMut(Option<Kept<'_>>) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        if numbers.is_empty() {
            return Ok(());
        }
        let last = *numbers.end();
        // More than there are places would come round to themselves.
        let first = (*numbers.start()).max((last + 1).saturating_sub(self.places));
        let mut take = |_: &[u8], bytes: &[u8]| take(record::read_kept(bytes));
        let (from, to) = (first % self.places, last % self.places);
        let key = |place| keys::result(self.id, place, self.places);
        if from <= to {
            return self.db.walk(key(from)..=key(to), order, &mut take).map(drop);
        }
        let (older, newer) = (key(from)..=key(self.places - 1), key(0)..=key(to));
        let (one, other) = if order == Order::Forwards { (older, newer) } else { (newer, older) };
        match self.db.walk(one, order, &mut take)? {
            Continue(()) => self.db.walk(other, order, &mut take).map(drop),
            Break(()) => Ok(()),
        }
    }
}
