//! Cron's rules, one table each: what happens when clocks change, and what an expression means.
#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use probity_core::schedule::Cron;
use proptest::prelude::*;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// The ticks of `expression` after `from`, as `day hour:minute:second offset` on the wall.
fn ticks(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(expression, Some(zone), at(from)).unwrap();
    let zone = TimeZone::get(zone).unwrap();
    std::iter::successors(Some(at(from)), |&after| cron.next(after))
        .skip(1)
        .take(count)
        .map(|tick| tick.to_zoned_datetime(zone.clone()).strftime("%d %H:%M:%S %:z").to_string())
        .collect()
}

#[test]
fn an_appointment_in_the_gap_is_kept_once_right_after_it() {
    let stockholm = |expression, count| ticks(expression, "Europe/Stockholm", "2026-03-28T12:00+01:00", count);
    assert_eq!(stockholm("30 2 * * *", 2), ["29 03:00:00 +02:00", "30 02:30:00 +02:00"]);
    assert_eq!(
        stockholm("0,20,40 2 * * *", 4),
        ["29 03:00:00 +02:00", "30 02:00:00 +02:00", "30 02:20:00 +02:00", "30 02:40:00 +02:00"]
    );
    // One right after the gap in its own right does not come twice.
    assert_eq!(
        stockholm("0 1-4 * * *", 4),
        ["29 01:00:00 +01:00", "29 03:00:00 +02:00", "29 04:00:00 +02:00", "30 01:00:00 +02:00"]
    );
    // The gap of a single day's appointment counts too.
    assert_eq!(stockholm("0 30 2 29 3 * 2026-2027", 2), ["29 03:00:00 +02:00", "29 02:30:00 +02:00"]);
    // Cairo's gap begins at midnight, and takes the whole first hour of the day.
    assert_eq!(
        ticks("@daily", "Africa/Cairo", "2026-04-23T12:00+02:00", 2),
        ["24 01:00:00 +03:00", "25 00:00:00 +03:00"]
    );
    // Samoa went without the 30th of December 2011.
    assert_eq!(
        ticks("30 2 * * *", "Pacific/Apia", "2011-12-29T00:00-10:00", 3),
        ["29 02:30:00 -10:00", "31 00:00:00 +14:00", "31 02:30:00 +14:00"]
    );
}

#[test]
fn an_appointment_shown_twice_is_kept_the_first_time() {
    let stockholm = |expression, count| ticks(expression, "Europe/Stockholm", "2026-10-25T00:00+02:00", count);
    assert_eq!(stockholm("30 2 * * *", 2), ["25 02:30:00 +02:00", "26 02:30:00 +01:00"]);
    assert_eq!(
        stockholm("0 1-4 * * *", 4),
        ["25 01:00:00 +02:00", "25 02:00:00 +02:00", "25 03:00:00 +01:00", "25 04:00:00 +01:00"]
    );
    // Also for a runner that starts in the second pass.
    assert_eq!(ticks("30 2 * * *", "Europe/Stockholm", "2026-10-25T02:10+01:00", 1), ["26 02:30:00 +01:00"]);
}

#[test]
fn a_rhythm_keeps_time_with_the_wall() {
    assert_eq!(
        ticks("*/30 * * * *", "Europe/Stockholm", "2026-03-29T01:00+01:00", 3),
        ["29 01:30:00 +01:00", "29 03:00:00 +02:00", "29 03:30:00 +02:00"]
    );
    assert_eq!(
        ticks("*/30 * * * *", "Europe/Stockholm", "2026-10-25T01:45+02:00", 5),
        ["25 02:00:00 +02:00", "25 02:30:00 +02:00", "25 02:00:00 +01:00", "25 02:30:00 +01:00", "25 03:00:00 +01:00"]
    );
    // A rhythm within an hour that is missing has no tick that day, and within one that comes twice has them twice.
    assert_eq!(ticks("*/30 2 * * *", "Europe/Stockholm", "2026-03-29T00:00+01:00", 1), ["30 02:00:00 +02:00"]);
    assert_eq!(
        ticks("*/30 2 * * *", "Europe/Stockholm", "2026-10-25T00:00+02:00", 4),
        ["25 02:00:00 +02:00", "25 02:30:00 +02:00", "25 02:00:00 +01:00", "25 02:30:00 +01:00"]
    );
    // Lord Howe's clocks are turned by half an hour, from 02:00.
    assert_eq!(
        ticks("@hourly", "Australia/Lord_Howe", "2026-10-04T00:30+10:30", 3),
        ["04 01:00:00 +10:30", "04 03:00:00 +11:00", "04 04:00:00 +11:00"]
    );
}

#[test]
fn a_day_matches_either_field_only_if_both_are_restricted() {
    // March 2026 begins on a Sunday.
    let days = |expression, count| -> Vec<String> {
        ticks(expression, "UTC", "2026-02-28T12:00Z", count).into_iter().map(|tick| tick[..2].to_owned()).collect()
    };
    assert_eq!(days("0 0 13 * fri", 4), ["06", "13", "20", "27"]);
    assert_eq!(days("0 0 10 * fri", 4), ["06", "10", "13", "20"]);
    assert_eq!(days("0 0 10 * *", 2), ["10", "10"]);
    assert_eq!(days("0 0 ? * fri", 2), ["06", "13"]);
    assert_eq!(days("0 0 */2 * mon", 3), ["09", "23", "13"], "Mondays on odd days");
    assert_eq!(days("0 0 31 * 6-1", 4), ["01", "02", "07", "08"], "Saturday to Monday, and the 31st");
}

fn expression() -> impl Strategy<Value = String> {
    let minute = prop_oneof!["\\*", "\\*/[1-9]", "[0-5]?[0-9]", "[0-2][0-9]-[3-5][0-9]/[1-9]"];
    let hour = prop_oneof!["\\*", "\\*/[1-9]", "[0-9]", "[0-9],1[0-9]", "[0-9]-2[0-3]"];
    let day = prop_oneof!["\\*", "[1-9]", "[1-2][0-9]", "\\*/[1-9]"];
    let month = prop_oneof!["\\*", "[1-9]", "[1-4]-[5-9]"];
    let weekday = prop_oneof!["\\*", "[0-7]", "[0-3]-[4-7]", "[4-6]-[0-3]"];
    (minute, hour, day, month, weekday)
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

proptest! {
    #[test]
    fn the_next_tick_is_later_and_none_lies_between(
        expression in expression(),
        zone in prop::sample::select(vec!["UTC", "Europe/Stockholm", "America/Santiago", "Australia/Lord_Howe"]),
        start in 1_577_836_800_i64..1_893_456_000, // 2020 to 2030
        between in 0.0..1.0,
    ) {
        let start = Timestamp::from_second(start).unwrap();
        let cron = Cron::parse(&expression, Some(zone), start).unwrap();
        let mut after = start;
        for _ in 0..20 {
            let next = cron.next(after).unwrap();
            prop_assert!(next > after);
            // Asked again from anywhere before, the answer is the same.
            let gap = next.duration_since(after);
            prop_assert_eq!(cron.next(after + gap.mul_f64(between)), Some(next));
            after = next;
        }
    }
}
