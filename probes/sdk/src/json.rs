//! JSON of a target's, read no further than it is asked about: what a pointer leads to is found in one pass, and nothing else is
//! kept in memory, however large the document is and however it is nested.

mod parts;
mod pointer;

use std::{borrow::Cow, mem};

use serde::de::IgnoredAny;

use self::parts::{Parts, count};
pub use self::pointer::Pointer;
use crate::{expected::Number, text::excerpt};

/// Bytes of a document. Reading each takes up to 220 units of fuel (measured), of which a run usually has a billion.
const MOST: usize = 2 * 1024 * 1024;

/// Characters of a name that an error shows.
const SHOWN: usize = 80;

/// A value that was found. What lists and objects hold stays as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `true` or `false`.
    Boolean(bool),
    /// A number, as it was written.
    Number(Cow<'a, str>),
    /// A text. One that does not come from JSON may be no UTF-8.
    Text(Cow<'a, [u8]>),
    /// A list, as it was written.
    List(&'a str),
    /// An object, as it was written.
    Object(&'a str),
}

impl<'a> Value<'a> {
    /// The value that this is the JSON of; `None` if it is `null`, which is as good as none.
    fn of(json: &'a str) -> Option<Self> {
        match json.as_bytes().first()? {
            b'"' => Some(Self::Text(match decoded(json) {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            })),
            b'[' => Some(Self::List(json)),
            b'{' => Some(Self::Object(json)),
            b't' => Some(Self::Boolean(true)),
            b'f' => Some(Self::Boolean(false)),
            b'n' => None,
            _ => Some(Self::Number(Cow::Borrowed(json))),
        }
    }

    /// The number that it is, or that it spells. A list or an object counts as how many it has.
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Boolean(_) => None,
            Self::Number(text) => Number::parse(text.as_bytes()),
            Self::Text(text) => Number::parse(text),
            Self::List(json) | Self::Object(json) => Some(Number(count(json) as f64)),
        }
    }

    /// It as text. A list or an object counts as how many it has.
    pub fn text(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Boolean(boolean) => Cow::Borrowed(if *boolean { b"true" } else { b"false" }),
            Self::Number(text) => Cow::Borrowed(text.as_bytes()),
            Self::Text(text) => Cow::Borrowed(text),
            Self::List(json) | Self::Object(json) => Cow::Owned(count(json).to_string().into_bytes()),
        }
    }

    /// Bytes that looking into it has to pass over.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Boolean(_) => 0,
            Self::Number(text) => text.len(),
            Self::Text(text) => text.len(),
            Self::List(json) | Self::Object(json) => json.len(),
        }
    }

    /// The elements of a list, or the names of the members of an object; nothing of anything else.
    pub(crate) fn within(&self) -> impl Iterator<Item = Value<'a>> {
        let json = match self {
            Self::List(json) | Self::Object(json) => json,
            _ => "",
        };
        Parts::of(json).filter_map(|(name, value)| Value::of(name.unwrap_or(value)))
    }
}

/// What each pointer leads to in a document; `None` where that is nothing, or `null`.
///
/// # Errors
///
/// Why the document is not JSON, or that it has more than 2 MiB.
pub fn find<'a>(document: &'a str, pointers: &[&Pointer]) -> Result<Vec<Option<Value<'a>>>, String> {
    if document.len() > MOST {
        return Err(format!("it has more than {MOST} bytes"));
    }
    // That all of it is well-formed is found out once. After that, passing over a value is a tenth of the work of reading it.
    serde_json::from_str::<IgnoredAny>(document).map_err(|error| error.to_string())?;
    let mut found = vec![None; pointers.len()];
    let wanted: Vec<_> = pointers.iter().map(|pointer| pointer.steps()).enumerate().collect();
    search(document.trim_ascii(), &wanted, &mut found)?;
    Ok(found)
}

/// The number of a pointer, and the steps of it that are still to be taken.
type Wanted<'p> = (usize, &'p [String]);

/// Finds what is wanted within a value.
fn search<'a>(json: &'a str, wanted: &[Wanted<'_>], found: &mut [Option<Value<'a>>]) -> Result<(), String> {
    let mut within: Vec<(&String, Vec<Wanted<'_>>)> = Vec::new();
    for (number, steps) in wanted {
        match steps.split_first() {
            None => found[*number] = Value::of(json),
            Some((first, rest)) => match within.iter_mut().find(|(step, _)| *step == first) {
                Some((_, wanted)) => wanted.push((*number, rest)),
                None => within.push((first, vec![(*number, rest)])),
            },
        }
    }
    if !json.starts_with('{') {
        let mut within: Vec<_> = within.into_iter().filter_map(|(step, wanted)| Some((index(step)?, wanted))).collect();
        let mut elements = Parts::of(json).enumerate();
        // Of a long list no more is passed over than has to be.
        while !within.is_empty()
            && let Some((at, (_, value))) = elements.next()
        {
            if let Some(place) = within.iter().position(|(index, _)| *index == at) {
                search(value, &within.swap_remove(place).1, found)?;
            }
        }
        return Ok(());
    }
    if within.is_empty() {
        return Ok(());
    }
    for (name, value) in Parts::of(json) {
        let name = name.map(decoded).unwrap_or_default();
        if let Some((step, wanted)) = within.iter_mut().find(|(step, _)| **step == name) {
            // Programs do not agree on which of two values counts (RFC 8259, section 4).
            if wanted.is_empty() {
                return Err(format!("it has two values of the name {}", excerpt(step.as_bytes(), SHOWN)));
            }
            search(value, &mem::take(wanted), found)?;
        }
    }
    Ok(())
}

/// The text that stands in quotes, perhaps with escapes.
fn decoded(json: &str) -> Cow<'_, str> {
    match json.get(1..json.len().saturating_sub(1)) {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        // What can't be decoded, such as half of a surrogate pair, stays as it was written.
        _ => serde_json::from_str(json).map_or(Cow::Borrowed(json), Cow::Owned),
    }
}

