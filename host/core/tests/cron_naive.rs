//! Cron against the plainest reading of its rules: look at every moment, and ask whether it matches.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use jiff::civil::{DateTime, date};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use probity_core::schedule::{Cron, CronError};
use proptest::prelude::*;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What the ticks of a year are looked for with: an expression, and the same as a question.
struct Question {
    expression: &'static str,
    matches: fn(DateTime) -> bool,
    appointments: bool,
}

const QUESTIONS: &[Question] = &[
    rhythm("*/15 * * * *", |t| t.minute() % 15 == 0),
    rhythm("7 */3 * * *", |t| t.minute() == 7 && t.hour() % 3 == 0),
    rhythm("*/20 1-3 * jan-oct mon-fri,sun", |t| {
        t.minute() % 20 == 0 && (1..=3).contains(&t.hour()) && t.month() <= 10 && weekday(t) != 6
    }),
    appointments("30 2 * * *", |t| t.minute() == 30 && t.hour() == 2),
    appointments("0 0 * * *", |t| t.minute() == 0 && t.hour() == 0),
    appointments("0-59/29 0-3,23 * * *", |t| t.minute() % 29 == 0 && (t.hour() <= 3 || t.hour() == 23)),
    appointments("5 1,2 29 * 5-7", |t| {
        t.minute() == 5 && matches!(t.hour(), 1 | 2) && (t.day() == 29 || matches!(weekday(t), 5 | 6 | 0))
    }),
];

/// Zones, with years that have something to show.
const YEARS: &[(&str, i16)] = &[
    ("UTC", 2028),
    ("Asia/Kathmandu", 2026),
    ("Europe/Stockholm", 2026),
    ("America/New_York", 2028),
    // Turned at midnight.
    ("Africa/Cairo", 2026),
    ("America/Santiago", 2026),
    // By half an hour, by two hours, by three.
    ("Australia/Lord_Howe", 2026),
    ("Antarctica/Troll", 2026),
    ("Antarctica/Casey", 2020),
    // Four times in a year.
    ("Africa/Casablanca", 2025),
    // A day that did not come.
    ("Pacific/Apia", 2011),
];

const fn rhythm(expression: &'static str, matches: fn(DateTime) -> bool) -> Question {
    Question { expression, matches, appointments: false }
}

const fn appointments(expression: &'static str, matches: fn(DateTime) -> bool) -> Question {
    Question { expression, matches, appointments: true }
}

/// Sunday is 0.
fn weekday(time: DateTime) -> i8 {
    time.weekday().to_sunday_zero_offset()
}

/// Of all moments, with what the clock on the wall shows then, those at which it shows a matching time.
fn rhythm_of(question: &Question, moments: &[(Timestamp, DateTime)]) -> BTreeSet<Timestamp> {
    let matching = moments.iter().filter(|(_, shown)| (question.matches)(*shown));
    matching.map(|&(at, _)| at).collect()
}

/// For each matching one of all times of the calendar, the first moment at which the clock on the wall shows it, or has
/// passed it.
fn appointments_of(question: &Question, zone: &TimeZone, times: &[DateTime]) -> BTreeSet<Timestamp> {
    let matching = times.iter().filter(|time| (question.matches)(**time));
    matching
        .map(|&time| match zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(time).unwrap()
            }
            AmbiguousOffset::Gap { after, .. } => {
                let before_the_gap = after.to_timestamp(time).unwrap();
                zone.following(before_the_gap).next().unwrap().timestamp()
            }
        })
        .collect()
}

fn ticks(cron: &Cron, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
    std::iter::successors(Some(from - SECOND), |&after| cron.next(after))
        .skip(1)
        .take_while(|&tick| tick < to)
        .collect()
}

/// The first tick that only one of two sets has.
fn difference(ours: &BTreeSet<Timestamp>, found: &BTreeSet<Timestamp>) -> Option<Timestamp> {
    ours.symmetric_difference(found).next().copied()
}

