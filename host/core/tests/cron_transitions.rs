//! Cron across every change of every clock of the world from 2020 to 2030, held against the crate `croner`.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Offset, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds};
use jiff::Timestamp;
use jiff::tz::{self, TimeZone};
use probity_core::schedule::Cron;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An expression, and what it is held against.
struct Case {
    expression: &'static str,
    /// How far before and after a change the ticks are compared, in seconds.
    around: i64,
    oracle: Oracle,
}

enum Oracle {
    /// croner, as it is.
    Same,
    /// croner on each of these, taken together: croner keeps an appointment only if the expression has a single one,
    /// and takes a list or a range of them for a rhythm, which it skips in the gap and repeats in the overlap. cron(8)
    /// keeps them all.
    Each(&'static [&'static str]),
    /// croner told that days must match both fields: it takes `*/2` for a restriction, Vixie cron for a wildcard.
    BothDays,
}

const CASES: &[Case] = &[
    // Rhythms.
    case("* * * * *", 15 * MINUTE, Oracle::Same),
    case("*/20 * * * * *", 3 * MINUTE, Oracle::Same),
    case("*/15 * * * *", 4 * HOUR, Oracle::Same),
    case("0 * * * *", 5 * HOUR, Oracle::Same),
    case("30 */2 * * *", 9 * HOUR, Oracle::Same),
    case("*/5 2 * * *", 27 * HOUR, Oracle::Same),
    case("0 0 */2 * mon", 40 * DAY, Oracle::BothDays),
    // Appointments.
    case("30 2 * * *", 3 * DAY, Oracle::Same),
    case("0 0 * * *", 3 * DAY, Oracle::Same),
    case("30 0 * * *", 3 * DAY, Oracle::Same),
    case("30 2 * * mon-fri", 4 * DAY, Oracle::Same),
    case("30 2 * * sun", 8 * DAY, Oracle::Same),
    case("30 2 29 * sat", 9 * DAY, Oracle::Same),
    case("0 6,18 * * *", 3 * DAY, Oracle::Each(&["0 6 * * *", "0 18 * * *"])),
    case("0 0-3 * * *", 27 * HOUR, Oracle::Each(&["0 0 * * *", "0 1 * * *", "0 2 * * *", "0 3 * * *"])),
];

/// croner looks for the end of a gap no farther than two hours, and fails beyond. Clocks at Casey station in Antarctica
/// were turned by three.
const LONGEST_GAP_OF_CRONER: i64 = 2 * HOUR;

const fn case(expression: &'static str, around: i64, oracle: Oracle) -> Case {
    Case { expression, around, oracle }
}

/// The turning of a clock at an instant, from one offset to another. Zones that share it are alike around it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    at: i64,
    from: i64,
    to: i64,
}

/// Every change from 2020 to 2030, with the names of its zones.
fn changes() -> BTreeMap<Change, Vec<String>> {
    let (begin, end) = (instant("2020-01-01T00:00Z"), instant("2031-01-01T00:00Z"));
    let mut changes: BTreeMap<Change, Vec<String>> = BTreeMap::new();
    for name in tz::db().available() {
        let zone = TimeZone::get(name.as_str()).unwrap();
        let transitions = zone.following(begin).map(|transition| transition.timestamp());
        for at in transitions.take_while(|&at| at < end).map(Timestamp::as_second) {
            let change = Change { at, from: offset(&zone, at - 1), to: offset(&zone, at) };
            changes.entry(change).or_default().push(name.as_str().to_owned());
        }
    }
    changes
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn offset(zone: &TimeZone, at: i64) -> i64 {
    i64::from(zone.to_offset(Timestamp::from_second(at).unwrap()).seconds())
}

/// One of the zones `names` that both databases know, and agree on around `at`. They are of different ages.
fn known_to_both(names: &[String], at: i64) -> Option<(&str, Tz)> {
    names.iter().find_map(|name| {
        let theirs: Tz = name.parse().ok()?;
        let ours = TimeZone::get(name).unwrap();
        let agree = [-45 * DAY, -10 * DAY, -1, 0, 10 * DAY, 45 * DAY].into_iter().all(|away| {
            let utc = DateTime::<Utc>::from_timestamp(at + away, 0).unwrap().naive_utc();
            let offset_of_theirs = theirs.offset_from_utc_datetime(&utc).fix().local_minus_utc();
            offset(&ours, at + away) == i64::from(offset_of_theirs)
        });
        agree.then_some((name.as_str(), theirs))
    })
}

fn ours(expression: &str, zone: &str, from: i64, to: i64) -> Vec<i64> {
    let begin = instant("2020-01-01T00:00Z");
    let cron = Cron::parse(expression, Some(zone), begin).unwrap();
    std::iter::successors(Timestamp::from_second(from).ok(), |&after| cron.next(after))
        .skip(1)
        .map(Timestamp::as_second)
        .take_while(|&tick| tick <= to)
        .collect()
}

fn theirs(expression: &str, both_days: bool, zone: Tz, from: i64, to: i64) -> Vec<i64> {
    let cron =
        CronParser::builder().seconds(Seconds::Optional).dom_and_dow(both_days).build().parse(expression).unwrap();
    let from = DateTime::<Utc>::from_timestamp(from, 0).unwrap().with_timezone(&zone);
    std::iter::successors(Some(from), |after| cron.find_next_occurrence(after, false).ok())
        .skip(1)
        .map(|tick| tick.timestamp())
        .take_while(|&tick| tick <= to)
        .collect()
}

fn expected(case: &Case, zone: Tz, from: i64, to: i64) -> Vec<i64> {
    match case.oracle {
        Oracle::Same => theirs(case.expression, false, zone, from, to),
        Oracle::BothDays => theirs(case.expression, true, zone, from, to),
        Oracle::Each(expressions) => {
            let ticks = expressions.iter().flat_map(|single| theirs(single, false, zone, from, to));
            ticks.collect::<BTreeSet<_>>().into_iter().collect()
        }
    }
}

#[test]
fn ticks_around_every_change_are_those_of_croner() {
    let changes = changes();
    let mut compared = 0;
    for (change, names) in &changes {
        let Some((name, zone)) = known_to_both(names, change.at) else {
            continue;
        };
        if change.to - change.from > LONGEST_GAP_OF_CRONER {
            continue;
        }
        compared += 1;
        for case in CASES {
            let (from, to) = (change.at - case.around, change.at + case.around);
            assert_eq!(
                ours(case.expression, name, from, to),
                expected(case, zone, from, to),
                "{} in {name}, where the clock was turned at {}",
                case.expression,
                Timestamp::from_second(change.at).unwrap(),
            );
        }
    }
    // The rest is what only the newer database knows, and the gaps that croner can't cross.
    assert!(compared * 100 >= changes.len() * 98, "{compared} of {}", changes.len());
}

/// What `Cron` relies on to tell that the clock has shown a time before: that it was turned once since.
#[test]
fn no_clock_is_turned_twice_within_the_span_of_a_turn() {
    let mut last: BTreeMap<&String, Change> = BTreeMap::new();
    let changes = changes();
    for (&change, names) in &changes {
        for name in names {
            if let Some(last) = last.insert(name, change) {
                assert!(change.at - last.at > (last.to - last.from).abs(), "{name} at {}", change.at);
            }
        }
    }
}
