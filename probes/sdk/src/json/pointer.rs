//! JSON pointers, as settings.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected, Visitor},
};

/// Steps of a pointer. Nobody nests deeper for people to read, and each takes room on a guest's stack.
const MOST_STEPS: usize = 32;

/// Where in a document something is (RFC 6901): `/raft/peers/0`, or nothing for the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    written: String,
    steps: Vec<String>,
}

impl Pointer {
    /// Reads one; `None` if it is none, or has more than 32 steps.
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = text.split('/');
        // Before the first slash there is nothing.
        steps.next().filter(|before| before.is_empty())?;
        let steps = steps.map(unescape).collect::<Option<Vec<_>>>()?;
        (steps.len() <= MOST_STEPS).then(|| Self { written: text.to_owned(), steps })
    }

    /// The names of members and the places of elements on the way.
    pub(super) fn steps(&self) -> &[String] {
        &self.steps
    }
}

fn unescape(step: &str) -> Option<String> {
    let is_escape = |rest: &str| rest.starts_with(['0', '1']);
    let fine = step.split('~').skip(1).all(is_escape);
    fine.then(|| step.replace("~1", "/").replace("~0", "~"))
}

impl fmt::Display for Pointer {
    /// As it was written; `the whole document` for the empty one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.written.is_empty() { "the whole document" } else { &self.written })
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PointerVisitor;

        impl Visitor<'_> for PointerVisitor {
            type Value = Pointer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON pointer such as \"/raft/peers\" (RFC 6901), of 32 steps at most")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Pointer, E> {
                Pointer::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(PointerVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["a", "a/b", "/~", "/~2", "/a~", &"/".repeat(33)] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
        assert!(Pointer::parse(&"/".repeat(32)).is_some());
        assert_eq!(Pointer::parse("/a~1b").unwrap().to_string(), "/a~1b");
    }
}
