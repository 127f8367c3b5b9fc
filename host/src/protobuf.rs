//! Messages of Protocol Buffers, written and read field by field (<https://protobuf.dev/programming-guides/encoding>).
//!
//! It is four rules. What the runner sends and reads of them is a handful of messages; the code that a generator makes of their
//! descriptions, its run-time and its macros are far more than these.

/// Of variable length: whole numbers, words of an enumeration, flags.
const VARINT: u64 = 0;
/// Of eight bytes.
const FIXED_64: u64 = 1;
/// Of a length that comes first: texts, bytes and messages.
const LENGTH: u64 = 2;
/// Of four bytes.
const FIXED_32: u64 = 5;

/// A message that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(Vec<u8>);

impl Message {
    /// The message as bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// A whole number that is not below 0, or a word of an enumeration. What is 0 is left out, and read as 0.
    pub fn number(&mut self, field: u64, number: u64) -> &mut Message {
        if number != 0 {
            self.tag(field, VARINT);
            self.varint(number);
        }
        self
    }

    /// A whole number that is 0, where that is something else than none: in a choice.
    pub fn zero(&mut self, field: u64) -> &mut Message {
        self.tag(field, VARINT);
        self.varint(0);
        self
    }

    /// A `fixed64`, also if it is 0: some are one of several, or in a list.
    pub fn fixed(&mut self, field: u64, number: u64) -> &mut Message {
        self.tag(field, FIXED_64);
        self.0.extend(number.to_le_bytes());
        self
    }

    /// A `fixed64` that counts. What is 0 is left out, and read as 0.
    pub fn count(&mut self, field: u64, number: u64) -> &mut Message {
        if number != 0 {
            self.fixed(field, number);
        }
        self
    }

    /// A `double`, also if it is 0.
    pub fn double(&mut self, field: u64, number: f64) -> &mut Message {
        self.fixed(field, number.to_bits())
    }

    /// A text.
    pub fn text(&mut self, field: u64, text: &str) -> &mut Message {
        self.bytes(field, text.as_bytes())
    }

    /// Bytes, also if there are none.
    pub fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Message {
        self.tag(field, LENGTH);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    /// A message within this one.
    pub fn message(&mut self, field: u64, write: impl FnOnce(&mut Message)) -> &mut Message {
        let mut inner = Message::default();
        write(&mut inner);
        self.bytes(field, &inner.0)
    }

    /// Many `fixed64` in one field.
    pub fn packed_fixed(&mut self, field: u64, numbers: impl Iterator<Item = u64>) -> &mut Message {
        let all: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
        self.bytes(field, &all)
    }

    fn tag(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

/// The last text in a field of a message, as the rules for fields that come again have it; empty if there is none. `None` if it is no
/// message.
#[must_use]
pub fn text(message: &[u8], field: u64) -> Option<String> {
    std::str::from_utf8(bytes(message, field)?).ok().map(str::to_owned)
}

/// The last bytes in a field of a message, which may be a message; empty if there are none. `None` if it is no message.
#[must_use]
pub fn bytes(mut message: &[u8], field: u64) -> Option<&[u8]> {
    let mut found: &[u8] = &[];
    while !message.is_empty() {
        match take_field(&mut message)? {
            (of, Value::Bytes(bytes)) if of == field => found = bytes,
            _ => {}
        }
    }
    Some(found)
}

/// The last whole number in a field of a message; 0 if there is none. `None` if it is no message.
#[must_use]
pub fn number(mut message: &[u8], field: u64) -> Option<u64> {
    let mut found = 0;
    while !message.is_empty() {
        match take_field(&mut message)? {
            (of, Value::Number(number)) if of == field => found = number,
            _ => {}
        }
    }
    Some(found)
}

/// What a field has, of what is read.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a length that is fixed.
    Other,
}

/// The next field of a message, by its number.
fn take_field<'a>(message: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let tag = take_varint(message)?;
    let value = match tag & 7 {
        VARINT => Value::Number(take_varint(message)?),
        FIXED_64 => message.split_off(..8).map(|_| Value::Other)?,
        FIXED_32 => message.split_off(..4).map(|_| Value::Other)?,
        LENGTH => {
            let length = usize::try_from(take_varint(message)?).ok()?;
            Value::Bytes(message.split_off(..length)?)
        }
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn take_varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_as_the_rules_have_it() {
        // The examples of the page: 150 in field 1, "testing" in field 2, and the former in field 3.
        let mut message = Message::default();
        message.number(1, 150).text(2, "testing").message(3, |inner| {
            inner.number(1, 150).number(2, 0);
        });
        let expected = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01";
        assert_eq!(message.clone().into_bytes(), expected);
        assert_eq!(text(expected, 2).as_deref(), Some("testing"));
        assert_eq!(text(expected, 4).as_deref(), Some(""));
        assert_eq!((number(expected, 1), number(expected, 2)), (Some(150), Some(0)));
        assert_eq!(bytes(expected, 3).and_then(|inner| number(inner, 1)), Some(150));
        let mut message = Message::default();
        message.double(1, 1.0).packed_fixed(2, [1, 2].into_iter()).text(16, "");
        let expected = b"\x09\0\0\0\0\0\0\xf0\x3f\x12\x10\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x82\x01\0";
        assert_eq!(message.into_bytes(), expected);
    }

    #[test]
    fn what_is_no_message_is_found_out() {
        for broken in [
            &b"\x0a"[..],
            b"\x0a\x05abcd",
            b"\x0a\x01\xff",
            b"\x09\0\0",
            b"\x0b",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(text(broken, 1), None, "{broken:?}");
        }
        assert_eq!(text(b"\x0a\x01a\x25\0\0\0\0\x0a\x01b", 1).as_deref(), Some("b"), "the last one counts");
    }
}
