//! One field of a cron expression: which values it may hold, and which ones a text of it selects.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use super::error::ItemProblem;

/// A field of a cron expression, in the order in which fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 0-59.
    Second,
    /// 0-59.
    Minute,
    /// 0-23.
    Hour,
    /// 1-31.
    DayOfMonth,
    /// 1-12, or an English name.
    Month,
    /// 0-7, where 0 and 7 are Sunday (POSIX), or an English name.
    Weekday,
    /// 1970-2100.
    Year,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
/// The fewest letters of a name: with three, no two months and no two weekdays begin alike.
const NAME_LETTERS: usize = 3;
/// Sunday's second number in POSIX.
const SUNDAY_AGAIN: u32 = 7;

impl Field {
    /// The values of this field. A weekday has each day once, from Sunday as 0.
    pub(super) fn range(self) -> RangeInclusive<u32> {
        match self {
            Field::Second | Field::Minute => 0..=59,
            Field::Hour => 0..=23,
            Field::DayOfMonth => 1..=31,
            Field::Month => 1..=12,
            Field::Weekday => 0..=6,
            // The evaluator knows no other years.
            Field::Year => 1970..=2100,
        }
    }

    /// The same for people.
    pub(super) fn values(self) -> &'static str {
        match self {
            Field::Second | Field::Minute => "0-59",
            Field::Hour => "0-23",
            Field::DayOfMonth => "1-31",
            Field::Month => "1-12 or jan-dec",
            Field::Weekday => "0-7 or sun-sat (0 and 7 are both Sunday)",
            Field::Year => "1970-2100",
        }
    }

    /// A valid text of this field that shows what fields can do.
    pub(super) fn example(self) -> &'static str {
        match self {
            Field::Second | Field::Minute => "*/15",
            Field::Hour => "8-18",
            Field::DayOfMonth => "1,15",
            Field::Month => "jan-mar,12",
            Field::Weekday => "mon-fri",
            Field::Year => "2030-2035",
        }
    }

    /// The English names of the values, from the lowest value on; empty where there are none.
    fn names(self) -> &'static [&'static str] {
        match self {
            Field::Month => &MONTHS,
            Field::Weekday => &WEEKDAYS,
            _ => &[],
        }
    }

    /// The value that a number or a name stands for.
    fn value(self, text: &str) -> Option<u32> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let value = text.parse().ok()?;
            let again = self == Field::Weekday && value == SUNDAY_AGAIN;
            return (again || self.range().contains(&value)).then_some(value);
        }
        let name = text.to_ascii_lowercase();
        let index = self.names().iter().position(|full| name.len() >= NAME_LETTERS && full.starts_with(&name))?;
        Some(*self.range().start() + u32::try_from(index).ok()?)
    }

    /// Reads one item, such as `*`, `5`, `1-5`, `*/15`, `8-18/2`, or `10/15` for "from 10 on, in steps of 15".
    fn item(self, item: &str) -> Result<BTreeSet<u32>, ItemProblem> {
        let (base, step) = match item.split_once('/') {
            None => (item, None),
            Some((base, step)) => (base, Some(self.step(step)?)),
        };
        let (low, high) = (*self.range().start(), *self.range().end());
        let values = self.values();
        let value = |text| self.value(text).ok_or(ItemProblem::Value { values });
        let (from, to) = if base == "*" {
            (low, high)
        } else if let Some((from, to)) = base.split_once('-') {
            self.straighten(value(from)?, value(to)?)?
        } else {
            let from = value(base)?;
            (from, if step.is_some() { high.max(from) } else { from })
        };
        let selected = (from..=to).step_by(step.unwrap_or(1));
        Ok(match self {
            Field::Weekday => selected.map(|day| day % SUNDAY_AGAIN).collect(),
            _ => selected.collect(),
        })
    }

    /// The ends of a range, in order. A range of weekdays may pass the end of the week (`fri-mon`, `5-7`, `sat-sun`),
    /// as people disagree on where a week begins; its end is then counted on past Saturday.
    fn straighten(self, from: u32, to: u32) -> Result<(u32, u32), ItemProblem> {
        if from <= to {
            Ok((from, to))
        } else if self == Field::Weekday {
            Ok((from, to + SUNDAY_AGAIN))
        } else {
            let (low, high) = (self.range().start().to_owned(), self.range().end().to_owned());
            let instead = format!("{from}-{high},{low}-{to}");
            Err(ItemProblem::Backwards { instead })
        }
    }

    /// A step, which must be able to select more than one value: `*/90` minutes would not be every hour and a half.
    fn step(self, text: &str) -> Result<usize, ItemProblem> {
        let most = self.range().end() - self.range().start();
        text.parse()
            .ok()
            .filter(|step| (1..=most).contains(step))
            .and_then(|step| usize::try_from(step).ok())
            .ok_or(ItemProblem::Step { most })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Second => "second",
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::DayOfMonth => "day-of-month",
            Field::Month => "month",
            Field::Weekday => "weekday",
            Field::Year => "year",
        })
    }
}

/// The values that a field selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    field: Field,
    values: BTreeSet<u32>,
    wildcard: bool,
}

impl Selection {
    /// Every value of the field, as `*` has it.
    pub(super) fn every(field: Field) -> Selection {
        Selection { field, values: field.range().collect(), wildcard: true }
    }

