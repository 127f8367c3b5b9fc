//! Regular expressions as settings.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

/// Bytes of an expression: what is longer, nobody understands.
const MOST: usize = 256;
/// Bytes that an expression may come to once it is compiled, since `(a{99}){99}` is short.
const COMPILED: usize = 16 * 1024;
/// Groups within each other; each takes room on a guest's stack of 64 KiB.
const NESTED: u32 = 16;

/// Units of fuel that a search takes for each byte of a text, whatever is searched for (measured).
const WORK: u64 = 600;
/// Units more for each byte of the compiled expression, if all of it fits at once (measured).
const MORE_WORK: u64 = 12;

/// A regular expression: that of the crate `regex-lite`, which is Rust's usual syntax with classes of ASCII.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    work: u64,
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST {
            return Err(format!("a regular expression of more than {MOST} bytes; give a shorter one"));
        }
        let regex = compile(text, COMPILED).map_err(|error| format!("not a regular expression: {error}"))?;
        // How large it is, the crate does not say; only whether it is larger than is allowed.
        let mut size = 128;
        while size < COMPILED && compile(text, size).is_err() {
            size += size / 4;
        }
        Ok(Self { regex, work: WORK + MORE_WORK * size as u64 })
    }

    /// Whether it is found anywhere in a text.
    pub fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Units of fuel that a search takes at most for each byte of a text.
    pub fn work(&self) -> u64 {
        self.work
    }
}

fn compile(text: &str, most: usize) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(text).size_limit(most).nest_limit(NESTED).build()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.regex.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PatternVisitor;

        impl Visitor<'_> for PatternVisitor {
            type Value = Pattern;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a regular expression such as \"^2\\\\.\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Pattern, E> {
                Pattern::parse(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(PatternVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Pattern::parse(text).map(drop).unwrap_err()
    }

    #[test]
    fn a_pattern_is_found_anywhere() {
        let pattern = Pattern::parse(r"(?i)fatal\s+error$").unwrap();
        assert!(pattern.is_in("well: FATAL  error"));
        assert!(!pattern.is_in("fatal error no more"));
        assert!(Pattern::parse("^.$").unwrap().is_in("ä"));
        assert_eq!(pattern.to_string(), r"(?i)fatal\s+error$");
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_a_reason() {
        assert!(refusal("(a").starts_with("not a regular expression: "), "{}", refusal("(a"));
        assert!(refusal(r"\pL").starts_with("not a regular expression: "), "{}", refusal(r"\pL"));
        assert!(refusal(&"a".repeat(257)).starts_with("a regular expression of more than 256 bytes"));
        assert!(Pattern::parse(&"a".repeat(256)).is_ok());
    }

    #[test]
    fn what_would_grow_or_sink_too_deep_is_refused() {
        assert!(refusal("(a{99}){99}").starts_with("not a regular expression: "));
        assert!(Pattern::parse("[a-z]{50}").is_ok());
        let work = |text: &str| Pattern::parse(text).unwrap().work();
        assert!(work("a") < work("[a-z]{50}") && work("[a-z]{50}") < work("[a-z]{100}"));
        assert!(refusal(&("(".repeat(17) + &")".repeat(17))).starts_with("not a regular expression: "));
    }
}
