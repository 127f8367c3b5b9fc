//! What messages are made of (the protocol guide's "protocol primitive types"): numbers from their highest byte on, texts and
//! arrays after their length. In the flexible versions of a message (KIP-482) lengths are shorter, and each structure may end
//! with fields that its reader need not know.

/// Puts a message together.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    flexible: bool,
}

impl Writer {
    /// Goes on after `bytes`.
    pub(crate) fn new(bytes: Vec<u8>, flexible: bool) -> Self {
        Self { bytes, flexible }
    }

    /// What was written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn int16(&mut self, number: i16) {
        self.bytes.extend(number.to_be_bytes());
    }

    pub(crate) fn int32(&mut self, number: i32) {
        self.bytes.extend(number.to_be_bytes());
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.bytes.push(value.into());
    }

    /// A UUID of zeros, which stands for none.
    pub(crate) fn no_uuid(&mut self) {
        self.bytes.extend([0; 16]);
    }

    /// A text of less than 32 KiB, as all of a probe's are.
    pub(crate) fn text(&mut self, text: &str) {
        if self.flexible {
            self.length(Some(text.len()));
        } else {
            self.int16(text.len() as i16);
        }
        self.bytes.extend(text.as_bytes());
    }

    pub(crate) fn blob(&mut self, bytes: &[u8]) {
        self.length(Some(bytes.len()));
        self.bytes.extend(bytes);
    }

    /// The length of an array, whose elements follow, or of bytes; `None` is null.
    pub(crate) fn length(&mut self, length: Option<usize>) {
        if self.flexible {
            self.varint(length.map_or(0, |length| length + 1));
        } else {
            self.int32(length.map_or(-1, |length| length as i32));
        }
    }

    /// The end of a structure: there are no more fields.
    pub(crate) fn end(&mut self) {
        if self.flexible {
            self.varint(0);
        }
    }

    /// Seven bits at a time, from the lowest on; the eighth says that there are more.
    fn varint(&mut self, mut number: usize) {
        while number > 0x7f {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

/// Takes a message apart, from its start. Everything is `None` where there are not enough bytes: a length that lies ends there,
/// and makes nobody put memory aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], flexible: bool) -> Self {
        Self { rest: bytes, flexible }
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(crate) fn int16(&mut self) -> Option<i16> {
        self.bytes(2)?.try_into().ok().map(i16::from_be_bytes)
    }

    pub(crate) fn int32(&mut self) -> Option<i32> {
        self.bytes(4)?.try_into().ok().map(i32::from_be_bytes)
    }

    /// A text; the inner `None` is null. Whether it is UTF-8 is left to whoever needs to know.
    pub(crate) fn text(&mut self) -> Option<Option<&'a [u8]>> {
        let length = if self.flexible { self.length()? } else { known(self.int16()?.into()) };
        match length {
            Some(length) => self.bytes(length).map(Some),
            None => Some(None),
        }
    }

    /// Bytes; null is none.
    pub(crate) fn blob(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.bytes(length.unwrap_or(0))
    }

    /// All elements of an array, each as `element` reads it; null is empty.
    pub(crate) fn array<T>(&mut self, mut element: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length()?.unwrap_or(0);
        // Not put aside beforehand: an element takes bytes, of which there may be fewer than there should.
        (0..length).map(|_| element(self)).collect()
    }

    /// The number of elements of an array of 32-bit numbers, which are passed over.
    pub(crate) fn count_of_int32s(&mut self) -> Option<usize> {
        let count = self.length()?.unwrap_or(0);
        self.bytes(count.checked_mul(4)?)?;
        Some(count)
    }

    /// The end of a structure: fields that are not known here are passed over.
    pub(crate) fn end(&mut self) -> Option<()> {
        if !self.flexible {
            return Some(());
        }
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()?;
            self.bytes(size)?;
        }
        Some(())
    }

    /// The length of an array or of bytes; the inner `None` is null.
    fn length(&mut self) -> Option<Option<usize>> {
        if self.flexible { Some(self.varint()?.checked_sub(1)) } else { Some(known(self.int32()?)) }
    }

    fn varint(&mut self) -> Option<usize> {
        let mut number = 0_u32;
        for shift in (0..32).step_by(7) {
            let [byte] = *self.bytes(1)? else { return None };
            number |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number as usize);
            }
        }
        None
    }
}

/// A length; what is less than nothing is null.
fn known(length: i32) -> Option<usize> {
    usize::try_from(length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(flexible: bool, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), flexible);
        write(&mut writer);
        writer.finish()
    }

    #[test]
    fn both_ways_of_writing_are_known() {
        let write = |writer: &mut Writer| {
            writer.int16(-2);
            writer.text("ab");
            writer.length(None);
            writer.length(Some(300));
            writer.blob(b"c");
            writer.boolean(true);
            writer.end();
        };
        assert_eq!(written(false, write), b"\xff\xfe\0\x02ab\xff\xff\xff\xff\0\0\x01\x2c\0\0\0\x01c\x01");
        assert_eq!(written(true, write), b"\xff\xfe\x03ab\0\xad\x02\x02c\x01\0");
    }

    #[test]
    fn what_was_written_is_read() {
        for flexible in [false, true] {
            let bytes = written(flexible, |writer| {
                writer.int32(7);
                writer.text("name");
                writer.blob(&[9; 200]);
                writer.length(Some(2));
                writer.int32(1);
                writer.int32(2);
                writer.length(None);
                writer.end();
            });
            let mut reader = Reader::new(&bytes, flexible);
            assert_eq!(reader.int32(), Some(7));
            assert_eq!(reader.text(), Some(Some(b"name".as_slice())));
            assert_eq!(reader.blob(), Some([9; 200].as_slice()));
            assert_eq!(reader.clone().count_of_int32s(), Some(2));
            assert_eq!(reader.array(Reader::int32), Some(vec![1, 2]));
            assert_eq!(reader.array(Reader::int32), Some(Vec::new()));
            assert_eq!((reader.end(), reader.rest), (Some(()), b"".as_slice()));
        }
    }

    #[test]
    fn unknown_fields_are_passed_over() {
        let mut reader = Reader::new(b"\x02\x00\x01x\x81\x01\x02yz\x07", true);
        assert_eq!((reader.end(), reader.rest), (Some(()), b"\x07".as_slice()));
    }

    #[test]
    fn a_length_that_lies_is_nothing() {
        assert_eq!(Reader::new(b"\x7f\xff\xff\xff\0\0\0\x01", false).array(Reader::int32), None);
        assert_eq!(Reader::new(b"\x7f\xff\xff\xff\0\0\0\x01", false).count_of_int32s(), None);
        assert_eq!(Reader::new(b"\xff\xff\xff\xff\x0f\0\0\0\x01", true).count_of_int32s(), None);
        assert_eq!(Reader::new(b"\x7f\xffab", false).text(), None);
        assert_eq!(Reader::new(b"\xff\xff", false).text(), Some(None));
        assert_eq!(Reader::new(b"\xff\xff\xff\xff\xff\x01", true).blob(), None);
        assert_eq!(Reader::new(b"\xff\xff\xff\xff\x0f", true).end(), None);
        assert_eq!(Reader::new(b"\x01\x00\x05ab", true).end(), None);
    }
}
