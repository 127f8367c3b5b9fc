use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::outcome::{Outcome, Status, Usage, Verdict};

const NOON: i64 = 1_772_452_800_000;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(NOON + milliseconds).unwrap()
}

fn run(ended: i64, status: Status) -> Run {
    let outcome = Outcome::Verdict(Verdict::from(status));
    Run { started: at(ended - 2), took: Duration::from_millis(2), outcome, usage: Usage::default() }
}

/// An account with all that it handed out.
struct Book {
    account: Account,
    entries: Vec<Entry>,
}

impl Book {
    fn new() -> Book {
        Book { account: Account::new(at(0)), entries: vec![] }
    }

    fn know(&mut self, health: Health, when: i64) {
        self.account.know(health, &"said".into(), at(when), &mut self.entries);
    }

    fn pass(&mut self, to: i64) {
        self.account.pass(at(to), &mut self.entries);
    }

    fn set_back(&mut self, to: i64) {
        let kept = self.entries.clone();
        let kept = |level: Level, index: i64| {
            kept.iter().rev().find_map(|entry| match entry {
                Entry::Stretch { level: of, index: at, rollup } if (*of, *at) == (level, index) => Some(rollup.clone()),
                _ => None,
            })
        };
        self.account.set_back(at(to), kept, &mut self.entries);
    }

    /// All that was handed out at a level, and what is open.
    fn of(&self, level: Level) -> BTreeMap<i64, Rollup> {
        let closed = self.entries.iter().filter_map(|entry| match entry {
            Entry::Stretch { level: of, index, rollup } if *of == level => Some((*index, rollup.clone())),
            _ => None,
        });
        closed.chain([self.account.open(level)]).collect()
    }

    fn total(&self, level: Level) -> Rollup {
        let mut total = Rollup::default();
        self.of(level).values().for_each(|rollup| total.add(rollup));
        total
    }

    fn incidents(&self) -> Vec<(u64, i64, Option<i64>)> {
        let incidents = self.entries.iter().filter_map(|entry| match entry {
            Entry::Incident(incident) => Some(incident),
            Entry::Stretch { .. } => None,
        });
        incidents.map(|it| (it.number, it.began - NOON, it.ended.map(|ended| ended - NOON))).collect()
    }
}

#[test]
fn time_goes_to_what_was_known_in_it_and_is_cut_where_stretches_end() {
    let mut book = Book::new();
    book.know(Health::Healthy, 10_000);
    book.know(Health::Unhealthy, 130_000);
    book.know(Health::Healthy, 150_000);
    book.pass(200_000);
    let minutes: Vec<_> = book.of(Level::Minute).into_values().map(|minute| (minute.up, minute.down)).collect();
    assert_eq!(minutes, [(50_000, 0), (60_000, 0), (40_000, 20_000), (20_000, 0)]);
    let hour = book.total(Level::Hour);
    assert_eq!((hour.up, hour.down, hour.incidents, hour.repairs, hour.repair), (170_000, 20_000, 1, 1, 20_000));
    assert_eq!(book.total(Level::Day), hour);
}

#[test]
fn an_incident_goes_on_while_nothing_is_known_and_ends_when_the_target_is_of_use_or_nobody_watches() {
    let mut book = Book::new();
    for (when, health) in [
        (1, Health::Unhealthy),
        (2, Health::Unknown),
        (3, Health::Unhealthy),
        (5, Health::Degraded),
        (7, Health::Unhealthy),
        (9, Health::Pending),
    ] {
        book.know(health, when);
    }
    assert_eq!(book.incidents(), [(1, 1, None), (1, 1, Some(5)), (2, 7, None), (2, 7, Some(9))]);
    let total = book.total(Level::Minute);
    assert_eq!((total.incidents, total.repairs, total.repair), (2, 1, 4), "who looks away repairs nothing");
}

#[test]
fn without_a_runner_nothing_is_known_but_nobody_watched_what_nobody_watched() {
    let mut book = Book::new();
    book.know(Health::Healthy, 0);
    book.pass(10_000);
    book.account.away(at(25_000), &mut book.entries);
    let total = book.total(Level::Day);
    assert_eq!((total.up, total.unknown, total.down), (10_000, 15_000, 0));
    assert_eq!(book.account.health(), Health::Unknown);
    let mut idle = Book::new();
    idle.account.away(at(25_000), &mut idle.entries);
    assert_eq!(idle.total(Level::Day), Rollup::default());
}

