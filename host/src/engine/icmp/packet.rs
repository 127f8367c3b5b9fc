//! Echo messages as bytes: RFC 792 for IPv4, RFC 4443, section 4, for IPv6. Both have the same form.

use std::net::IpAddr;

/// Bytes of a message before its payload: type, code, checksum, identifier, sequence number.
pub(super) const HEADER: usize = 8;
/// Bytes of the random number that a payload begins with.
pub(super) const NONCE: usize = 8;

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    fn request(self) -> u8 {
        match self {
            Family::V4 => 8,
            Family::V6 => 128,
        }
    }

    pub(super) fn reply(self) -> u8 {
        match self {
            Family::V4 => 0,
            Family::V6 => 129,
        }
    }

    /// The type of a message which says that a destination can't be reached.
    pub(super) fn unreachable(self) -> u8 {
        match self {
            Family::V4 => 3,
            Family::V6 => 1,
        }
    }

    /// The type of a message which says that a packet went too far.
    pub(super) fn time_exceeded(self) -> u8 {
        match self {
            Family::V4 => 11,
            Family::V6 => 3,
        }
    }
}

/// What tells one request from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) identifier: u16,
    pub(super) sequence: u16,
    /// Begins the payload; its rest counts up from here, byte by byte.
    pub(super) nonce: [u8; NONCE],
}

/// A request with so many bytes of payload, of which there must be enough for the nonce.
pub(super) fn request(family: Family, mark: &Mark, payload_size: usize) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER + payload_size);
    packet.extend([family.request(), 0, 0, 0]);
    packet.extend(mark.identifier.to_be_bytes());
    packet.extend(mark.sequence.to_be_bytes());
    packet.extend(payload(mark, payload_size));
    // For IPv6 it covers the addresses too, and the kernel sees to it (RFC 3542, section 3.1).
    if family == Family::V4 {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// The payload of a request.
fn payload(mark: &Mark, size: usize) -> impl Iterator<Item = u8> {
    let pattern = (NONCE..).map(|at| (at % 256) as u8);
    mark.nonce.into_iter().chain(pattern).take(size)
}

/// An echo message that somebody sent, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Echo<'a> {
    pub(super) identifier: u16,
    pub(super) sequence: u16,
    pub(super) payload: &'a [u8],
}

