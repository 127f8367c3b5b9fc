//! MySQL and MariaDB (protocol 10): a greeting that says what the server can, and the wish for TLS, after which it begins.

use super::{Turn, begin, unexpected};

const PROTOCOL: &str = "MySQL";
/// Bytes before each packet: three of its length, from the low end, and its number.
const HEADER: usize = 4;
/// The first byte of an error in the place of a greeting.
const ERROR: u8 = 0xff;
/// The ability to speak TLS, `CLIENT_SSL`.
const TLS: u16 = 0x0800;
/// `CLIENT_PROTOCOL_41`, `CLIENT_SECURE_CONNECTION` and `CLIENT_SSL`.
const ABILITIES: u32 = 0x0000_8a00;
/// Bytes that an answer may have: the usual 16 MiB.
const LARGEST: u32 = 1 << 24;
/// `utf8mb4_general_ci`.
const CHARACTERS: u8 = 45;

pub(super) fn turn(said: u8, heard: &[u8]) -> Turn {
    if said > 0 {
        // The server says nothing to it; whatever came belongs to TLS.
        return begin(PROTOCOL, heard);
    }
    let [low, middle, high, _, rest @ ..] = heard else { return Turn::Listen };
    let length = u32::from_le_bytes([*low, *middle, *high, 0]) as usize;
    let Some(packet) = rest.get(..length) else {
        // A text of another protocol reads as a length that no greeting has.
        return if length > super::MOST_ANSWER - HEADER { unexpected(PROTOCOL, heard) } else { Turn::Listen };
    };
    if rest.len() > length {
        return unexpected(PROTOCOL, heard);
    }
    match abilities(packet) {
        Some(abilities) if abilities & TLS != 0 => Turn::Say(request()),
        Some(_) => Turn::Refused("does not offer TLS".to_owned()),
        None if packet.first() == Some(&ERROR) => unexpected(PROTOCOL, packet.get(3..).unwrap_or_default()),
        None => unexpected(PROTOCOL, packet),
    }
}

/// The lower half of what a greeting says that the server can: after the version, which ends with a zero, four bytes of the
/// thread, eight of the challenge, and a zero.
fn abilities(packet: &[u8]) -> Option<u16> {
    let [10, rest @ ..] = packet else { return None };
    let end = rest.iter().position(|byte| *byte == 0)?;
    let low = end + 1 + 4 + 8 + 1;
    Some(u16::from_le_bytes([*rest.get(low)?, *rest.get(low + 1)?]))
}

/// The wish for TLS, as the second packet.
fn request() -> Vec<u8> {
    let mut packet = vec![32, 0, 0, 1];
    packet.extend(ABILITIES.to_le_bytes());
    packet.extend(LARGEST.to_le_bytes());
    packet.push(CHARACTERS);
    packet.extend([0; 23]);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(abilities: u16) -> Vec<u8> {
        let mut packet = b"\x0a10.11.6-MariaDB\0\x01\0\0\0abcdefgh\0".to_vec();
        packet.extend(abilities.to_le_bytes());
        packet.extend([45, 2, 0]);
        let mut all = vec![packet.len() as u8, 0, 0, 0];
        all.extend(packet);
        all
    }

    #[test]
    fn a_server_that_can_is_asked() {
        let able = greeting(0xffff);
        assert_eq!(turn(0, b""), Turn::Listen);
        assert_eq!(turn(0, &able[..able.len() - 1]), Turn::Listen);
        let Turn::Say(request) = turn(0, &able) else { panic!("a request") };
        assert_eq!((request.len(), &request[..6]), (36, &[32, 0, 0, 1, 0x00, 0x8a][..]));
        assert_eq!(turn(1, b""), Turn::Begin);
        assert_eq!(turn(0, &greeting(!TLS)), Turn::Refused("does not offer TLS".to_owned()));
        let blocked = b"\x0b\0\0\0\xff\x69\x04#HY000no";
        assert_eq!(
            turn(0, blocked),
            Turn::Refused("does not begin TLS as MySQL does: it said \"#HY000no\"".to_owned())
        );
        for heard in [&b"220 mail.test ESMTP\r\n"[..], b"\x01\0\0\0\x09", b"\x03\0\0\0\x0aab"] {
            assert!(matches!(turn(0, heard), Turn::Refused(_)), "{heard:?}");
        }
        assert!(matches!(turn(0, &[able.as_slice(), b"x"].concat()), Turn::Refused(_)));
    }
}