#[test]
fn while_the_runner_stood_still_nothing_is_known_and_then_what_was_known_before() {
    let mut book = Book::new();
    book.know(Health::Healthy, 0);
    book.account.missed(at(10_000), at(30_000), &mut book.entries);
    book.pass(35_000);
    let total = book.total(Level::Day);
    assert_eq!((total.up, total.unknown), (15_000, 20_000));
    let mut idle = Book::new();
    idle.account.missed(at(10_000), at(30_000), &mut idle.entries);
    assert_eq!((idle.total(Level::Day), idle.account.health()), (Rollup::default(), Health::Pending));
}

#[test]
fn time_goes_on_from_where_the_clock_was_set_back_to() {
    let month = 30 * Level::Day.length();
    let mut book = Book::new();
    book.account.ran(&run(20_000, Status::Healthy), &mut book.entries);
    book.know(Health::Healthy, 20_000);
    book.pass(90_000);
    // The clock is wrong for four seconds.
    book.account.missed(at(90_000), at(90_000 + month), &mut book.entries);
    book.know(Health::Unhealthy, 94_000 + month);
    book.set_back(94_000);
    book.account.ran(&run(100_000, Status::Unhealthy), &mut book.entries);
    book.know(Health::Healthy, 130_000);
    book.pass(4_000_000);
    for level in Level::ALL {
        let now = level.index(NOON + 4_000_000);
        let until_now = book.of(level).into_iter().filter(|(index, _)| *index <= now);
        let mut total = Rollup::default();
        until_now.for_each(|(_, rollup)| total.add(&rollup));
        assert_eq!((total.up, total.down), (70_000 + 3_870_000, 36_000), "{level:?}");
        // What nobody knows are the parts of this minute, hour and day for which the clock ran ahead.
        assert_eq!((total.results, total.failures, total.repair), (2, 1, 36_000), "{level:?}");
    }
    assert_eq!(book.incidents().last(), Some(&(1, 94_000, Some(130_000))), "it began when it was heard of");
}

#[test]
fn a_stretch_that_is_open_again_is_handed_out_with_all_that_it_came_to_and_counted_once() {
    let hour = Level::Hour.length();
    let mut book = Book::new();
    book.know(Health::Healthy, 0);
    book.account.ran(&run(hour - 65_000, Status::Healthy), &mut book.entries);
    book.pass(hour + 65_000);
    book.set_back(hour - 65_000);
    book.pass(hour - 55_000);
    let hours: Vec<_> = book.of(Level::Hour).into_values().map(|hour| (hour.up, hour.results)).collect();
    assert_eq!(hours, [(3_610_000, 1), (65_000, 0)]);
    book.pass(hour + 70_000);
    let day = book.total(Level::Day);
    assert_eq!((day.up, day.results), ((hour + 65_000 + 65_000 + 70_000).unsigned_abs(), 1), "all that passed");
}

#[test]
fn a_clock_that_is_set_back_takes_nothing_away() {
    let mut book = Book::new();
    book.know(Health::Healthy, 0);
    book.pass(10_000);
    book.know(Health::Unhealthy, 5_000);
    book.pass(11_000);
    let total = book.total(Level::Minute);
    assert_eq!((total.up, total.down), (10_000, 1_000));
}

#[test]
fn years_pass_in_few_steps() {
    let mut book = Book::new();
    book.know(Health::Healthy, 0);
    let years = 10 * 365 * Level::Day.length();
    book.account.away(at(years), &mut book.entries);
    assert!(book.entries.len() < 15_000, "{}", book.entries.len());
    assert_eq!(book.total(Level::Day).unknown, years.unsigned_abs());
    let recent: u64 = book.of(Level::Minute).into_values().rev().take(61).map(|minute| minute.unknown).sum();
    assert!(recent >= 3_600_000, "the last hour has its minutes: {recent}");
}

#[test]
fn a_run_counts_when_it_ends() {
    let mut book = Book::new();
    book.account.ran(&run(59_999, Status::Healthy), &mut book.entries);
    book.account.ran(&run(60_001, Status::Unhealthy), &mut book.entries);
    let minutes: Vec<_> =
        book.of(Level::Minute).into_values().map(|minute| (minute.results, minute.failures)).collect();
    assert_eq!(minutes, [(1, 0), (1, 1)]);
}

proptest! {
    #[test]
    fn every_millisecond_is_accounted_for_once_at_each_level(
        steps in proptest::collection::vec((0i64..20_000_000, 0usize..5), 1..40)
    ) {
        let mut book = Book::new();
        let (mut now, mut watched, mut health) = (0, 0, Health::Pending);
        for (span, next) in steps {
            now += span;
            watched += if health == Health::Pending { 0 } else { span.unsigned_abs() };
            health = Health::ALL[next];
            book.know(health, now);
        }
        for level in Level::ALL {
            let total = book.total(level);
            prop_assert!(level == Level::Minute || total.known() + total.unknown == watched, "{:?}", level);
            prop_assert!(total.known() + total.unknown <= watched + 1);
        }
    }
}
