//! IMAP (RFC 9051, section 6.2.1): a greeting, and the wish for TLS.

use super::{Turn, begin, unexpected};

const PROTOCOL: &str = "IMAP";
/// What marks the command and its answer.
const TAG: &[u8] = b"p1 ";

pub(super) fn turn(said: u8, heard: &[u8]) -> Turn {
    let mut rest = heard;
    while let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..length];
        rest = &rest[length + 1..];
        if said == 0 {
            let greets = line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"* OK "));
            let is_all = rest.is_empty();
            return if greets && is_all { Turn::Say(b"p1 STARTTLS\r\n".to_vec()) } else { unexpected(PROTOCOL, heard) };
        }
        // Lines without the tag tell of something else.
        if let Some(answer) = line.strip_prefix(TAG) {
            let agrees = answer.get(..2).is_some_and(|word| word.eq_ignore_ascii_case(b"OK"));
            return if agrees { begin(PROTOCOL, rest) } else { unexpected(PROTOCOL, heard) };
        }
        if !line.starts_with(b"* ") {
            return unexpected(PROTOCOL, heard);
        }
    }
    let is_foreign = heard.first().is_some_and(|byte| ![b'*', TAG[0]].contains(byte));
    if is_foreign { unexpected(PROTOCOL, heard) } else { Turn::Listen }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_step_by_step() {
        let ask = Turn::Say(b"p1 STARTTLS\r\n".to_vec());
        for (said, heard, expected) in [
            (0, "", Turn::Listen),
            (0, "* OK ready", Turn::Listen),
            (0, "* OK ready\r\n", ask),
            (1, "* CAPABILITY IMAP4rev1\r\n", Turn::Listen),
            (1, "* CAPABILITY IMAP4rev1\r\np1 OK begin\r\n", Turn::Begin),
        ] {
            assert_eq!(turn(said, heard.as_bytes()), expected, "{said} {heard:?}");
        }
        for (said, heard) in [
            (0, "* BYE\r\n"),
            (0, "220 mail\r\n"),
            (0, "* OK ready\r\n* OK again\r\n"),
            (1, "p1 NO never\r\n"),
            (1, "p1 BAD what?\r\n"),
            (1, "p1 OK begin\r\n* 1 EXISTS\r\n"),
        ] {
            assert!(matches!(turn(said, heard.as_bytes()), Turn::Refused(_)), "{said} {heard:?}");
        }
    }
}
