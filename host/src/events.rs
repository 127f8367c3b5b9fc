//! The event log: every fact gets its number here, and can be followed from any number on.
//!
//! Whoever tells an event waits for nobody: followers read from a bounded log at their own pace, and one that is too slow
//! is told what it missed.

mod cloud;
mod follow;
mod gap;
mod line;
mod schema;

use std::{
    collections::VecDeque,
    fmt,
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::{Timestamp, fmt::serde::timestamp::microsecond};
use probity_core::{
    alert::{Alert, Happening},
    event::Event,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

pub use self::{
    follow::{Followed, Follower},
    gap::{GAP, Gap},
    schema::schema,
};

/// The word of an event that tells of a reload.
pub const RELOAD: &str = "reload";

/// What there is to tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// Something of one check.
    Check {
        /// Its name.
        check: Arc<str>,
        /// The group it is shown in.
        group: Option<Arc<str>>,
        /// What happened.
        event: Event,
    },
    /// A changed probe or configuration was found.
    Reload(Reload),
    /// Somebody is told of trouble, or is not.
    Notice(Notice),
}

/// What became of an alert, or of a message of one, and what somebody decreed of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// Of an alert, or of those that are silenced.
    Alert(Happening),
    /// A message did not arrive.
    DeliveryFailed {
        /// The sink that it was for.
        sink: Arc<str>,
        /// The message.
        id: Arc<str>,
        /// What it was about.
        title: String,
        /// Why it did not arrive.
        error: String,
        /// Whether it will not be tried again.
        dropped: bool,
    },
}

impl Notice {
    /// The words of each kind of notice.
    pub const KINDS: [&str; 8] = [
        "alert",
        "resolved",
        "suppressed",
        "acknowledged",
        "unacknowledged",
        "silenced",
        "unsilenced",
        "delivery-failed",
    ];

    /// The word for its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Notice::Alert(Happening::Alert { .. }) => "alert",
            Notice::Alert(Happening::Resolved { .. }) => "resolved",
            Notice::Alert(Happening::Suppressed { .. }) => "suppressed",
            Notice::Alert(Happening::Acknowledged { .. }) => "acknowledged",
            Notice::Alert(Happening::Disowned { .. }) => "unacknowledged",
            Notice::Alert(Happening::Silenced(_)) => "silenced",
            Notice::Alert(Happening::Unsilenced { .. }) => "unsilenced",
            Notice::DeliveryFailed { .. } => "delivery-failed",
        }
    }

    /// The alert it is about.
    #[must_use]
    pub fn alert(&self) -> Option<&Arc<Alert>> {
        match self {
            Notice::Alert(
                Happening::Alert { alert, .. }
                | Happening::Resolved { alert, .. }
                | Happening::Suppressed { alert, .. }
                | Happening::Acknowledged { alert, .. }
                | Happening::Disowned { alert, .. },
            ) => Some(alert),
            Notice::Alert(Happening::Silenced(_) | Happening::Unsilenced { .. }) | Notice::DeliveryFailed { .. } => {
                None
            }
        }
    }
}

/// A changed probe or configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// What changed: the name of a probe, or the path of a file.
    pub what: String,
    /// The generation of a probe that is in use now; `None` for a configuration.
    pub generation: Option<u64>,
    /// Why the change was not taken into use, if it was not.
    pub error: Option<String>,
}

impl Fact {
    /// The word for its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Fact::Check { event, .. } => event.kind(),
            Fact::Reload(_) => RELOAD,
            Fact::Notice(notice) => notice.kind(),
        }
    }

    /// The check it is about.
    #[must_use]
    pub fn check(&self) -> Option<&Arc<str>> {
        match self {
            Fact::Check { check, .. } => Some(check),
            Fact::Reload(_) => None,
            Fact::Notice(notice) => notice.alert().map(|alert| &alert.subject.check),
        }
    }

    /// The group of the check it is about.
    #[must_use]
    pub fn group(&self) -> Option<&Arc<str>> {
        match self {
            Fact::Check { group, .. } => group.as_ref(),
            Fact::Reload(_) => None,
            Fact::Notice(notice) => notice.alert().and_then(|alert| alert.subject.group.as_ref()),
        }
    }
}

/// One event in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counted without gaps from 1, over all lives of a runner that keeps its history. After one that did not end as it should
    /// some numbers are left out.
    pub seq: u64,
    /// When it was told.
    #[serde(with = "microsecond::required")]
    pub time: Timestamp,
    /// What happened.
    pub fact: Fact,
}

/// Whoever is handed each event as it is told, and waits for nobody.
type Keep = Box<dyn Fn(&Arc<Record>) + Send + Sync>;

