//! Which readings of a wall clock an expression matches. The border to the crate `cron`.
//!
//! A wall clock's reading is held as the number of seconds that a clock showing UTC would have counted since 1970 when
//! it shows the same: so readings compare and subtract as integers, and a zone is nothing but an offset to add.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::error::CronError;
use super::expression::Expression;
use super::field::Selection;

/// An expression, ready to be asked for its next match.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Calendar {
    /// Two when the days of month and the weekdays are alternatives: the crate knows only the days that match both.
    schedules: Vec<cron::Schedule>,
}

impl Calendar {
    pub(super) fn new(expression: &Expression) -> Result<Calendar, CronError> {
        let days = list(&expression.day_of_month, 0);
        // The crate counts weekdays from 1 for Sunday.
        let weekdays = list(&expression.weekday, 1);
        let pairs = if expression.either_day() {
            vec![(days.as_str(), "*"), ("*", weekdays.as_str())]
        } else {
            vec![(days.as_str(), weekdays.as_str())]
        };
        let schedules =
            pairs.into_iter().map(|(days, weekdays)| schedule(expression, days, weekdays)).collect::<Result<_, _>>()?;
        Ok(Calendar { schedules })
    }

    /// Whether no date that exists matches.
    pub(super) fn is_empty(&self) -> bool {
        // The crate's calendar begins with the second 0.
        self.next(-1).is_none()
    }

    /// The first matching reading strictly after `reading`, or `None` if there is none until the end of the year 2100,
    /// where the crate's calendar ends.
    pub(super) fn next(&self, reading: i64) -> Option<i64> {
        let reading = DateTime::<Utc>::from_timestamp(reading, 0)?;
        self.schedules.iter().filter_map(|schedule| schedule.after(&reading).next()).map(|next| next.timestamp()).min()
    }
}

fn schedule(expression: &Expression, days: &str, weekdays: &str) -> Result<cron::Schedule, CronError> {
    let text = format!(
        "{} {} {} {days} {} {weekdays} {}",
        list(&expression.second, 0),
        list(&expression.minute, 0),
        list(&expression.hour, 0),
        list(&expression.month, 0),
        list(&expression.year, 0),
    );
    cron::Schedule::from_str(&text)
        .map_err(|error| CronError::Evaluator { expression: text, reason: error.to_string() })
}

/// A field in the crate's notation: plain numbers, each raised by `base`. `*` for all of them keeps the crate from
/// storing a set for each schedule.
fn list(selection: &Selection, base: u32) -> String {
    if selection.is_every() {
        return "*".to_owned();
    }
    let numbers: Vec<String> = selection.values().map(|value| (value + base).to_string()).collect();
    numbers.join(",")
}
