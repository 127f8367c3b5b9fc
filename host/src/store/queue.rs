//! What waits for the writer. Whoever puts something in waits for nobody: where there is no room, it is dropped and counted.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use probity_core::time::Now;

use super::{
    pulse::{Leap, Pulse},
    track::News,
};
use crate::events::Record;

/// How much may wait: ten seconds of three thousand results each, and some megabytes.
pub(super) const ROOM: usize = 32_768;

/// What waits to be written.
#[derive(Debug)]
pub(super) enum Item {
    /// A check runs from then on, and has this seat.
    Begun(Arc<str>, u64, Timestamp),
    /// Something happened to a check.
    News(Arc<str>, News),
    /// A check is gone that had this seat.
    Gone(Arc<str>, u64, Timestamp),
    /// An event was told.
    Event(Arc<Record>),
    /// Time leaped. What was put in before happened before, and what is put in later happened after.
    Leap(Leap),
}

#[derive(Default)]
struct Inside {
    items: Vec<Item>,
    pulse: Pulse,
    /// Whoever wants to know when all that there was is written, has asked so often.
    asked: u64,
    /// Everything is written that there was when somebody asked for the so manieth time.
    answered: u64,
    closed: bool,
    ended: bool,
}

/// What waits for the writer.
#[derive(Default)]
pub(super) struct Queue {
    inside: Mutex<Inside>,
    /// Rung for the writer.
    bell: Condvar,
    /// Rung by the writer.
    answer: Condvar,
    waiting: AtomicUsize,
    dropped: AtomicU64,
    /// The writer takes each as it comes.
    each: bool,
}

/// What there is for the writer.
pub(super) struct Taken {
    pub(super) items: Vec<Item>,
    /// Somebody wants to know when all of this is written, who is to be told this number.
    pub(super) asked: u64,
    pub(super) closed: bool,
}

impl Queue {
    /// An empty one; `each`: whose writer takes each as it comes.
    pub(super) fn new(each: bool) -> Queue {
        Queue { each, ..Queue::default() }
    }

    /// Looks at the clocks now, as is done every second.
    pub(super) fn beat(&self, now: Now) {
        let mut inside = self.inside();
        let leap = inside.pulse.beat(now);
        inside.items.extend(leap.map(Item::Leap));
    }

    /// Puts something in that happened by now; `false` if there is no room for it.
    pub(super) fn put(&self, item: Item, now: Now) -> bool {
        let mut inside = self.inside();
        let leap = inside.pulse.look(now);
        inside.items.extend(leap.map(Item::Leap));
        if inside.items.len() >= ROOM || inside.closed {
            let closed = inside.closed;
            drop(inside);
            self.drop_some(1);
            // When it takes nothing more at all, that is no want of room.
            return closed;
        }
        inside.items.push(item);
        let waiting = inside.items.len();
        drop(inside);
        self.waiting.store(waiting, Ordering::Relaxed);
        // Otherwise it looks by itself before long: to be woken for each costs more than to write it.
        if (self.each && waiting == 1) || waiting == ROOM / 2 {
            self.bell.notify_one();
        }
        true
    }

    /// Counts what can't be written.
    pub(super) fn drop_some(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// For the writer: takes all that there is, after `wait`, or as soon as it is in a hurry.
    pub(super) fn take(&self, wait: Duration) -> Taken {
        let until = Instant::now() + wait;
        let mut inside = self.inside();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let hurry = inside.closed
                || inside.asked > inside.answered
                || inside.items.len() >= ROOM / 2
                || (self.each && !inside.items.is_empty());
            if hurry || left.is_zero() {
                break;
            }
            inside = self.bell.wait_timeout(inside, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.waiting.store(0, Ordering::Relaxed);
        Taken { items: std::mem::take(&mut inside.items), asked: inside.asked, closed: inside.closed }
    }

    /// For the writer: all is written that it took when it was told this number.
    pub(super) fn answer(&self, asked: u64) {
        self.inside().answered = asked;
        self.answer.notify_all();
    }

    /// For the writer: it is gone.
    pub(super) fn end(&self) {
        self.inside().ended = true;
        self.answer.notify_all();
    }

    /// Waits until all that is in now is written, or can't be; `false` if that takes longer than this.
    pub(super) fn written(&self, patience: Duration) -> bool {
        let mut inside = self.inside();
        inside.asked += 1;
        let asked = inside.asked;
        self.bell.notify_one();
        self.wait(inside, patience, |inside| inside.answered >= asked || inside.ended)
    }

    /// Takes nothing more, and does not wait for the writer.
    pub(super) fn hang_up(&self) {
        self.inside().closed = true;
        self.bell.notify_one();
    }

    /// Takes nothing more, and waits until the writer has written what there is and is gone; `false` if that takes longer.
    pub(super) fn close(&self, patience: Duration) -> bool {
        let mut inside = self.inside();
        inside.closed = true;
        self.bell.notify_one();
        self.wait(inside, patience, |inside| inside.ended)
    }

    fn wait(&self, inside: MutexGuard<'_, Inside>, patience: Duration, done: impl Fn(&Inside) -> bool) -> bool {
        let waited = self.answer.wait_timeout_while(inside, patience, |inside| !done(inside));
        let (inside, _) = waited.unwrap_or_else(PoisonError::into_inner);
        done(&inside)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_dropped_and_counted() {
        let queue = Queue::default();
        let now = Now { elapsed: Duration::ZERO, wall: Timestamp::UNIX_EPOCH };
        let begun = || Item::Begun("a".into(), 1, now.wall);
        let taken = (0..ROOM + 3).filter(|_| queue.put(begun(), now)).count();
        assert_eq!(taken, ROOM);
        assert_eq!((queue.waiting(), queue.dropped()), (ROOM, 3));
        assert_eq!(queue.take(Duration::ZERO).items.len(), ROOM);
        assert!(queue.put(begun(), now));
        assert_eq!((queue.waiting(), queue.dropped()), (1, 3), "and there is room again");
    }
}
