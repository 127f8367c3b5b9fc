//! Reading the settings of a check, and the types that settings are made of.

mod endpoint;
mod host;
mod size;

use std::{fmt, time::Duration};

pub use self::{endpoint::Endpoint, host::Host, size::Size};
use crate::{SettingProblem, cut};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Unexpected, Visitor},
};

/// Reads settings from JSON; the problem points to what is wrong.
///
/// It points exactly as long as every type refuses within its `Visitor`, as [`Span`] and [`Port`] do: what is refused after
/// its value was read counts as wrong with the settings as a whole.
///
/// # Errors
///
/// The first thing that `T` does not accept.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, SettingProblem> {
    serde_json::from_str(json).map_err(|error| {
        let message = error.to_string();
        // The operator did not write this JSON: a line and a column in it would lead nowhere.
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&place).unwrap_or(&message);
        SettingProblem::new(pointer_at(json, error.line(), error.column()), message)
    })
}

/// What the settings of a check are read into: whatever serde can read, and [`Shared`](crate::generic::Shared) settings.
pub trait FromJson: Sized {
    /// Reads settings that have the right form, and in which `validate` finds nothing wrong.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    fn from_json(json: &str, validate: fn(&Self) -> Vec<SettingProblem>) -> Result<Self, Vec<SettingProblem>>;
}

impl<T: DeserializeOwned> FromJson for T {
    fn from_json(json: &str, validate: fn(&Self) -> Vec<SettingProblem>) -> Result<Self, Vec<SettingProblem>> {
        accept(json, validate)
    }
}

