//! PostgreSQL (protocol 3, "SSLRequest"): the wish for TLS, and one letter in answer.

use super::{Turn, begin, unexpected};

/// Its length, and the number that stands in the place of a version.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

pub(super) fn turn(said: u8, heard: &[u8]) -> Turn {
    match (said, heard) {
        (0, _) => Turn::Say(REQUEST.to_vec()),
        (_, []) => Turn::Listen,
        (_, [b'S', more @ ..]) => begin("PostgreSQL", more),
        (_, [b'N']) => Turn::Refused("does not offer TLS".to_owned()),
        (_, other) => unexpected("PostgreSQL", other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_and_answers() {
        assert_eq!(turn(0, b""), Turn::Say(80_877_103_u64.wrapping_add(8 << 32).to_be_bytes().to_vec()));
        for (heard, expected) in
            [(&b""[..], Turn::Listen), (b"S", Turn::Begin), (b"N", Turn::Refused("does not offer TLS".to_owned()))]
        {
            assert_eq!(turn(1, heard), expected);
        }
        for heard in [&b"SS"[..], b"E\0\0\0", b"220 mail\r\n"] {
            assert!(matches!(turn(1, heard), Turn::Refused(_)), "{heard:?}");
        }
    }
}