/// Where every event passes.
pub struct Events {
    /// Tells one history from another, whose numbers begin anew: that of a runner that keeps none is one of its lives.
    instance: String,
    keep: OnceLock<Keep>,
    log: Mutex<Log>,
    changed: Notify,
    followers: AtomicUsize,
    left: Notify,
}

#[derive(Debug)]
struct Log {
    records: VecDeque<Arc<Record>>,
    /// The number of the latest event.
    last: u64,
    /// Numbers that were left out before this life of the runner: beyond what was kept, up to what may have been given away.
    left_out: RangeInclusive<u64>,
    capacity: usize,
    closed: bool,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("instance", &self.instance).field("log", &self.log).finish_non_exhaustive()
    }
}

/// What there is after a number.
struct Batch {
    /// What is not in the log.
    gap: Option<Gap>,
    records: Vec<Arc<Record>>,
    closed: bool,
}

impl Events {
    /// An empty log of a runner that started then; it keeps the latest `capacity` events, at least one.
    #[must_use]
    pub fn new(started: Timestamp, capacity: usize) -> Events {
        Events::resumed(Events::instance_of(started), 0, Vec::new(), capacity)
    }

    /// What a history is named after that begins then.
    #[must_use]
    pub fn instance_of(started: Timestamp) -> String {
        format!("{:x}", started.as_millisecond())
    }

    /// When a history began, by what it is named after; `None`: it is named after something else.
    #[must_use]
    pub fn began(instance: &str) -> Option<Timestamp> {
        i64::from_str_radix(instance, 16).ok().and_then(|began| Timestamp::from_millisecond(began).ok())
    }

    /// The log of a history that goes on: with these events, the oldest first, and after this number.
    #[must_use]
    pub fn resumed(instance: String, last: u64, records: Vec<Arc<Record>>, capacity: usize) -> Events {
        let capacity = capacity.max(1);
        let mut records = VecDeque::from(records);
        records.drain(..records.len().saturating_sub(capacity));
        let left_out = records.back().map_or(1, |record| record.seq + 1)..=last;
        let log = Log { records, last, left_out, capacity, closed: false };
        Events {
            instance,
            keep: OnceLock::new(),
            log: Mutex::new(log),
            changed: Notify::new(),
            followers: AtomicUsize::new(0),
            left: Notify::new(),
        }
    }

    /// Has each event that is told from now on handed to somebody else as well. Only the first who is named counts.
    pub fn keep(&self, keep: impl Fn(&Arc<Record>) + Send + Sync + 'static) {
        // One who keeps them is enough.
        let _ = self.keep.set(Box::new(keep));
    }

    /// What tells the numbers of this history from those of others.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Tells one event, and writes a line of it to the runner's log.
    pub fn tell(&self, time: Timestamp, fact: Fact) {
        let mut log = self.log();
        log.last += 1;
        let record = Arc::new(Record { seq: log.last, time, fact });
        if log.records.len() == log.capacity {
            log.records.pop_front();
        }
        log.records.push_back(Arc::clone(&record));
        // While nobody else can tell one, so that they are kept in their order.
        if let Some(keep) = self.keep.get() {
            keep(&record);
        }
        drop(log);
        self.changed.notify_waiters();
        line::write(&record);
    }

