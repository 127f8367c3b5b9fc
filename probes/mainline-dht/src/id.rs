//! Where things are in the DHT: nodes and values have ids in one space, and a value belongs to the nodes next to it.

use std::fmt;

use probity_guest::random;
use sha1::{Digest, Sha1};

use crate::bencode;

/// Bytes of an id (BEP 5).
pub(crate) const BYTES: usize = 20;

/// An id of a node, or the target of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) [u8; BYTES]);

impl Id {
    /// One that nobody else has.
    pub(crate) fn random() -> Self {
        let mut id = [0; BYTES];
        id.iter_mut().zip(random::get_random_bytes(BYTES as u64)).for_each(|(byte, random)| *byte = random);
        Self(id)
    }

    /// The target of an immutable value: the SHA-1 of its bencoding (BEP 44).
    pub(crate) fn of_value(value: &[u8]) -> Self {
        Self(Sha1::digest(bencode::string(value)).into())
    }

    /// Whether what was got is the immutable value of this target: a text, or anything else as it was encoded.
    pub(crate) fn is_of(self, got: &[u8]) -> bool {
        self == Self::of_value(got) || self.0 == <[u8; BYTES]>::from(Sha1::digest(got))
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads hexadecimal digits, as an id is shown.
    pub(crate) fn parse(digits: &str) -> Option<Self> {
        let digits = digits.as_bytes();
        if digits.len() != 2 * BYTES {
            return None;
        }
        let mut id = [0; BYTES];
        for (byte, pair) in id.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(id))
    }

    /// How far it is to another: the lesser, the nearer (BEP 5).
    pub(crate) fn distance(self, other: Self) -> [u8; BYTES] {
        let mut distance = self.0;
        distance.iter_mut().zip(other.0).for_each(|(byte, other)| *byte ^= other);
        distance
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_target_of_the_specification() {
        // BEP 44, "Test vectors", test 3: an immutable value.
        let target = Id::of_value(b"Hello World!");
        assert_eq!(target.to_string(), "e5f96f6f38320f0f33959cb4d3d656452117aadb");
        assert_eq!(Id::parse(&target.to_string()), Some(target));
        assert!(target.is_of(b"Hello World!") && target.is_of(b"12:Hello World!") && !target.is_of(b"Hello World"));
        for digits in ["", "e5", "é", &"x".repeat(40), &"0".repeat(41)] {
            assert_eq!(Id::parse(digits), None, "{digits}");
        }
    }

    #[test]
    fn the_first_bit_that_differs_counts_most() {
        let id = |first, last| {
            let mut id = [0; BYTES];
            (id[0], id[BYTES - 1]) = (first, last);
            Id(id)
        };
        let here = id(1, 0);
        assert!(here.distance(id(1, 255)) < here.distance(id(0, 0)));
        assert_eq!(here.distance(here), [0; BYTES]);
    }
}
