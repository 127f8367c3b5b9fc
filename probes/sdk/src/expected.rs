//! What a value that a target was asked for should be: a text, or a number within limits.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Unexpected, Visitor},
};

use crate::{Findings, SettingProblem, text::excerpt};

/// Characters of a value that a verdict shows.
const SHOWN: usize = 120;

/// A finite number as a setting, whole or not.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Number(pub f64);

impl Number {
    /// Reads what a target says; `None` if it is no finite number.
    pub fn parse(text: &[u8]) -> Option<Self> {
        // The settings are read by the same code: another parser would cost a guest kilobytes.
        serde_json::from_str(str::from_utf8(text.trim_ascii()).ok()?).ok()
    }
}

impl fmt::Display for Number {
    /// With six decimals at most, and no more than needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whole numbers throughout: formatting floats would cost a guest kilobytes. What is too large saturates.
        let millionths = (self.0.abs() * 1e6).round();
        let sign = if self.0 < 0.0 && millionths > 0.0 { "-" } else { "" };
        let whole = (millionths / 1e6) as u64;
        write!(f, "{sign}{whole}")?;
        let mut part = (millionths - whole as f64 * 1e6) as u64;
        if part == 0 || self.0.abs() >= 1e9 {
            return Ok(());
        }
        let mut digits = 6;
        while part.is_multiple_of(10) {
            part /= 10;
            digits -= 1;
        }
        write!(f, ".{part:0digits$}")
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Number, E> {
                if number.is_finite() {
                    Ok(Number(number))
                } else {
                    Err(E::invalid_value(Unexpected::Other("an endless number"), &self))
                }
            }
        }

        deserializer.deserialize_f64(NumberVisitor)
    }
}

/// What the operator expects of a value; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected<'a> {
    /// The value itself.
    pub text: Option<&'a str>,
    /// A number below this is degraded.
    pub degraded_below: Option<Number>,
    /// A number above this is degraded.
    pub degraded_above: Option<Number>,
    /// A number below this is unhealthy.
    pub unhealthy_below: Option<Number>,
    /// A number above this is unhealthy.
    pub unhealthy_above: Option<Number>,
}