    /// The number of the latest event; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.log().last
    }

    /// How many of them are still in the log.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.log().records.len()
    }

    /// How many follow it.
    #[must_use]
    pub fn followers(&self) -> usize {
        self.followers.load(Ordering::Acquire)
    }

    /// There will be no more: followers end once they have read what there is.
    pub fn close(&self) {
        self.log().closed = true;
        self.changed.notify_waiters();
    }

    /// Waits until nobody follows the log.
    pub async fn left(&self) {
        loop {
            let left = self.left.notified();
            if self.followers.load(Ordering::Acquire) == 0 {
                return;
            }
            left.await;
        }
    }

    /// Follows the log from the event after this number on.
    #[must_use]
    pub fn follow(self: &Arc<Events>, after: u64) -> Follower {
        Follower::new(Arc::clone(self), after)
    }

    fn after(&self, seq: u64, most: usize) -> Batch {
        let log = self.log();
        let read = log.records.partition_point(|record| record.seq <= seq);
        let next = log.records.get(read).map_or(log.last.max(seq) + 1, |record| record.seq);
        let gap = (seq + 1 < next).then(|| {
            // The log loses its oldest events. Where others are not there, nothing was ever kept: numbers are left out where a runner
            // did not end as it should.
            let expired = read == 0 && !(log.left_out.contains(&(seq + 1)) && log.left_out.contains(&(next - 1)));
            let numbers = seq + 1..=next - 1;
            if expired { Gap::Expired(numbers) } else { Gap::LeftOut(numbers) }
        });
        let numbered = log.records.iter().skip(read).zip(next..).take_while(|(record, number)| record.seq == *number);
        let records = numbered.map(|(record, _)| Arc::clone(record)).take(most).collect();
        Batch { gap, records, closed: log.closed }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn reload(what: &str) -> Fact {
        Fact::Reload(Reload { what: what.into(), generation: None, error: None })
    }

    fn told(count: u64, capacity: usize) -> Arc<Events> {
        let events = Arc::new(Events::new(Timestamp::UNIX_EPOCH, capacity));
        (1..=count).for_each(|at| events.tell(Timestamp::UNIX_EPOCH, reload(&at.to_string())));
        events
    }

    async fn next(follower: &mut Follower) -> String {
        match follower.next().await {
            Followed::Event(record) => record.seq.to_string(),
            Followed::Gap(gap) => {
                let numbers = gap.numbers().unwrap();
                format!("{} {}-{}", gap.reason(), numbers.start(), numbers.end())
            }
            Followed::End => "end".into(),
        }
    }

    #[tokio::test]
    async fn a_follower_reads_what_there_is_and_waits_for_more() {
        let events = told(2, 10);
        let mut follower = events.follow(0);
        assert_eq!([next(&mut follower).await, next(&mut follower).await], ["1", "2"]);
        assert_eq!(next(&mut follower).now_or_never(), None);
        let told = async { events.tell(Timestamp::UNIX_EPOCH, reload("3")) };
        assert_eq!(tokio::join!(next(&mut follower), told).0, "3", "and is woken");
        events.close();
        assert_eq!(next(&mut follower).await, "end");
        let mut late = events.follow(1);
        assert_eq!([next(&mut late).await, next(&mut late).await, next(&mut late).await], ["2", "3", "end"]);
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_what_is_gone_and_misses_nothing_else() {
        let events = told(5, 3);
        let mut follower = events.follow(0);
        assert_eq!([next(&mut follower).await, next(&mut follower).await], ["expired 1-2", "3"]);
        for at in 6..=9 {
            events.tell(Timestamp::UNIX_EPOCH, reload(&at.to_string()));
        }
        let mut rest = vec![];
        events.close();
        loop {
            match next(&mut follower).await {
                end if end == "end" => break,
                other => rest.push(other),
            }
        }
        assert_eq!(rest, ["4", "5", "expired 6-6", "7", "8", "9"], "what was read in one go is not lost meanwhile");
        let mut none = events.follow(9);
        assert_eq!(next(&mut none).await, "end");
    }

    #[tokio::test]
    async fn a_history_goes_on_and_numbers_that_nobody_knows_of_are_a_gap() {
        let before = told(3, 10);
        let kept = before.after(0, 10).records;
        let events = Arc::new(Events::resumed("abc".into(), 100, kept, 10));
        events.tell(Timestamp::UNIX_EPOCH, reload("101"));
        events.close();
        let mut follower = events.follow(1);
        let mut read = vec![];
        for _ in 0..5 {
            read.push(next(&mut follower).await);
        }
        assert_eq!(read, ["2", "3", "left-out 4-100", "101", "end"]);
        assert_eq!(events.id(101), "abc-101");
        // Nor is there anything to be missed where none of them was kept, or once those before are gone.
        let fresh = Arc::new(Events::resumed("abc".into(), 100, vec![], 1));
        assert_eq!(next(&mut fresh.follow(0)).await, "left-out 1-100");
        fresh.tell(Timestamp::UNIX_EPOCH, reload("101"));
        assert_eq!(next(&mut fresh.follow(7)).await, "left-out 8-100");
        fresh.tell(Timestamp::UNIX_EPOCH, reload("102"));
        assert_eq!(next(&mut fresh.follow(7)).await, "expired 8-101");
    }

    #[tokio::test]
    async fn whoever_keeps_events_is_handed_each() {
        let events = told(1, 10);
        let kept = Arc::new(Mutex::new(vec![]));
        let keeper = Arc::clone(&kept);
        events.keep(move |record| keeper.lock().unwrap().push(record.seq));
        events.tell(Timestamp::UNIX_EPOCH, reload("2"));
        assert_eq!(*kept.lock().unwrap(), [2]);
    }

    #[tokio::test]
    async fn from_the_future_there_is_nothing_to_read() {
        let events = told(3, 10);
        let mut follower = events.follow(100);
        assert_eq!(next(&mut follower).now_or_never(), None);
        assert_eq!(events.last(), 3);
    }

    #[test]
    fn a_history_is_named_after_its_beginning() {
        let began = Timestamp::from_millisecond(1_772_452_800_123).unwrap();
        assert_eq!(Events::began(&Events::instance_of(began)), Some(began));
        assert_eq!([Events::began("xyz"), Events::began("7fffffffffffffff")], [None, None]);
    }
}