/// The settings, if they have the right form and `validate` finds nothing wrong with them.
pub(crate) fn accept<S: DeserializeOwned>(
    json: &str,
    validate: fn(&S) -> Vec<SettingProblem>,
) -> Result<S, Vec<SettingProblem>> {
    cut::spare(json);
    let settings = parse::<S>(json).map_err(|problem| vec![problem])?;
    let problems = validate(&settings);
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

/// Where settings are wrong, as JSON pointers: for the tests of a probe.
#[cfg(not(target_family = "wasm"))]
pub fn pointers<S: DeserializeOwned>(json: &str, validate: fn(&S) -> Vec<SettingProblem>) -> Vec<String> {
    accept(json, validate).err().unwrap_or_default().into_iter().map(|problem| problem.pointer).collect()
}

/// Where in a JSON document something is.
enum Step {
    /// In an object, at a key; at none between its members.
    Member(Option<String>),
    /// In an array, at an index.
    Element(usize),
}

/// The JSON pointer (RFC 6901) to the value or the key that a reader was at, or had just read, when it stopped at a line (from
/// 1) after a number of that line's bytes. Up to there the document is well-formed.
///
/// A deserializer that keeps track of its path would know it as well, but is compiled for each type anew: that made probes up
/// to 8 KB larger.
fn pointer_at(json: &str, line: usize, column: usize) -> String {
    let before: usize = json.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let read = json.get(..before + column).unwrap_or(json);

    let mut path = Vec::new();
    let mut rest = read.char_indices();
    while let Some((at, character)) = rest.next() {
        match (character, path.last_mut()) {
            ('{', _) => path.push(Step::Member(None)),
            ('[', _) => path.push(Step::Element(0)),
            ('}' | ']', _) => drop(path.pop()),
            (',', Some(Step::Member(key))) => *key = None,
            (',', Some(Step::Element(index))) => *index += 1,
            ('"', step) => {
                while let Some((_, character)) = rest.next() {
                    match character {
                        '\\' => drop(rest.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                if let Some(Step::Member(key @ None)) = step {
                    *key = serde_json::from_str(&read[at..rest.offset()]).ok();
                }
            }
            _ => {}
        }
    }

    let mut pointer = String::new();
    for step in path {
        match step {
            Step::Member(Some(key)) => pointer.extend(["/", &escape(&key)]),
            Step::Member(None) => {}
            Step::Element(index) => pointer.extend(["/", &index.to_string()]),
        }
    }
    pointer
}

/// A key as a part of a JSON pointer.
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A span of time as a setting: `500ms`, `5s`, `1m30s`. Whole numbers of `ms`, `s`, `m` and `h`, in any number.
///
/// It is shown as a person would say it: `4.8 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// Reads what an operator writes; `None` if it is no span.
    pub fn parse(text: &str) -> Option<Self> {
        let mut total = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let (number, after) = rest.split_at(rest.find(|character: char| !character.is_ascii_digit())?);
            let unit_end = after.find(|character: char| character.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_end);
            let number: u64 = number.parse().ok()?;
            let part = match unit {
                "ms" => Duration::from_millis(number),
                "s" => Duration::from_secs(number),
                "m" => Duration::from_secs(number.checked_mul(60)?),
                "h" => Duration::from_secs(number.checked_mul(3600)?),
                _ => return None,
            };
            total = total.checked_add(part)?;
            rest = after;
        }
        (!text.is_empty()).then_some(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Small whole numbers throughout: formatting floats or 128 bits would cost a guest kilobytes.
        match (self.0.as_secs(), self.0.subsec_micros()) {
            (0, micros @ 0..10_000) => write!(f, "{}.{} ms", micros / 1_000, micros / 100 % 10),
            (0, micros) => write!(f, "{} ms", micros / 1_000),
            (seconds, micros) => write!(f, "{seconds}.{} s", micros / 100_000),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpanVisitor;

        impl Visitor<'_> for SpanVisitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span of time such as \"500ms\", \"5s\" or \"1m30s\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                Span::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(SpanVisitor)
    }
}

/// A port as a setting: a whole number from 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u16);

impl Port {
    /// Reads a port from text; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|port| *port > 0).map(Self)
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PortVisitor;

        impl Visitor<'_> for PortVisitor {
            type Value = Port;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port, from 1 to 65535")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Port, E> {
                match u16::try_from(number) {
                    Ok(port @ 1..) => Ok(Port(port)),
                    _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
                }
            }
        }

        deserializer.deserialize_u64(PortVisitor)
    }
}

/// A share as a setting: a number above 0, and up to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As a whole number, as in a span; to the nearest, since 0.29 * 100.0 is less than 29.
        write!(f, "{}%", (self.0 * 100.0 + 0.5) as u64)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShareVisitor;

        impl Visitor<'_> for ShareVisitor {
            type Value = Share;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share above 0 and up to 1, such as 0.8")
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Share, E> {
                if number > 0.0 && number <= 1.0 {
                    return Ok(Share(number));
                }
                Err(E::invalid_value(Unexpected::Other("a number beyond that"), &self))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Share, E> {
                self.visit_f64(number as f64)
            }
        }

        deserializer.deserialize_f64(ShareVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        port: Port,
        #[serde(default)]
        limits: Vec<Span>,
        #[serde(default)]
        inner: BTreeMap<String, Sample>,
    }

    #[test]
    fn settings_are_read() {
        let sample: Sample = parse(r#"{ "port": 80, "limits": ["1m30s"] }"#).unwrap();
        assert_eq!(
            sample,
            Sample { port: Port(80), limits: vec![Span(Duration::from_secs(90))], inner: BTreeMap::new() }
        );
    }

    #[test]
    fn a_problem_says_what_is_right() {
        let message = |json| parse::<Sample>(json).unwrap_err().message;
        assert_eq!(
            message(r#"{ "port": 80, "limits": ["soon"] }"#),
            r#"invalid value: string "soon", expected a span of time such as "500ms", "5s" or "1m30s""#
        );
        assert_eq!(message(r#"{ "port": 65536 }"#), "invalid value: integer `65536`, expected a port, from 1 to 65535");
        assert_eq!(message("{}"), "missing field `port`");
        assert_eq!(message(r#"{ "prot": 80 }"#), "unknown field `prot`, expected one of `port`, `limits`, `inner`");
    }

    #[test]
    fn a_problem_points_to_its_place() {
        for (json, pointer) in [
            ("{}", ""),
            ("[]", ""),
            ("7", ""),
            ("", ""),
            (r#"{ "port": 0 }"#, "/port"),
            (r#"{"port":65536,"limits":[]}"#, "/port"),
            (r#"{ "port": "80" }"#, "/port"),
            (r#"{ "port": -1 }"#, "/port"),
            (r#"{ "port": null }"#, "/port"),
            (r#"{ "port": [80] }"#, "/port"),
            (r#"{ "port": {} }"#, "/port"),
            (r#"{ "prot": 80 }"#, "/prot"),
            (r#"{ "port": 80, "a\"b": 1 }"#, "/a\"b"),
            (r#"{ "port": 80, "limits": "5s" }"#, "/limits"),
            (r#"{ "port": 80, "limits": ["soon"] }"#, "/limits/0"),
            (r#"{ "port": 80, "limits": ["5s", "1s", "a]\\"] }"#, "/limits/2"),
            (r#"{ "port": 80, "limits": ["5s", 7, "1s"] }"#, "/limits/1"),
            (r#"{ "port": 80, "inner": { "a/b~c": { "port": 1 }, "d": { "port": 0 } } }"#, "/inner/d/port"),
            (r#"{ "port": 80, "inner": { "a/b~c": { "port": 0 } } }"#, "/inner/a~1b~0c/port"),
            (r#"{ "port": 80, "inner": { "a": { } } }"#, "/inner/a"),
            (r#"{ "port": 80, "inner": { "a": { "prot": 1 } } }"#, "/inner/a/prot"),
            ("{\n \"port\": 80,\n \"limits\": [\n \"5s\",\n \"ä\" ]\n}", "/limits/1"),
        ] {
            assert_eq!(parse::<Sample>(json).unwrap_err().pointer, pointer, "{json}");
        }
    }

    #[test]
    fn shares_are_read_and_shown() {
        for (json, shown) in
            [("0.8", "80%"), ("1", "100%"), ("1.0", "100%"), ("0.004", "0%"), ("0.29", "29%"), ("0.999", "100%")]
        {
            assert_eq!(parse::<Share>(json).unwrap().to_string(), shown);
        }
        for json in ["0", "0.0", "-0.5", "-1", "1.01", "2", "\"0.8\"", "null"] {
            let message = parse::<Share>(json).unwrap_err().message;
            assert!(message.ends_with("expected a share above 0 and up to 1, such as 0.8"), "{json}: {message}");
        }
    }

    #[test]
    fn spans_are_read() {
        for (text, millis) in [("500ms", 500), ("5s", 5_000), ("1m30s", 90_000), ("2h", 7_200_000), ("0s", 0)] {
            assert_eq!(Span::parse(text), Some(Span(Duration::from_millis(millis))), "{text}");
        }
        for text in ["", "5", "s", "1.5s", "-1s", "5 s", "5d", "1s2", "99999999999999999999s", "18446744073709551615h"]
        {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }

    #[test]
    fn spans_are_shown_as_said() {
        for (micros, text) in [
            (0, "0.0 ms"),
            (340, "0.3 ms"),
            (9_999, "9.9 ms"),
            (12_345, "12 ms"),
            (4_800_000, "4.8 s"),
            (90_000_000, "90.0 s"),
        ] {
            assert_eq!(Span(Duration::from_micros(micros)).to_string(), text);
        }
    }
}