impl<'a> Echo<'a> {
    /// A reply; `None` if this is none.
    pub(super) fn reply(family: Family, packet: &'a [u8]) -> Option<Echo<'a>> {
        Echo::of_kind(family.reply(), packet)
    }

    /// A request of ours that somebody complains about: as much of it as he repeats, which is its header at the least.
    pub(super) fn request(family: Family, packet: &'a [u8]) -> Option<Echo<'a>> {
        Echo::of_kind(family.request(), packet)
    }

    fn of_kind(kind: u8, packet: &'a [u8]) -> Option<Echo<'a>> {
        let (header, payload) = packet.split_first_chunk::<HEADER>()?;
        let [found, code, _, _, i0, i1, s0, s1] = *header;
        let echo = Echo { identifier: u16::from_be_bytes([i0, i1]), sequence: u16::from_be_bytes([s0, s1]), payload };
        (found == kind && code == 0).then_some(echo)
    }

    /// Whether this answers, or repeats, the request with this mark. A complaint may repeat too little of it for the nonce.
    pub(super) fn is_of(&self, mark: &Mark) -> bool {
        let known = self.payload.len().min(NONCE);
        self.identifier == mark.identifier
            && self.sequence == mark.sequence
            && self.payload[..known] == mark.nonce[..known]
    }

    /// Whether the payload is all that was sent, and nothing else.
    pub(super) fn is_intact(&self, mark: &Mark, size: usize) -> bool {
        self.payload.len() == size && payload(mark, size).eq(self.payload.iter().copied())
    }
}

/// The message in an IPv4 packet.
pub(super) fn in_ipv4(packet: &[u8]) -> Option<&[u8]> {
    // The length of the header, in words of four bytes (RFC 791, section 3.1).
    let words = usize::from(packet.first()? & 0x0f);
    packet.get(words * 4..)
}

/// The one's complement of the one's complement sum of all pairs of bytes (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        sum += u32::from(word);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // It is within 16 bits by now.
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const MARK: Mark = Mark { identifier: 0x1234, sequence: 7, nonce: *b"nonsense" };

    /// What the target makes of a request.
    fn answer(family: Family, request: &[u8]) -> Vec<u8> {
        let mut reply = request.to_vec();
        reply[0] = family.reply();
        reply
    }

    #[test]
    fn a_request_is_as_the_standard_has_it() {
        let packet = request(Family::V4, &MARK, 10);
        assert_eq!(packet[..2], [8, 0]);
        assert_eq!(packet[4..8], [0x12, 0x34, 0, 7]);
        assert_eq!(packet[8..], *b"nonsense\x08\x09");
        assert_eq!(checksum(&packet), 0, "a right checksum sums up to nothing");
        assert_eq!(request(Family::V6, &MARK, 8)[..4], [128, 0, 0, 0]);
        assert_eq!(request(Family::V4, &MARK, 65_507).len(), 65_515);
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The example of RFC 1071, section 3: the sum is 0xddf2.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0xff]), !0xff00);
    }

    #[test]
    fn a_reply_is_known_by_all_of_its_marks() {
        for family in [Family::V4, Family::V6] {
            let sent = request(family, &MARK, 56);
            let reply = answer(family, &sent);
            let echo = Echo::reply(family, &reply).unwrap();
            assert!(echo.is_of(&MARK) && echo.is_intact(&MARK, 56));
            assert_eq!(Echo::reply(family, &sent), None, "a request is no reply");
            for at in [0, 1, 4, 6, 8, 15] {
                let mut other = reply.clone();
                other[at] ^= 1;
                let known = Echo::reply(family, &other).is_some_and(|echo| echo.is_of(&MARK));
                assert!(!known, "byte {at} counts");
            }
        }
    }

    #[test]
    fn a_damaged_payload_is_found() {
        let reply = answer(Family::V4, &request(Family::V4, &MARK, 56));
        let mut flipped = reply.clone();
        flipped[40] ^= 0x10;
        for damaged in [&flipped[..], &reply[..30], &[&reply[..], &[0]].concat()] {
            let echo = Echo::reply(Family::V4, damaged).unwrap();
            assert!(echo.is_of(&MARK) && !echo.is_intact(&MARK, 56));
        }
    }

    #[test]
    fn a_complaint_may_repeat_the_header_alone() {
        let sent = request(Family::V6, &MARK, 56);
        for length in [8, 12, 16, 64] {
            assert!(Echo::request(Family::V6, &sent[..length]).unwrap().is_of(&MARK), "{length}");
        }
        assert_eq!(Echo::request(Family::V6, &sent[..7]), None);
        let mut other = sent;
        other[9] ^= 1;
        assert!(!Echo::request(Family::V6, &other).unwrap().is_of(&MARK));
    }

    #[test]
    fn the_message_follows_the_header() {
        let packet = [&[0x46; 24][..], b"message"].concat();
        assert_eq!(in_ipv4(&packet), Some(&b"message"[..]));
        assert_eq!(in_ipv4(&[]), None);
        assert_eq!(in_ipv4(&[0x4f; 20]), None);
    }

    proptest! {
        #[test]
        fn whatever_arrives_is_borne(bytes: Vec<u8>) {
            for family in [Family::V4, Family::V6] {
                for echo in [Echo::reply(family, &bytes), Echo::request(family, &bytes)].into_iter().flatten() {
                    let _ = (echo.is_of(&MARK), echo.is_intact(&MARK, 56));
                }
            }
            let _ = in_ipv4(&bytes);
        }
    }
}
