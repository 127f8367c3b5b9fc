//! Lines of a mailbox server (RFC 9051, section 7).

/// How a server greets (RFC 9051, section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// Log in.
    Ok,
    /// Whoever connects is logged in already.
    Authenticated,
    /// Go away.
    Bye,
}

impl Greeting {
    /// Reads the first line; `None` if it is no greeting.
    pub(crate) fn read(line: &[u8]) -> Option<Greeting> {
        let (word, _) = words(line, b"* ")?;
        match word.to_ascii_uppercase().as_str() {
            "OK" => Some(Greeting::Ok),
            "PREAUTH" => Some(Greeting::Authenticated),
            "BYE" => Some(Greeting::Bye),
            _ => None,
        }
    }
}

/// The capabilities that a line lists; `None` if it is another line.
pub(crate) fn capabilities(line: &[u8]) -> Option<Vec<String>> {
    let (word, rest) = words(line, b"* ")?;
    word.eq_ignore_ascii_case("CAPABILITY").then(|| rest.split_whitespace().map(str::to_owned).collect())
}

/// Whether the line ends the answer to the command with this tag, and if it does, whether well.
pub(crate) fn end(line: &[u8], tag: &str) -> Option<bool> {
    let (word, _) = words(line, format!("{tag} ").as_bytes())?;
    Some(word.eq_ignore_ascii_case("OK"))
}

/// The first word after a prefix, and the rest.
fn words<'a>(line: &'a [u8], prefix: &[u8]) -> Option<(&'a str, &'a str)> {
    let text = std::str::from_utf8(line.strip_prefix(prefix)?).ok()?;
    Some(text.split_once(' ').unwrap_or((text, "")))
}

/// Which of these capabilities the server does not have.
pub(crate) fn missing<'a>(wanted: &'a [String], has: &[String]) -> Vec<&'a str> {
    let has_it = |wanted: &str| has.iter().any(|has| has.eq_ignore_ascii_case(wanted));
    wanted.iter().map(String::as_str).filter(|wanted| !has_it(wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_are_read() {
        assert_eq!(Greeting::read(b"* OK [CAPABILITY IMAP4rev1] ready"), Some(Greeting::Ok));
        assert_eq!(Greeting::read(b"* PREAUTH hello"), Some(Greeting::Authenticated));
        assert_eq!(Greeting::read(b"* bye"), Some(Greeting::Bye));
        for line in [&b"+OK POP3"[..], b"* 3 EXISTS", b"*", b"", b"* \xff"] {
            assert_eq!(Greeting::read(line), None, "{line:?}");
        }
    }

    #[test]
    fn answers_are_read() {
        let has = capabilities(b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN").unwrap();
        assert_eq!(has, ["IMAP4rev1", "STARTTLS", "AUTH=PLAIN"]);
        assert_eq!(capabilities(b"* OK CAPABILITY"), None);
        assert_eq!(
            (end(b"a1 OK done", "a1"), end(b"a1 BAD what", "a1"), end(b"a2 OK", "a1")),
            (Some(true), Some(false), None)
        );
        let wanted = ["imap4REV1", "IDLE"].map(str::to_owned);
        assert_eq!(missing(&wanted, &has), ["IDLE"]);
    }
}
