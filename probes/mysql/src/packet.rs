//! Packets of the client/server protocol, and what they are made of.

/// The bytes of a packet before its payload: the payload's length, and a number that both sides count on.
pub(crate) const HEAD: usize = 4;
/// Bytes of one payload: as many as of a whole session, so that one value may have them.
pub(crate) const MOST_PAYLOAD: usize = 1024 * 1024;

/// Says that there is nothing more to say.
pub(crate) const QUIT: &[u8] = b"\x01";
/// Asks for a sign of life.
pub(crate) const PING: &[u8] = b"\x0e";

/// A query, as a command.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    [b"\x03", sql.as_bytes()].concat()
}

/// A payload with its head. None of a probe's is so long that it takes two packets.
pub(crate) fn encode(number: u8, payload: &[u8]) -> Vec<u8> {
    let [low, middle, high, _] = (payload.len() as u32).to_le_bytes();
    [&[low, middle, high, number], payload].concat()
}

/// What a packet begins with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) number: u8,
}

impl Head {
    /// `None` if there are not enough bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let [low, middle, high, number] = *bytes.first_chunk()?;
        Some(Self { length: u32::from_le_bytes([low, middle, high, 0]) as usize, number })
    }
}

/// Takes a payload apart, from its start. Everything is `None` where there are not enough bytes.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.number(1).map(|number| number as u8)
    }

    /// A number of so many bytes, the lowest first.
    pub(crate) fn number(&mut self, length: usize) -> Option<u64> {
        Some(self.bytes(length)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Up to a NUL, which is passed over; all of it if there is none.
    pub(crate) fn text(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        text
    }

    /// A number whose own length is told by its first byte; NULL is none.
    pub(crate) fn count(&mut self) -> Option<Option<u64>> {
        Some(match self.byte()? {
            0xfb => None,
            0xfc => Some(self.number(2)?),
            0xfd => Some(self.number(3)?),
            0xfe => Some(self.number(8)?),
            0xff => return None,
            small => Some(small.into()),
        })
    }

    /// Bytes with their number before them; NULL is none.
    pub(crate) fn value(&mut self) -> Option<Option<&'a [u8]>> {
        match self.count()? {
            None => Some(None),
            Some(length) => self.bytes(usize::try_from(length).ok()?).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_heads() {
        assert_eq!(encode(0, PING), b"\x01\0\0\0\x0e");
        assert_eq!(encode(3, &query("SELECT 1")), b"\x09\0\0\x03\x03SELECT 1");
        let long = encode(1, &[7; 0x1_0203]);
        assert_eq!(Head::parse(&long), Some(Head { length: 0x1_0203, number: 1 }));
        assert_eq!(Head::parse(b"\0\0\0"), None);
    }

    #[test]
    fn payloads_are_taken_apart() {
        let mut cursor = Cursor(b"\x01\x02\x03ab\0cd");
        assert_eq!((cursor.byte(), cursor.number(2)), (Some(1), Some(0x0302)));
        assert_eq!((cursor.text(), cursor.text(), cursor.text()), (b"ab".as_slice(), b"cd".as_slice(), b"".as_slice()));
        assert_eq!((cursor.byte(), cursor.number(0)), (None, Some(0)));

        for (bytes, value) in [
            (b"\x02ab".as_slice(), Some(Some(b"ab".as_slice()))),
            (b"\0", Some(Some(b""))),
            (b"\xfb", Some(None)),
            (b"\xfc\x02\0ab", Some(Some(b"ab"))),
            (b"\xfd\x01\0\0a", Some(Some(b"a"))),
            (b"\xfe\x01\0\0\0\0\0\0\0a", Some(Some(b"a"))),
            (b"\x03ab", None),
            (b"\xfc\x02", None),
            (b"\xff", None),
            (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"", None),
        ] {
            assert_eq!(Cursor(bytes).value(), value, "{bytes:?}");
        }
    }
}
