//! Amounts of memory: `64MiB`, `512KiB`, `64MB`, or a number of bytes.

use std::ops::RangeInclusive;

use serde_json::{Value, json};
use toml::de::DeValue;

use super::{
    kind::{Flaw, Scalar},
    number,
};

/// The units and their bytes: those of the IEC, in which memory is sold, and those of the SI, in which disks are.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes within a range.
pub(super) struct Size(pub(super) RangeInclusive<u64>);

impl Scalar for Size {
    type Value = u64;

    fn parse(&self, value: &DeValue<'_>) -> Result<u64, Flaw> {
        let bytes = match value {
            DeValue::String(text) => parse(text),
            value => number::whole(value),
        };
        let bytes = bytes.ok_or_else(|| {
            Flaw::Because(r#"not a size; write it as "64MiB" or "512KiB", or as a number of bytes"#.into())
        })?;
        if !self.0.contains(&bytes) {
            return Err(Flaw::Not(format!("from {}", self.range())));
        }
        Ok(bytes)
    }

    fn schema(&self) -> Value {
        let units: Vec<&str> = UNITS.iter().map(|(unit, _)| *unit).collect();
        let pattern = format!("^[0-9]+({})$", units.join("|"));
        let bytes = json!({ "type": "integer", "minimum": self.0.start(), "maximum": self.0.end() });
        json!({
            "anyOf": [{ "type": "string", "pattern": pattern }, bytes],
            "description": format!("From {}.", self.range()),
        })
    }
}

impl Size {
    /// For people: its ends.
    fn range(&self) -> String {
        format!("{} to {}", text(*self.0.start()), text(*self.0.end()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, worth) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*worth)
}

/// In the largest unit that leaves no remainder.
fn text(bytes: u64) -> String {
    let fitting = UNITS.iter().filter(|(_, worth)| bytes >= *worth && bytes.is_multiple_of(*worth));
    let (unit, worth) = fitting.max_by_key(|(_, worth)| worth).unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / worth)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (written, bytes) in [
            ("64MiB", 64 << 20),
            ("512KiB", 512 << 10),
            ("4GiB", 4 << 30),
            ("64MB", 64_000_000),
            ("3GB", 3_000_000_000),
            ("1kB", 1_000),
            ("7B", 7),
            ("0B", 0),
        ] {
            assert_eq!(parse(written), Some(bytes), "{written}");
            assert_eq!(text(bytes), written);
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in [
            "",
            "64",
            "MiB",
            "-1B",
            "1.5GiB",
            "64 MiB",
            "64mib",
            "64M",
            "64KB",
            "99999999999999999999B",
            "18446744073709551615GiB",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_size_comes_back(bytes: u64) {
            prop_assert_eq!(parse(&text(bytes)), Some(bytes));
        }
    }
}
