//! Amounts of memory and of disk space.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Unexpected, Visitor},
};

/// The units and their bytes: those of the IEC, in which memory is sold, and those of the SI, in which disks are. The runner's
/// own configuration has the same, and these larger ones beside them.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A size as a setting: `"10GiB"`, `"500MB"`, or a number of bytes.
///
/// It is shown as a person would say it: `9.5 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// Reads what an operator writes; `None` if it is no size.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, worth) = UNITS.iter().find(|(name, _)| *name == unit)?;
        number.parse::<u64>().ok()?.checked_mul(*worth).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = UNITS.iter().find(|(name, worth)| name.ends_with("iB") && self.0 >= *worth);
        match fitting {
            // Whole numbers throughout: formatting floats would cost a guest kilobytes.
            Some((unit, worth)) => write!(f, "{}.{} {unit}", self.0 / worth, self.0 % worth * 10 / worth),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;

        impl Visitor<'_> for SizeVisitor {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as \"10GiB\" or \"500MB\", or a number of bytes")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Size, E> {
                Size::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }
        }

        deserializer.deserialize_any(SizeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse;

    #[test]
    fn sizes_are_read() {
        for (json, bytes) in [
            (r#""10GiB""#, 10 << 30),
            (r#""500MB""#, 500_000_000),
            (r#""2TiB""#, 2 << 40),
            (r#""1kB""#, 1_000),
            (r#""0B""#, 0),
            ("4096", 4096),
        ] {
            assert_eq!(parse::<Size>(json), Ok(Size(bytes)), "{json}");
        }
        for json in [r#""10""#, r#""GiB""#, r#""1.5GiB""#, r#""10 GiB""#, r#""10gib""#, r#""99999999TiB""#, "-1", "1.5"]
        {
            let message = parse::<Size>(json).unwrap_err().message;
            assert!(message.contains("expected a size such as"), "{json}: {message}");
        }
    }

    #[test]
    fn sizes_are_shown_as_said() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            ((10 << 30) - 1, "9.9 GiB"),
            (10 << 30, "10.0 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), shown);
        }
    }
}