    /// The lowest value of the field alone.
    pub(super) fn lowest(field: Field) -> Selection {
        Selection { field, values: BTreeSet::from([*field.range().start()]), wildcard: false }
    }

    /// Reads a field's text: items with commas between them. The error comes with the item it is about.
    pub(super) fn parse(field: Field, text: &str) -> Result<Selection, (String, ItemProblem)> {
        if text == "?" && matches!(field, Field::DayOfMonth | Field::Weekday) {
            return Ok(Selection::every(field));
        }
        let mut values = BTreeSet::new();
        for item in text.split(',') {
            values.extend(field.item(item).map_err(|problem| (item.to_owned(), problem))?);
        }
        Ok(Selection {
            field,
            values,
            // As in Vixie cron: what counts is the first character, so `*/2` is a wildcard too.
            wildcard: text.starts_with('*'),
        })
    }

    /// Whether the field is written as a wildcard: `*`, `?`, or anything that begins with `*`.
    pub(super) fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// Whether the field selects all its values.
    pub(super) fn is_every(&self) -> bool {
        self.values.len() == self.field.range().count()
    }

    /// The selected values, in ascending order.
    pub(super) fn values(&self) -> impl Iterator<Item = u32> {
        self.values.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn select(field: Field, text: &str) -> Vec<u32> {
        Selection::parse(field, text).unwrap().values().collect()
    }

    #[test]
    fn a_field_selects_what_people_mean() {
        use Field::*;
        let table: &[(Field, &str, &[u32])] = &[
            (Minute, "5", &[5]),
            (Minute, "05", &[5]),
            (Minute, "*/15", &[0, 15, 30, 45]),
            (Minute, "5/15", &[5, 20, 35, 50]),
            (Minute, "10-20/5", &[10, 15, 20]),
            (Minute, "59,0,59", &[0, 59]),
            (Hour, "8-11", &[8, 9, 10, 11]),
            (DayOfMonth, "*/10", &[1, 11, 21, 31]),
            (Month, "jan-mar,Sept,DECEMBER", &[1, 2, 3, 9, 12]),
            (Weekday, "0", &[0]),
            (Weekday, "7", &[0]),
            (Weekday, "0-7", &[0, 1, 2, 3, 4, 5, 6]),
            (Weekday, "1-5", &[1, 2, 3, 4, 5]),
            (Weekday, "5-7", &[0, 5, 6]),
            (Weekday, "7-2", &[0, 1, 2]),
            (Weekday, "6-1", &[0, 1, 6]),
            (Weekday, "sat-sun", &[0, 6]),
            (Weekday, "fri-mon/2", &[0, 5]),
            (Weekday, "*/2", &[0, 2, 4, 6]),
            (Weekday, "1/2", &[1, 3, 5]),
            (Weekday, "7/2", &[0]),
            (Weekday, "mon,thurs,Saturday", &[1, 4, 6]),
            (Year, "2030-2032", &[2030, 2031, 2032]),
        ];
        for &(field, text, expected) in table {
            assert_eq!(select(field, text), expected, "{field} {text}");
        }
    }

    #[test]
    fn a_wildcard_is_told_by_its_first_character() {
        let wildcard = |field, text| Selection::parse(field, text).unwrap().is_wildcard();
        assert!(wildcard(Field::Hour, "*"));
        assert!(wildcard(Field::Hour, "*/2"));
        assert!(wildcard(Field::Weekday, "?"));
        assert!(!wildcard(Field::Hour, "0-23"));
        assert!(!wildcard(Field::Hour, "0/2"));
    }

    #[test]
    fn an_item_that_makes_no_sense_is_named() {
        use Field::*;
        let not = |field: Field| ItemProblem::Value { values: field.values() };
        let backwards = |instead: &str| ItemProblem::Backwards { instead: instead.to_owned() };
        let table = [
            (Minute, "0,60", "60", not(Minute)),
            (Minute, "", "", not(Minute)),
            (Minute, "1,,2", "", not(Minute)),
            (Minute, "+5", "+5", not(Minute)),
            (Minute, "?", "?", not(Minute)),
            (Minute, "*-5", "*-5", not(Minute)),
            (Minute, "99999999999", "99999999999", not(Minute)),
            (Hour, "24", "24", not(Hour)),
            (Hour, "22-6", "22-6", backwards("22-23,0-6")),
            (DayOfMonth, "0", "0", not(DayOfMonth)),
            (DayOfMonth, "L", "L", not(DayOfMonth)),
            (DayOfMonth, "?/2", "?/2", not(DayOfMonth)),
            (Month, "nov-feb", "nov-feb", backwards("11-12,1-2")),
            (Month, "ju", "ju", not(Month)),
            (Weekday, "8", "8", not(Weekday)),
            (Weekday, "mun", "mun", not(Weekday)),
            (Weekday, "mondays", "mondays", not(Weekday)),
            (Year, "1969", "1969", not(Year)),
            (Minute, "*/90", "*/90", ItemProblem::Step { most: 59 }),
            (Minute, "*/0", "*/0", ItemProblem::Step { most: 59 }),
            (Minute, "*/", "*/", ItemProblem::Step { most: 59 }),
            (Hour, "0-6/2/2", "0-6/2/2", ItemProblem::Step { most: 23 }),
        ];
        for (field, text, item, problem) in table {
            let refused = Selection::parse(field, text);
            assert_eq!(refused, Err((item.to_owned(), problem)), "{field} {text}");
        }
    }
}
