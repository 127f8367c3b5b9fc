//! Status codes that will do.

use std::{fmt, ops::RangeInclusive};

use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected, Visitor},
};

/// One code (`200`), a class of them (`"2xx"`), or a range (`"200-299"`).
#[derive(PartialEq)]
pub(crate) struct Statuses(RangeInclusive<u16>);

/// Three digits (RFC 9110, section 15).
const CODES: RangeInclusive<u16> = 100..=999;

impl Statuses {
    /// Those of success (RFC 9110, section 15.3).
    pub(crate) const SUCCESS: Self = Self(200..=299);

    pub(crate) fn contain(&self, status: u16) -> bool {
        self.0.contains(&status)
    }

    fn parse(text: &str) -> Option<Self> {
        let code = |text: &str| text.parse().ok().filter(|code| CODES.contains(code));
        if let Some(class) = text.strip_suffix("xx") {
            let first = class.parse::<u16>().ok().filter(|class| (1..=9).contains(class))? * 100;
            return Some(Self(first..=first + 99));
        }
        let (first, last) = text.split_once('-')?;
        let range = code(first)?..=code(last)?;
        (!range.is_empty()).then_some(Self(range))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StatusesVisitor;

        impl Visitor<'_> for StatusesVisitor {
            type Value = Statuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status code such as 200, a class such as \"2xx\", or a range such as \"200-204\"")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Statuses, E> {
                match u16::try_from(number) {
                    Ok(code) if CODES.contains(&code) => Ok(Statuses(code..=code)),
                    _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Statuses, E> {
                Statuses::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(StatusesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    #[test]
    fn codes_classes_and_ranges_are_read_and_shown() {
        let statuses: Vec<Statuses> = parse(r#"[200, "4xx", "301-308", "999-999"]"#).unwrap();
        let shown: Vec<String> = statuses.iter().map(Statuses::to_string).collect();
        assert_eq!(shown, ["200", "400-499", "301-308", "999"]);
        assert!(statuses[1].contain(404) && !statuses[1].contain(500));
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for json in
            ["99", "1000", r#""200""#, r#""0xx""#, r#""10xx""#, r#""2x""#, r#""-""#, r#""299-200""#, r#""99-200""#]
        {
            let message = parse::<Statuses>(json).map(drop).unwrap_err().message;
            assert!(message.contains("expected a status code such as 200, a class such as"), "{json}: {message}");
        }
    }
}
