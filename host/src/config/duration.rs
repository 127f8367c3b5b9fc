//! Spans of time: `500ms`, `30s`, `5m`, `1m30s`, `24h`.

use std::{ops::RangeInclusive, time::Duration};

use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::{Flaw, Scalar};

/// The units, from the largest, and their milliseconds. A day is none: twice a year it does not have 24 hours.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// How many letters a span of time has at least. All units of the pattern are optional, but one must be there.
pub const SHORTEST: usize = 2;

/// A span of time within a range.
pub(super) struct Span(pub(super) RangeInclusive<Duration>);

impl Scalar for Span {
    type Value = Duration;

    fn parse(&self, value: &DeValue<'_>) -> Result<Duration, Flaw> {
        let span = value
            .as_str()
            .and_then(parse)
            .ok_or_else(|| Flaw::Because(r#"not a duration; write it as "30s", "5m" or "1m30s""#.into()))?;
        if !self.0.contains(&span) {
            return Err(Flaw::Not(format!("from {}", self.range())));
        }
        Ok(span)
    }

    fn schema(&self) -> Value {
        json!({
            "type": "string",
            "pattern": pattern(),
            "minLength": SHORTEST,
            "description": format!("From {}.", self.range()),
        })
    }
}

impl Span {
    /// For people: its ends.
    fn range(&self) -> String {
        format!("{} to {}", text(*self.0.start()), text(*self.0.end()))
    }
}

/// What every span of time matches, as a regular expression.
pub(super) fn pattern() -> String {
    let units: String = UNITS.iter().map(|(unit, _)| format!("([0-9]+{unit})?")).collect();
    format!("^{units}$")
}

/// Whole numbers with units, from the largest unit to the smallest, without anything between.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut milliseconds: u64 = 0;
    for (unit, worth) in UNITS {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let Some(after) = after.strip_prefix(unit) else {
            continue;
        };
        if unit == "m" && after.starts_with('s') {
            continue;
        }
        milliseconds = milliseconds.checked_add(number.parse::<u64>().ok()?.checked_mul(worth)?)?;
        rest = after;
    }
    (rest.is_empty() && !text.is_empty()).then_some(Duration::from_millis(milliseconds))
}

/// As it is written in the config; what is below a millisecond is dropped.
pub(super) fn text(span: Duration) -> String {
    let mut rest = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, worth) in UNITS {
        if rest >= worth {
            text += &format!("{}{unit}", rest / worth);
            rest %= worth;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (written, milliseconds) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1m30s", 90_000),
            ("24h", 86_400_000),
            ("1h1m1s1ms", 3_661_001),
            ("0s", 0),
        ] {
            let span = Duration::from_millis(milliseconds);
            assert_eq!(parse(written), Some(span), "{written}");
            assert_eq!(text(span), written);
        }
        assert_eq!(parse("90s"), parse("1m30s"));
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "-30s",
            "+30s",
            "1.5s",
            "30 s",
            "30s ",
            "30S",
            "1d",
            "30s1m",
            "1s1s",
            "30 parsecs",
            "m30",
            "99999999999999999999s",
            "18446744073709551615h",
            "٣s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_duration_comes_back(milliseconds: u64) {
            let span = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&text(span)), Some(span));
        }
    }
}
