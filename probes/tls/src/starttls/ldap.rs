//! LDAP (RFC 4511, section 4.14): the wish for TLS as an extended operation, and its result.

use super::{Turn, begin, unexpected};

const PROTOCOL: &str = "LDAP";
/// Message 1: an extended request for 1.3.6.1.4.1.1466.20037.
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// The tag of a message.
const SEQUENCE: u8 = 0x30;
/// The tag of an extended response.
const RESPONSE: u8 = 0x78;

pub(super) fn turn(said: u8, heard: &[u8]) -> Turn {
    if said == 0 {
        return Turn::Say(REQUEST.to_vec());
    }
    match heard.first() {
        None => return Turn::Listen,
        Some(&SEQUENCE) => {}
        Some(_) => return unexpected(PROTOCOL, heard),
    }
    let Some((_, message, more)) = element(heard) else { return Turn::Listen };
    // The number of the message, and in the response the result, each an element.
    let response = element(message).and_then(|(_, _, rest)| element(rest)).filter(|(tag, ..)| *tag == RESPONSE);
    match response.and_then(|(_, response, _)| element(response)) {
        Some((0x0a, [0], _)) => begin(PROTOCOL, more),
        Some((0x0a, [code], _)) => Turn::Refused(format!("does not begin TLS: the result of LDAP is {code}")),
        _ => unexpected(PROTOCOL, heard),
    }
}

/// The tag and the content of the first element (BER, of lengths up to 64 KiB), and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, rest) = match bytes {
        [_, length @ 0..=0x7f, rest @ ..] => (usize::from(*length), rest),
        [_, 0x81, length, rest @ ..] => (usize::from(*length), rest),
        [_, 0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        // OpenLDAP's clients and Active Directory write all lengths in four bytes.
        [_, 0x84, 0, 0, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    Some((bytes[0], rest.get(..length)?, rest.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_and_answers() {
        assert_eq!(turn(0, b""), Turn::Say(REQUEST.to_vec()));
        assert_eq!(usize::from(REQUEST[1]) + 2, REQUEST.len());
        let yes = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
        let long = b"\x30\x84\0\0\0\x10\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\x00\x04\x00\x04\x00";
        for (heard, expected) in [
            (&b""[..], Turn::Listen),
            (&yes[..9], Turn::Listen),
            (yes, Turn::Begin),
            (long, Turn::Begin),
            (
                b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00",
                Turn::Refused("does not begin TLS: the result of LDAP is 2".to_owned()),
            ),
        ] {
            assert_eq!(turn(1, heard), expected, "{heard:?}");
        }
        for heard in [&b"220 mail\r\n"[..], &[yes.as_slice(), b"x"].concat(), b"\x30\x03\x02\x01\x01"] {
            assert!(matches!(turn(1, heard), Turn::Refused(_)), "{heard:?}");
        }
    }
}
