//! Numbers and flags.

use std::{fmt::Display, ops::RangeInclusive};

use serde::Serialize;
use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::{Flaw, Scalar};

/// `true` or `false`.
pub(super) struct Flag;

impl Scalar for Flag {
    type Value = bool;

    fn parse(&self, value: &DeValue<'_>) -> Result<bool, Flaw> {
        value.as_bool().ok_or_else(|| Flaw::Not("true or false, without quotes".into()))
    }

    fn schema(&self) -> Value {
        json!({ "type": "boolean" })
    }
}

/// A whole number within a range.
pub(super) struct Count<T>(pub(super) RangeInclusive<T>);

impl<T: Copy + PartialOrd + TryFrom<u64> + Display + Serialize> Scalar for Count<T> {
    type Value = T;

    fn parse(&self, value: &DeValue<'_>) -> Result<T, Flaw> {
        whole(value).and_then(|number| T::try_from(number).ok()).filter(|number| self.0.contains(number)).ok_or_else(
            || {
                let (least, most) = (self.0.start(), self.0.end());
                Flaw::Not(format!("a whole number from {least} to {most}"))
            },
        )
    }

    fn schema(&self) -> Value {
        json!({ "type": "integer", "minimum": self.0.start(), "maximum": self.0.end() })
    }
}

/// A number within a range.
pub(super) struct Number(pub(super) RangeInclusive<f64>);

impl Scalar for Number {
    type Value = f64;

    fn parse(&self, value: &DeValue<'_>) -> Result<f64, Flaw> {
        let number = match value {
            DeValue::Float(number) => number.as_str().parse().ok(),
            // Nobody writes `2.0` for the love of types.
            DeValue::Integer(number) => number.as_str().parse().ok().filter(|_| number.radix() == 10),
            _ => None,
        };
        number.filter(|number| self.0.contains(number)).ok_or_else(|| {
            let (least, most) = (self.0.start(), self.0.end());
            Flaw::Not(format!("a number from {least} to {most}"))
        })
    }

    fn schema(&self) -> Value {
        json!({ "type": "number", "minimum": self.0.start(), "maximum": self.0.end() })
    }
}

/// A whole number that is not negative.
pub(super) fn whole(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}
