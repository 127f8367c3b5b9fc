//! Moments of the calendar: with an offset from UTC, or as a clock on the wall shows them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::{Flaw, Scalar};

/// A date and a time.
pub(super) struct Moment;

/// A date and a time, as they were written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Written {
    /// With an offset: the same everywhere.
    Fixed(Timestamp),
    /// Without: as in the zone that goes with it.
    Local(DateTime),
}

impl Written {
    /// The moment that is meant. A time that the clock jumps over is as much later; one that it shows twice is the first.
    pub(super) fn within(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Written::Fixed(moment) => Some(moment),
            Written::Local(local) => {
                zone.to_ambiguous_zoned_datetime(local).compatible().ok().map(|zoned| zoned.timestamp())
            }
        }
    }
}

impl Scalar for Moment {
    type Value = Written;

    fn parse(&self, value: &DeValue<'_>) -> Result<Written, Flaw> {
        let text = match value {
            DeValue::Datetime(date) => Some(date.to_string()),
            other => other.as_str().map(str::to_owned),
        };
        let read = text.and_then(|text| {
            let fixed = text.parse().ok().map(Written::Fixed);
            fixed.or_else(|| text.parse().ok().map(Written::Local))
        });
        read.ok_or_else(|| Flaw::Not("a date and a time, with or without an offset from UTC".into()))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.]+([Zz]|[+-][0-9:]+)?)?$" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn moments_are_read_as_they_are_meant() {
        let stockholm = TimeZone::get("Europe/Stockholm").unwrap();
        for (written, moment) in [
            ("2026-02-01T18:00", Some("2026-02-01T17:00:00Z")),
            ("\"2026-07-01 18:00:30\"", Some("2026-07-01T16:00:30Z")),
            ("2026-02-01T18:00:00Z", Some("2026-02-01T18:00:00Z")),
            ("\"2026-02-01T18:00:00+05:00\"", Some("2026-02-01T13:00:00Z")),
            ("2026-02-01", Some("2026-01-31T23:00:00Z")),
            // The clock jumps from 02:00 to 03:00, and is set back at 03:00.
            ("\"2026-03-29T02:30\"", Some("2026-03-29T01:30:00Z")),
            ("\"2026-10-25T02:30\"", Some("2026-10-25T00:30:00Z")),
            ("\"tomorrow\"", None),
            ("18:00:00", None),
            ("7", None),
        ] {
            let value = DeValue::parse(written).map(|value| Moment.parse(value.get_ref()).ok());
            let read = value.ok().flatten().and_then(|written| written.within(&stockholm));
            assert_eq!(read, moment.map(|moment| moment.parse().unwrap()), "{written}");
        }
    }
}
