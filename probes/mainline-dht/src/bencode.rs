//! Bencoding (BEP 3), as much of it as the DHT needs.
//!
//! Reading is bounded by what is read: nothing is taken in before it is there, and nesting has an end. It is lenient where others
//! are: keys need not be sorted, and what follows the first value is nobody's business.

/// Levels of lists and dictionaries within each other. A message of the DHT has three; a value that it carries may have some too.
const DEEPEST: usize = 12;

/// A value, in the bytes that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Dictionary(Vec<Entry<'a>>),
}

/// A value in a dictionary.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry<'a> {
    key: &'a [u8],
    value: Value<'a>,
    /// The same, as it was written.
    raw: &'a [u8],
}

impl<'a> Value<'a> {
    /// Reads the value that `bytes` begin with; `None` if they begin with none.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        reader.value(DEEPEST)
    }

    /// What a dictionary has at a key; `None` if there is nothing, or this is no dictionary.
    pub(crate) fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The same, as it was written.
    pub(crate) fn raw(&self, key: &str) -> Option<&'a [u8]> {
        self.entry(key).map(|entry| entry.raw)
    }

    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The elements of a list; none if this is none.
    pub(crate) fn elements(&self) -> &[Value<'a>] {
        match self {
            Self::List(elements) => elements,
            _ => &[],
        }
    }

    fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        match self {
            Self::Dictionary(entries) => entries.iter().find(|entry| entry.key == key.as_bytes()),
            _ => None,
        }
    }
}

/// What is not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn value(&mut self, deepest: usize) -> Option<Value<'a>> {
        match self.0.first()? {
            b'i' => {
                self.0 = &self.0[1..];
                self.number(b'e').map(Value::Integer)
            }
            b'l' => {
                let mut elements = Vec::new();
                self.nested(deepest, |reader, deepest| {
                    elements.push(reader.value(deepest)?);
                    Some(())
                })?;
                Some(Value::List(elements))
            }
            b'd' => {
                let mut entries = Vec::new();
                self.nested(deepest, |reader, deepest| {
                    let key = reader.string()?;
                    let begun = reader.0;
                    let value = reader.value(deepest)?;
                    entries.push(Entry { key, value, raw: &begun[..begun.len() - reader.0.len()] });
                    Some(())
                })?;
                Some(Value::Dictionary(entries))
            }
            _ => self.string().map(Value::Bytes),
        }
    }

    /// Reads by `item` until the end of a list or a dictionary.
    fn nested(&mut self, deepest: usize, mut item: impl FnMut(&mut Self, usize) -> Option<()>) -> Option<()> {
        let deepest = deepest.checked_sub(1)?;
        self.0 = &self.0[1..];
        while *self.0.first()? != b'e' {
            item(self, deepest)?;
        }
        self.0 = &self.0[1..];
        Some(())
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number(b':')?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }

    /// The number that ends before `end`.
    fn number(&mut self, end: u8) -> Option<i64> {
        /// Characters of the longest: -9223372036854775808.
        const LONGEST: usize = 20;
        let at = self.0.iter().take(LONGEST + 1).position(|byte| *byte == end)?;
        let number = str::from_utf8(&self.0[..at]).ok()?.parse().ok()?;
        self.0 = &self.0[at + 1..];
        Some(number)
    }
}

/// A string, as it is written.
pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    let mut written = format!("{}:", bytes.len()).into_bytes();
    written.extend(bytes);
    written
}

/// Writes a dictionary. Keys must be added in the order of their bytes.
pub(crate) struct Dictionary(Vec<u8>);

impl Dictionary {
    pub(crate) fn new() -> Self {
        Self(b"d".to_vec())
    }

    #[must_use]
    pub(crate) fn bytes(self, key: &str, bytes: &[u8]) -> Self {
        self.written(key, &string(bytes))
    }

    #[must_use]
    pub(crate) fn integer(self, key: &str, integer: i64) -> Self {
        self.written(key, format!("i{integer}e").as_bytes())
    }

    /// Adds what is a value as it stands.
    #[must_use]
    pub(crate) fn written(mut self, key: &str, value: &[u8]) -> Self {
        self.0.extend(string(key.as_bytes()));
        self.0.extend(value);
        self
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.push(b'e');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let message = b"d1:a4:spam1:bi-3e1:cl0:i0eee and more";
        let value = Value::read(message).unwrap();
        assert_eq!(value.get("a").and_then(Value::bytes), Some(&b"spam"[..]));
        assert_eq!(value.get("b").and_then(Value::integer), Some(-3));
        assert_eq!(value.get("c").map(Value::elements), Some(&[Value::Bytes(b""), Value::Integer(0)][..]));
        assert_eq!(value.raw("c"), Some(&b"l0:i0ee"[..]));
        assert_eq!((value.get("d"), value.get("b").unwrap().elements()), (None, &[][..]));
    }

    #[test]
    fn what_is_no_value_is_none() {
        for text in [
            "",
            "x",
            "i",
            "ie",
            "i1",
            "i1x",
            "i99999999999999999999e",
            "5:spam",
            "-1:",
            "1",
            ":",
            "4294967295:a",
            "l",
            "le",
            "l1:a",
            "d",
            "d1:a",
            "d1:ae",
            "di1e1:ae",
            "99999999999999999999:",
        ] {
            let is_list = text == "le";
            assert_eq!(Value::read(text.as_bytes()).is_some(), is_list, "{text}");
        }
        let nested = |levels| Value::read(["l".repeat(levels), "e".repeat(levels)].concat().as_bytes()).is_some();
        assert!(nested(DEEPEST) && !nested(DEEPEST + 1));
        assert_eq!(Value::read(&[b'l'; 70_000]), None, "and the stack is not used up");
        assert_eq!(Value::read(&[b'd'; 70_000]), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let written = Dictionary::new().bytes("a", b"\xff").integer("b", -7).written("c", b"le").end();
        assert_eq!(written, b"d1:a1:\xff1:bi-7e1:clee");
        assert!(Value::read(&written).is_some());
    }
}