#[test]
fn a_year_of_cron_is_what_a_look_at_every_minute_finds() {
    for &(name, year) in YEARS {
        let zone = TimeZone::get(name).unwrap();
        // From noon to noon: no clock is turned then.
        let noons = [year, year + 1].map(|year| date(year, 1, 1).at(12, 0, 0, 0));
        let bounds = noons.map(|noon| zone.to_timestamp(noon).unwrap());
        let moments: Vec<(Timestamp, DateTime)> = std::iter::successors(Some(bounds[0]), |&at| Some(at + MINUTE))
            .take_while(|&at| at < bounds[1])
            .map(|at| (at, zone.to_datetime(at)))
            .collect();
        let times: Vec<DateTime> = std::iter::successors(Some(noons[0]), |&time| Some(time + MINUTE))
            .take_while(|&time| time < noons[1])
            .collect();
        for question in QUESTIONS {
            let cron = Cron::parse(question.expression, Some(name), bounds[0]).unwrap();
            let found = if question.appointments {
                appointments_of(question, &zone, &times)
            } else {
                rhythm_of(question, &moments)
            };
            let difference = difference(&ticks(&cron, bounds[0], bounds[1]), &found);
            assert_eq!(difference, None, "{cron} in {year}");
        }
    }
}

#[test]
fn a_schedule_of_minutes_is_never_silent() {
    let start: Timestamp = "2026-01-01T00:00Z".parse().unwrap();
    let cron = Cron::parse("* * * * *", Some("Europe/Stockholm"), start).unwrap();
    let mut tick = start;
    for _ in 0..365 * 24 * 60 {
        let next = cron.next(tick).unwrap();
        assert_eq!(next.duration_since(tick), MINUTE);
        tick = next;
    }
}

/// A field's text, with the values it selects.
type Field = (String, BTreeSet<i8>);

/// Any field of the values `low..=high`: a wildcard, a value, a list, a range or a step.
fn field(low: i8, high: i8) -> impl Strategy<Value = Field> {
    let value = low..=high;
    prop_oneof![
        3 => Just(("*".to_owned(), value.clone().collect())),
        2 => value.clone().prop_map(|one| (one.to_string(), BTreeSet::from([one]))),
        1 => (value.clone(), value.clone()).prop_map(|(a, b)| (format!("{a},{b}"), BTreeSet::from([a, b]))),
        1 => (value.clone(), value.clone()).prop_map(|(a, b)| {
            let (from, to) = (a.min(b), a.max(b));
            (format!("{from}-{to}"), (from..=to).collect())
        }),
        1 => (1..=high - low).prop_map(move |step| {
            let every = (low..=high).filter(|value| (value - low) % step == 0);
            (format!("*/{step}"), every.collect())
        }),
    ]
}

proptest! {
    #[test]
    fn ticks_are_what_a_look_at_every_second_finds(
        second in field(0, 59),
        minute in field(0, 59),
        hour in field(0, 23),
        day in field(1, 31),
        month in field(1, 12),
        weekday in field(0, 6),
        start in 1_577_836_800_i64..1_893_456_000, // 2020 to 2030
    ) {
        let either = !day.0.starts_with('*') && !weekday.0.starts_with('*');
        let fields = [&second, &minute, &hour, &day, &month, &weekday];
        let expression = fields.map(|field| field.0.as_str()).join(" ");
        let matches = |time: DateTime| {
            let (on_day, on_weekday) = (day.1.contains(&time.day()), weekday.1.contains(&self::weekday(time)));
            second.1.contains(&time.second())
                && minute.1.contains(&time.minute())
                && hour.1.contains(&time.hour())
                && month.1.contains(&time.month())
                && if either { on_day || on_weekday } else { on_day && on_weekday }
        };

        let start = Timestamp::from_second(start).unwrap();
        let cron = Cron::parse(&expression, None, start);
        // A random date need not exist.
        prop_assume!(!matches!(cron, Err(CronError::NoSuchDate(_))));
        let cron = cron.unwrap();
        // Twenty minutes before and after the first tick, so that there is something to see.
        let first = cron.next(start).unwrap();
        let bounds = [first - MINUTE * 20, first + MINUTE * 20];
        let found: BTreeSet<Timestamp> = std::iter::successors(Some(bounds[0]), |&at| Some(at + SECOND))
            .take_while(|&at| at < bounds[1])
            .filter(|&at| matches(TimeZone::UTC.to_datetime(at)))
            .collect();
        let difference = difference(&ticks(&cron, bounds[0], bounds[1]), &found);
        prop_assert_eq!(difference, None, "{}", expression);
    }
}
