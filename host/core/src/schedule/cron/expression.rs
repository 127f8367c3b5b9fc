//! A cron expression as text: its fields, its nicknames, and what they mean together.

use super::error::CronError;
use super::field::{Field, Selection};

/// The fields in the order in which they are written when all seven are.
const ORDER: [Field; 7] =
    [Field::Second, Field::Minute, Field::Hour, Field::DayOfMonth, Field::Month, Field::Weekday, Field::Year];

/// A valid expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expression {
    pub(super) second: Selection,
    pub(super) minute: Selection,
    pub(super) hour: Selection,
    pub(super) day_of_month: Selection,
    pub(super) month: Selection,
    pub(super) weekday: Selection,
    pub(super) year: Selection,
}

impl Expression {
    /// Reads five, six or seven fields, or a nickname.
    pub(super) fn parse(text: &str) -> Result<Expression, CronError> {
        let text = nickname(text)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let order = match words.len() {
            5 => &ORDER[1..6],
            6 => &ORDER[..6],
            7 => &ORDER[..],
            found => {
                let expression = text.to_owned();
                return Err(CronError::FieldCount { expression, found });
            }
        };
        let mut expression = Expression {
            second: Selection::lowest(Field::Second),
            minute: Selection::every(Field::Minute),
            hour: Selection::every(Field::Hour),
            day_of_month: Selection::every(Field::DayOfMonth),
            month: Selection::every(Field::Month),
            weekday: Selection::every(Field::Weekday),
            year: Selection::every(Field::Year),
        };
        for (index, (&field, word)) in order.iter().zip(words).enumerate() {
            *expression.selection(field) = Selection::parse(field, word).map_err(|(item, problem)| {
                CronError::Item { expression: text.to_owned(), field, position: index + 1, item, problem }
            })?;
        }
        Ok(expression)
    }

    fn selection(&mut self, field: Field) -> &mut Selection {
        match field {
            Field::Second => &mut self.second,
            Field::Minute => &mut self.minute,
            Field::Hour => &mut self.hour,
            Field::DayOfMonth => &mut self.day_of_month,
            Field::Month => &mut self.month,
            Field::Weekday => &mut self.weekday,
            Field::Year => &mut self.year,
        }
    }

    /// Whether the time of day is written without a wildcard, and so names appointments instead of a rhythm.
    pub(super) fn names_times(&self) -> bool {
        ![&self.second, &self.minute, &self.hour].into_iter().any(Selection::is_wildcard)
    }

    /// Whether a day needs to match the day of month *or* the weekday, as POSIX has it when both are restricted. When
    /// either is a wildcard, a day must match both.
    pub(super) fn either_day(&self) -> bool {
        !self.day_of_month.is_wildcard() && !self.weekday.is_wildcard()
    }
}

/// What a nickname stands for, as in crontab(5); any other text stands for itself.
fn nickname(text: &str) -> Result<&str, CronError> {
    match text.trim() {
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@monthly" => Ok("0 0 1 * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@hourly" => Ok("0 * * * *"),
        "@reboot" => Err(CronError::Reboot),
        other if other.starts_with('@') => Err(CronError::Nickname(other.to_owned())),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Expression {
        Expression::parse(text).unwrap()
    }

    #[test]
    fn five_six_and_seven_fields_mean_the_same_when_the_extra_ones_are_idle() {
        assert_eq!(parse("*/5 8-18 * * mon-fri"), parse("0 */5 8-18 * * 1-5"));
        assert_eq!(parse("*/5 8-18 * * mon-fri"), parse("  0 */5  8-18 *\t* 1-5 * "));
    }

    #[test]
    fn nicknames_are_those_of_crontab() {
        for (nickname, text) in [
            ("@yearly", "0 0 1 1 *"),
            ("@annually", "0 0 1 1 *"),
            ("@monthly", "0 0 1 * *"),
            ("@weekly", "0 0 * * sun"),
            ("@daily", "0 0 * * *"),
            ("@midnight", "0 0 * * *"),
            ("@hourly", "0 * * * *"),
        ] {
            assert_eq!(parse(nickname), parse(text), "{nickname}");
        }
    }

    #[test]
    fn an_expression_names_times_unless_its_time_of_day_has_a_wildcard() {
        for text in ["30 2 * * *", "0 6,18 * * *", "0-59 2 * * *", "0,30 30 2 * * *", "@daily"] {
            assert!(parse(text).names_times(), "{text}");
        }
        for text in ["* * * * *", "30 * * * *", "30 */2 * * *", "*/5 2 * * *", "*/9 0 2 * * *", "@hourly"] {
            assert!(!parse(text).names_times(), "{text}");
        }
    }

    #[test]
    fn days_are_alternatives_only_when_both_are_restricted() {
        assert!(parse("0 0 13 * fri").either_day());
        for text in ["0 0 13 * *", "0 0 13 * ?", "0 0 * * fri", "0 0 */2 * fri", "0 0 13 * */2"] {
            assert!(!parse(text).either_day(), "{text}");
        }
    }

    #[test]
    fn messages_say_what_is_wrong_where_and_what_would_be_right() {
        for (text, message) in [
            (
                "* * * *",
                "`* * * *` has 4 fields, but cron takes 5 (minute hour day-of-month month weekday), 6 (seconds first) \
                 or 7 (and years last); for example `*/5 8-18 * * mon-fri`",
            ),
            (
                "0 0,60 * * * *",
                "in `0 0,60 * * * *`, the minute field (number 2): `60` is not one of 0-59; for example `*/15`",
            ),
            (
                "0 0 * * mun",
                "in `0 0 * * mun`, the weekday field (number 5): `mun` is not one of 0-7 or sun-sat (0 and 7 \
                 are both Sunday); for example `mon-fri`",
            ),
            (
                "0 22-6 * * *",
                "in `0 22-6 * * *`, the hour field (number 2): `22-6` runs backwards; write it as two ranges, \
                 `22-23,0-6`; for example `8-18`",
            ),
            (
                "*/90 * * * *",
                "in `*/90 * * * *`, the minute field (number 1): `*/90` needs a step from 1 to 59 after its `/`; for \
                 example `*/15`",
            ),
            (
                "@every 5m",
                "`@every 5m` is no known nickname; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight \
                 and @hourly",
            ),
        ] {
            let refused = Expression::parse(text).unwrap_err().to_string();
            assert_eq!(refused, message);
        }
        assert_eq!(Expression::parse("@reboot"), Err(CronError::Reboot));
        assert_eq!(Expression::parse(""), Err(CronError::FieldCount { expression: String::new(), found: 0 }));
    }
}
