//! The protocol of Redis (RESP 2), as far as a client of this kind needs it: what it sends is arrays of strings, and what it
//! gets is a line or one string.

/// A command, as an array of strings of any bytes.
pub(crate) fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    for word in words {
        bytes.extend([&format!("${}\r\n", word.len()), *word, "\r\n"]);
    }
    bytes.into_bytes()
}

/// What a reply begins with: its first line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head<'a> {
    /// A word or a few: all is well.
    Simple(&'a [u8]),
    /// The command was refused; the text begins with a word that says how.
    Error(&'a [u8]),
    /// A string of so many bytes follows.
    Bulk(u64),
    /// Something else, which no command of this client is answered with.
    Other,
}

impl<'a> Head<'a> {
    /// `None` if the line is none of this protocol's.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let (kind, rest) = line.split_first()?;
        match kind {
            b'+' => Some(Self::Simple(rest)),
            b'-' => Some(Self::Error(rest)),
            b'$' if rest == b"-1" => Some(Self::Other),
            b'$' => number(rest).map(Self::Bulk),
            b':' | b'*' => number(rest.strip_prefix(b"-").unwrap_or(rest)).map(|_| Self::Other),
            _ => None,
        }
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    // What `parse` would take beside digits is a sign.
    digits.first().filter(|first| first.is_ascii_digit())?;
    str::from_utf8(digits).ok()?.parse().ok()
}

/// What an error that may come in answer to any command says of the server, as the continuation of a sentence about it; and
/// whether it lasts until somebody does something about it.
pub(crate) fn meaning(error: &[u8]) -> Option<(&'static str, bool)> {
    let text = String::from_utf8_lossy(error);
    if text.starts_with("ERR max number of clients") {
        return Some(("takes no more clients", false));
    }
    match text.split(' ').next().unwrap_or_default() {
        "WRONGPASS" => Some(("refused the credentials", true)),
        "NOAUTH" => Some(("asks for a password", true)),
        "NOPERM" => Some(("does not permit this user to do that", true)),
        "DENIED" => Some(("is in protected mode, and talks to its own machine alone", true)),
        "LOADING" => Some(("is still loading its data", false)),
        "MASTERDOWN" => Some(("is a replica that lost its master, and serves no stale data", false)),
        "BUSY" => Some(("is busy with a script", false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_says_how_long_its_words_are() {
        assert_eq!(command(&["PING"]), b"*1\r\n$4\r\nPING\r\n");
        assert_eq!(command(&["AUTH", "pä\r\n"]), "*2\r\n$4\r\nAUTH\r\n$5\r\npä\r\n\r\n".as_bytes());
    }

    #[test]
    fn heads_are_told_apart() {
        for (line, head) in [
            ("+PONG", Some(Head::Simple(b"PONG"))),
            ("+", Some(Head::Simple(b""))),
            ("-ERR no", Some(Head::Error(b"ERR no"))),
            ("$0", Some(Head::Bulk(0))),
            ("$512", Some(Head::Bulk(512))),
            ("$-1", Some(Head::Other)),
            (":-7", Some(Head::Other)),
            ("*3", Some(Head::Other)),
            ("*-1", Some(Head::Other)),
            ("", None),
            ("$", None),
            ("$+5", None),
            ("$-5", None),
            ("$5x", None),
            ("$99999999999999999999", None),
            ("*", None),
            ("HTTP/1.1 400 Bad Request", None),
            ("220 mail.example ESMTP", None),
        ] {
            assert_eq!(Head::parse(line.as_bytes()), head, "{line}");
        }
        assert_eq!(Head::parse(b"$\xff"), None);
    }

    #[test]
    fn errors_have_a_meaning() {
        for (error, permanent) in [
            ("WRONGPASS invalid username-password pair or user is disabled.", Some(true)),
            ("NOAUTH Authentication required.", Some(true)),
            ("NOPERM this user has no permissions to run the 'info' command", Some(true)),
            ("DENIED Redis is running in protected mode", Some(true)),
            ("LOADING Redis is loading the dataset in memory", Some(false)),
            ("MASTERDOWN Link with MASTER is down", Some(false)),
            ("BUSY Redis is busy running a script.", Some(false)),
            ("ERR max number of clients reached", Some(false)),
            ("ERR unknown command 'PING'", None),
            ("LOADINGS", None),
            ("", None),
        ] {
            assert_eq!(meaning(error.as_bytes()).map(|(_, permanent)| permanent), permanent, "{error}");
        }
    }
}
