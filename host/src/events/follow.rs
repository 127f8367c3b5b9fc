//! Reading the log from a number on, and waiting for what comes.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use super::{Batch, Events, Gap, Record};

/// How many events a follower takes from the log in one go: the log is locked for that long.
const AT_ONCE: usize = 256;

/// What comes next in the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Followed {
    /// This event.
    Event(Arc<Record>),
    /// Events are not in the log.
    Gap(Gap),
    /// There is nothing more, and will not be.
    End,
}

/// A reader of the log, at its own pace.
#[derive(Debug)]
pub struct Follower {
    events: Arc<Events>,
    /// The number of the last event that was taken from the log.
    taken: u64,
    ahead: VecDeque<Arc<Record>>,
}

impl Follower {
    pub(super) fn new(events: Arc<Events>, after: u64) -> Follower {
        events.followers.fetch_add(1, Ordering::AcqRel);
        Follower { events, taken: after, ahead: VecDeque::new() }
    }

    /// The log that is followed.
    #[must_use]
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// What comes next; waits for it if it is yet to come. Nothing is lost if the wait is given up.
    pub async fn next(&mut self) -> Followed {
        loop {
            if let Some(record) = self.ahead.pop_front() {
                return Followed::Event(record);
            }
            let events = Arc::clone(&self.events);
            let changed = events.changed.notified();
            let Batch { gap, records, closed } = events.after(self.taken, AT_ONCE);
            if let Some(gap) = gap {
                self.taken = gap.last();
                return Followed::Gap(gap);
            }
            if let Some(last) = records.last() {
                self.taken = last.seq;
                self.ahead.extend(records);
            } else if closed {
                return Followed::End;
            } else {
                changed.await;
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.events.followers.fetch_sub(1, Ordering::AcqRel);
        self.events.left.notify_waiters();
    }
}