/// The place of an element, as a step has it.
fn index(step: &str) -> Option<usize> {
    let is_plain = step == "0" || step.starts_with(|first: char| ('1'..='9').contains(&first));
    step.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{
        "raft": {"peers": ["a", {"b": 2}], "leader": "n\u0031", "term": 7.5, "ok": true, "lag": null},
        "a/b": {"~": 1e2}, "": 3, "01": 4
    }"#;

    fn found<'a>(document: &'a str, pointers: &[&str]) -> Result<Vec<Option<Value<'a>>>, String> {
        let pointers: Vec<_> = pointers.iter().map(|text| Pointer::parse(text).unwrap()).collect();
        find(document, &pointers.iter().collect::<Vec<_>>())
    }

    fn at(pointer: &str) -> Option<Value<'static>> {
        found(DOCUMENT, &[pointer]).unwrap().remove(0)
    }

    #[test]
    fn pointers_lead_to_values() {
        assert_eq!(at("/raft/leader"), Some(Value::Text(b"n1".into())));
        assert_eq!(at("/raft/term"), Some(Value::Number("7.5".into())));
        assert_eq!(at("/raft/ok"), Some(Value::Boolean(true)));
        assert_eq!(at("/raft/peers"), Some(Value::List(r#"["a", {"b": 2}]"#)));
        assert_eq!(at("/raft/peers/1"), Some(Value::Object(r#"{"b": 2}"#)));
        assert_eq!(at("/raft/peers/1/b"), Some(Value::Number("2".into())));
        assert_eq!(at("/a~1b/~0"), Some(Value::Number("1e2".into())));
        assert_eq!((at("/"), at("/01")), (Some(Value::Number("3".into())), Some(Value::Number("4".into()))));
        assert_eq!(at(""), Some(Value::Object(DOCUMENT)));
        for nothing in ["/raft/lag", "/none", "/raft/peers/2", "/raft/peers/01", "/raft/peers/-", "/raft/ok/x", "//a"] {
            assert_eq!(at(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn several_are_found_at_once() {
        let all = found(DOCUMENT, &["/raft", "/raft/peers/0", "/raft/ok", "/raft/peers/0", "", "/none"]).unwrap();
        let texts: Vec<_> = all.iter().map(|value| value.as_ref().map(Value::text)).collect();
        let texts: Vec<_> = texts.iter().map(|text| text.as_deref()).collect();
        let expected = ["5", "a", "true", "a", "4"].map(|text| Some(text.as_bytes()));
        assert_eq!(texts, [expected.as_slice(), &[None]].concat());
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for document in ["", "<html>", "{", "[1,]", "{} x", r#"{"a": 1}}"#, "\u{feff}{}", "{\"a\": \"\n\"}"] {
            assert!(found(document, &["/a"]).is_err(), "{document}");
            assert!(found(document, &[""]).is_err(), "{document}");
        }
        let twice = found(r#"{"a": 1, "b": 0, "b": 0, "a": 2}"#, &["/a"]).unwrap_err();
        assert_eq!(twice, r#"it has two values of the name "a""#);
    }

    #[test]
    fn what_is_not_asked_for_may_be_nested_without_end() {
        let deep = format!(r#"{{"deep": {}{}, "a": 1}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(found(&deep, &["/a"]).unwrap(), [Some(Value::Number("1".into()))]);
        assert_eq!(found(&deep, &["/deep"]).unwrap()[0].as_ref().unwrap().text(), "1".as_bytes());
    }

    #[test]
    fn a_document_has_a_bound() {
        let long = format!("{}7", " ".repeat(MOST));
        assert_eq!(found(&long, &[""]).unwrap_err(), "it has more than 2097152 bytes");
        assert_eq!(found(&long[1..], &[""]).unwrap(), [Some(Value::Number("7".into()))]);
    }

    #[test]
    fn values_are_numbers_and_texts() {
        for (json, number, text) in [
            ("true", None, "true"),
            ("-0.5", Some(-0.5), "-0.5"),
            (r#"" 12 ""#, Some(12.0), " 12 "),
            (r#""many""#, None, "many"),
            ("[1, [2, 3]]", Some(2.0), "2"),
            ("{}", Some(0.0), "0"),
            ("[ ]", Some(0.0), "0"),
            ("[[]]", Some(1.0), "1"),
            (r#"{"a,\\\",]": [1, 2], "b" : "}"}"#, Some(2.0), "2"),
            ("1e999", None, "1e999"),
        ] {
            let value = Value::of(json).unwrap();
            assert_eq!((value.number().map(|number| number.0), &*value.text()), (number, text.as_bytes()), "{json}");
        }
    }
}
