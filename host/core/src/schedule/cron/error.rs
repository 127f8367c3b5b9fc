//! What can be wrong with a cron schedule, said so that the next attempt is right.

use jiff::Timestamp;
use thiserror::Error;

use super::field::Field;

/// Why a cron schedule was refused. Every message names the culprit and shows what would be valid.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CronError {
    /// The expression has too few or too many fields.
    #[error(
        "`{expression}` has {found} fields, but cron takes 5 (minute hour day-of-month month weekday), 6 (seconds first) \
         or 7 (and years last); for example `*/5 8-18 * * mon-fri`"
    )]
    FieldCount {
        /// The expression as written.
        expression: String,
        /// How many fields it has.
        found: usize,
    },
    /// One item of one field makes no sense.
    #[error(
        "in `{expression}`, the {field} field (number {position}): `{item}` {problem}; for example `{}`",
        .field.example()
    )]
    Item {
        /// The expression as written, or what its nickname stands for.
        expression: String,
        /// The field that holds the item.
        field: Field,
        /// The place of that field in the expression, from 1.
        position: usize,
        /// The item, between its commas.
        item: String,
        /// What is wrong with it.
        problem: ItemProblem,
    },
    /// The expression is an unknown word with `@` in front.
    #[error(
        "`{0}` is no known nickname; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly"
    )]
    Nickname(String),
    /// `@reboot` names no time.
    #[error(
        "`@reboot` names no time: every check already runs when the runner starts, and a check that never ran again \
         would say nothing of now; write an interval, or for example `@hourly`"
    )]
    Reboot,
    /// There is no such time zone.
    #[error("`{name}` is not an IANA time zone; {}", did_you_mean(.nearest))]
    Zone {
        /// The name as written.
        name: String,
        /// The names that look most like it, best first; may be empty.
        nearest: Vec<String>,
    },
    /// No calendar has the dates that the expression asks for.
    #[error("`{0}` never occurs: no month it names has such a day; for example `0 0 28-31 2 *` is the end of February")]
    NoSuchDate(String),
    /// The expression's dates exist, but all of them have passed.
    #[error(
        "`{expression}` never occurs after {now}: its last date has passed; leave out the year, or name a later one"
    )]
    Past {
        /// The expression as written.
        expression: String,
        /// The present that it was held against.
        now: Timestamp,
    },
    /// The evaluator refused an expression that was found valid. A defect of this package, reported instead of hidden.
    #[error("`{expression}` can't be evaluated: {reason}")]
    Evaluator {
        /// The expression as it was handed to the evaluator.
        expression: String,
        /// The evaluator's own words.
        reason: String,
    },
}

/// What is wrong with one item of a field.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ItemProblem {
    /// Neither a value, a range nor a wildcard of this field.
    #[error("is not one of {values}")]
    Value {
        /// The field's values.
        values: &'static str,
    },
    /// A range whose end comes before its start.
    #[error("runs backwards; write it as two ranges, `{instead}`")]
    Backwards {
        /// The two ranges that were probably meant.
        instead: String,
    },
    /// A step that is no number, zero, or larger than the field.
    #[error("needs a step from 1 to {most} after its `/`")]
    Step {
        /// The largest step that can select more than one value.
        most: u32,
    },
}

fn did_you_mean(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "for example `Europe/Stockholm`".to_owned()
    } else {
        format!("did you mean `{}`?", nearest.join("` or `"))
    }
}
