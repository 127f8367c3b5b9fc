//! Bytes that may be anything, read from the front: for protocols whose numbers are in the order of the network.

/// What is left of them. Each step is `None`, and nothing is taken, if there is not enough left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Begins at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing is left.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// The next two bytes, as a number.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next four bytes, as a number.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next eight bytes, as a number.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_beyond_the_end() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!((reader.byte(), reader.u16(), reader.u32()), (Some(1), Some(0x0203), Some(0x0405_0607)));
        assert_eq!(reader.u64(), Some(0x0809_0a0b_0c0d_0e0f));
        assert!(reader.is_empty());
        let mut reader = Reader::new(&[7]);
        assert_eq!((reader.u16(), reader.u32(), reader.u64(), reader.take(2)), (None, None, None, None));
        assert_eq!((reader.take(0), reader.rest(), reader.take(1)), (Some(&[][..]), &[7][..], Some(&[7][..])));
    }
}
