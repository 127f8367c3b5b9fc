//! SMTP (RFC 3207): a greeting, what the server can, and the wish for TLS.

use super::{Turn, begin, unexpected};

const PROTOCOL: &str = "SMTP";

pub(super) fn turn(said: u8, heard: &[u8]) -> Turn {
    let Some((code, lines, more)) = reply(heard) else {
        // What begins with no digit will be no reply either.
        let is_foreign = heard.first().is_some_and(|byte| !byte.is_ascii_digit());
        return if is_foreign { unexpected(PROTOCOL, heard) } else { Turn::Listen };
    };
    match (said, code) {
        (0, b"220") if more.is_empty() => Turn::Say(b"EHLO probity.invalid\r\n".to_vec()),
        (1, b"250") if more.is_empty() => {
            let offers = lines.split(|byte| *byte == b'\n').any(|line| {
                line.get(4..).is_some_and(|ability| ability.trim_ascii().eq_ignore_ascii_case(b"STARTTLS"))
            });
            if offers {
                Turn::Say(b"STARTTLS\r\n".to_vec())
            } else {
                Turn::Refused("does not offer STARTTLS".to_owned())
            }
        }
        (2, b"220") => begin(PROTOCOL, more),
        _ => unexpected(PROTOCOL, heard),
    }
}

/// The code, the lines and the rest of a reply that is whole: its last line has a space after the code (RFC 5321, section 4.2).
fn reply(heard: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut start = 0;
    while let Some(length) = heard[start..].iter().position(|byte| *byte == b'\n') {
        let (line, end) = (&heard[start..start + length], start + length + 1);
        if !line.get(..3)?.iter().all(u8::is_ascii_digit) {
            return None;
        }
        if line.get(3) != Some(&b'-') {
            return Some((&heard[..3], &heard[..end], &heard[end..]));
        }
        start = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_step_by_step() {
        let say = |text: &str| Turn::Say(text.as_bytes().to_vec());
        for (said, heard, expected) in [
            (0, "", Turn::Listen),
            (0, "220 mail.test ESMTP", Turn::Listen),
            (0, "220 mail.test ESMTP\r\n", say("EHLO probity.invalid\r\n")),
            (0, "220-mail.test\r\n220 ESMTP\r\n", say("EHLO probity.invalid\r\n")),
            (1, "250-mail.test\r\n250-SIZE 1\r\n", Turn::Listen),
            (1, "250-mail.test\r\n250-starttls\r\n250 HELP\r\n", say("STARTTLS\r\n")),
            (1, "250-mail.test\r\n250 STARTTLS\r\n", say("STARTTLS\r\n")),
            (1, "250 mail.test\r\n", Turn::Refused("does not offer STARTTLS".to_owned())),
            (2, "220 go on\r\n", Turn::Begin),
        ] {
            assert_eq!(turn(said, heard.as_bytes()), expected, "{said} {heard:?}");
        }
        for (said, heard) in [
            (0, "554 go away\r\n"),
            (0, "* OK IMAP\r\n"),
            (1, "500 what?\r\n"),
            (2, "454 not now\r\n"),
            (2, "220 go on\r\n250 too much\r\n"),
        ] {
            let came = turn(said, heard.as_bytes());
            assert!(
                matches!(&came, Turn::Refused(why) if why.contains("as SMTP does: it said \"")),
                "{heard:?}: {came:?}"
            );
        }
    }
}