impl Expected<'_> {
    /// Whether anything is.
    pub fn is_anything(&self) -> bool {
        self.text.is_some() || self.is_number()
    }

    fn is_number(&self) -> bool {
        let limits = [self.degraded_below, self.degraded_above, self.unhealthy_below, self.unhealthy_above];
        limits.iter().any(Option::is_some)
    }

    /// What is wrong with it as settings: limits of which one hides the other.
    pub fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let hidden = |milder: Option<Number>, graver: Option<Number>, is_hidden: fn(Number, Number) -> bool| {
            milder.zip(graver).is_some_and(|(milder, graver)| is_hidden(milder, graver))
        };
        if hidden(self.degraded_above, self.unhealthy_above, |milder, graver| milder > graver) {
            let message = "more than `unhealthy_above`, which decides before it; give less";
            problems.push(SettingProblem::new("/degraded_above", message));
        }
        if hidden(self.degraded_below, self.unhealthy_below, |milder, graver| milder < graver) {
            let message = "less than `unhealthy_below`, which decides before it; give more";
            problems.push(SettingProblem::new("/degraded_below", message));
        }
        problems
    }

    /// Holds a value to it: `None` if there is none. `who` gave it, such as `the query`.
    pub fn judge(&self, value: Option<&[u8]>, who: &str, findings: &mut Findings) {
        if !self.is_anything() {
            return;
        }
        let Some(value) = value else { return findings.unhealthy(format!("{who} gave no value")) };
        if let Some(expected) = self.text.filter(|text| text.as_bytes() != value) {
            let (seen, expected) = (excerpt(value, SHOWN), excerpt(expected.as_bytes(), SHOWN));
            findings.unhealthy(format!("{who} gave {seen}, expected {expected}"));
        }
        if !self.is_number() {
            return;
        }
        let Some(number) = Number::parse(value) else {
            return findings.unhealthy(format!("{who} gave {}, expected a number", excerpt(value, SHOWN)));
        };
        let above = |limit: Option<Number>| limit.filter(|limit| number > *limit).map(|limit| ("more", limit));
        let below = |limit: Option<Number>| limit.filter(|limit| number < *limit).map(|limit| ("less", limit));
        let told = |(what, limit): (&str, Number)| format!("{who} gave {number}, {what} than {limit}");
        if let Some(over) = above(self.unhealthy_above).or(below(self.unhealthy_below)) {
            findings.unhealthy(told(over));
        } else if let Some(over) = above(self.degraded_above).or(below(self.degraded_below)) {
            findings.degraded(told(over));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_shown() {
        for (text, shown) in [
            ("12", "12"),
            ("-3", "-3"),
            (" 0.50 ", "0.5"),
            ("-0.000001", "-0.000001"),
            ("-0.0000001", "0"),
            ("1.000001", "1.000001"),
            ("0.9999999", "1"),
            ("1e+3", "1000"),
            ("12345678901.5", "12345678901"),
            ("1e300", "18446744073709551615"),
        ] {
            assert_eq!(Number::parse(text.as_bytes()).unwrap().to_string(), shown, "{text}");
        }
        for text in ["", "NaN", "Infinity", "1e999", "t", "12 kB", "0x10", "\"12\"", "\u{ff11}"] {
            assert_eq!(Number::parse(text.as_bytes()), None, "{text}");
        }
    }

    fn judged(expected: Expected<'_>, value: Option<&str>) -> Findings {
        let mut findings = Findings::default();
        expected.judge(value.map(str::as_bytes), "it", &mut findings);
        findings
    }

    fn unhealthy(text: &str) -> Findings {
        let mut findings = Findings::default();
        findings.unhealthy(text);
        findings
    }

    fn degraded(text: &str) -> Findings {
        let mut findings = Findings::default();
        findings.degraded(text);
        findings
    }

    #[test]
    fn nothing_is_expected_by_default() {
        assert_eq!(judged(Expected::default(), None), Findings::default());
        assert_eq!(judged(Expected::default(), Some("x")), Findings::default());
    }

    #[test]
    fn a_text_must_be_the_same() {
        let expected = Expected { text: Some("on"), ..Expected::default() };
        assert_eq!(judged(expected, Some("on")), Findings::default());
        assert_eq!(judged(expected, Some("off")), unhealthy(r#"it gave "off", expected "on""#));
        assert_eq!(judged(expected, None), unhealthy("it gave no value"));
    }

    #[test]
    fn a_number_must_be_within_its_limits() {
        let expected = Expected {
            degraded_above: Some(Number(5.0)),
            unhealthy_above: Some(Number(10.0)),
            degraded_below: Some(Number(1.0)),
            unhealthy_below: Some(Number(-0.5)),
            ..Expected::default()
        };
        for (value, findings) in [
            ("5", Findings::default()),
            ("1.0", Findings::default()),
            ("5.1", degraded("it gave 5.1, more than 5")),
            ("11", unhealthy("it gave 11, more than 10")),
            ("0", degraded("it gave 0, less than 1")),
            ("-1", unhealthy("it gave -1, less than -0.5")),
            ("many", unhealthy(r#"it gave "many", expected a number"#)),
        ] {
            assert_eq!(judged(expected, Some(value)), findings, "{value}");
        }
        assert_eq!(judged(expected, None), unhealthy("it gave no value"));
        assert_eq!(expected.problems(), Vec::new());
    }

    #[test]
    fn limits_that_never_decide_are_found() {
        let expected = Expected {
            degraded_above: Some(Number(11.0)),
            unhealthy_above: Some(Number(10.0)),
            degraded_below: Some(Number(1.0)),
            unhealthy_below: Some(Number(2.0)),
            ..Expected::default()
        };
        let pointers: Vec<String> = expected.problems().into_iter().map(|problem| problem.pointer).collect();
        assert_eq!(pointers, ["/degraded_above", "/degraded_below"]);
    }
}
