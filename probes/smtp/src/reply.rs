//! Replies of a mail server (RFC 5321, section 4.2).

/// One line of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) code: u16,
    /// Whether it is the last line of the reply.
    pub(crate) last: bool,
    pub(crate) text: String,
}

impl Line {
    /// Reads a line; `None` if it is none of a reply.
    pub(crate) fn read(line: &[u8]) -> Option<Line> {
        let text = std::str::from_utf8(line).ok()?;
        let (code, rest) = text.split_at_checked(3)?;
        let code: u16 = code.parse().ok().filter(|code| (200..600).contains(code))?;
        let (last, text) = match rest.split_at_checked(1) {
            None => (true, ""),
            Some((" ", text)) => (true, text),
            Some(("-", text)) => (false, text),
            Some(_) => return None,
        };
        Some(Line { code, last, text: text.to_owned() })
    }
}

/// Which of these capabilities, each with its parameters or without, are not among those that the server has.
pub(crate) fn missing<'a>(wanted: &'a [String], has: &[String]) -> Vec<&'a str> {
    let is = |has: &str, wanted: &str| {
        has.eq_ignore_ascii_case(wanted)
            || has.split_once(' ').is_some_and(|(keyword, _)| keyword.eq_ignore_ascii_case(wanted))
    };
    wanted.iter().map(String::as_str).filter(|wanted| !has.iter().any(|has| is(has, wanted))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = |code, last, text: &str| Some(Line { code, last, text: text.into() });
        assert_eq!(Line::read(b"220 mail.example ESMTP"), line(220, true, "mail.example ESMTP"));
        assert_eq!(Line::read(b"250-SIZE 1000"), line(250, false, "SIZE 1000"));
        assert_eq!(Line::read(b"250"), line(250, true, ""));
        for nonsense in [&b"hello"[..], b"", b"25", b"250x", b"999 no", b"199 no", b"\xff\xff\xff ", b"+50 x"] {
            assert_eq!(Line::read(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn capabilities_are_compared_without_their_parameters() {
        let has = ["SIZE 1000".to_owned(), "starttls".to_owned(), "AUTH PLAIN LOGIN".to_owned()];
        let wanted = ["STARTTLS", "size", "AUTH PLAIN LOGIN", "PLAIN", "8BITMIME"].map(str::to_owned);
        assert_eq!(missing(&wanted, &has), ["PLAIN", "8BITMIME"]);
        assert_eq!(missing(&[], &has), Vec::<&str>::new());
    }
}
