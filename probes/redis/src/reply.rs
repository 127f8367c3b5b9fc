//! The protocol of Redis (RESP 2): what is sent is arrays of strings, and what comes begins with a line that says what it is.

/// A command, as an array of strings of any bytes.
pub(crate) fn command<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(word);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// What a reply begins with: its first line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head<'a> {
    /// A word or a few: all is well.
    Simple(&'a [u8]),
    /// The command was refused; the text begins with a word that says how.
    Error(&'a [u8]),
    /// A whole number, as it was written.
    Number(&'a [u8]),
    /// Nothing, where there could be something.
    Nil,
    /// A string of so many bytes follows.
    Bulk(u64),
    /// So many elements follow.
    Array(u64),
}

impl<'a> Head<'a> {
    /// `None` if the line is none of this protocol's.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let (kind, rest) = line.split_first()?;
        match kind {
            b'+' => Some(Self::Simple(rest)),
            b'-' => Some(Self::Error(rest)),
            b':' => number(rest.strip_prefix(b"-").unwrap_or(rest)).map(|_| Self::Number(rest)),
            b'$' | b'*' if rest == b"-1" => Some(Self::Nil),
            b'$' => number(rest).map(Self::Bulk),
            b'*' => number(rest).map(Self::Array),
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
        "READONLY" => Some(("is a replica that takes no writes", true)),
        "MOVED" => Some(("is a node of a cluster, and that key is on another", true)),
        "CLUSTERDOWN" => Some(("is a node of a cluster that is down", false)),
        "OOM" => Some(("has no memory left", false)),
        "MISCONF" => Some(("takes no writes, since it can't save its data", false)),
        "NOREPLICAS" => Some(("takes no writes, since it has too few replicas", false)),
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
        assert_eq!(command(&[b"GET".to_vec(), vec![0xff]]), b"*2\r\n$3\r\nGET\r\n$1\r\n\xff\r\n");
    }

    #[test]
    fn heads_are_told_apart() {
        for (line, head) in [
            ("+PONG", Some(Head::Simple(b"PONG"))),
            ("+", Some(Head::Simple(b""))),
            ("-ERR no", Some(Head::Error(b"ERR no"))),
            ("$0", Some(Head::Bulk(0))),
            ("$512", Some(Head::Bulk(512))),
            ("$-1", Some(Head::Nil)),
            (":-7", Some(Head::Number(b"-7"))),
            ("*3", Some(Head::Array(3))),
            ("*-1", Some(Head::Nil)),
            ("*-2", None),
            (":", None),
            (":1x", None),
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
            ("READONLY You can't write against a read only replica.", Some(true)),
            ("MOVED 3999 127.0.0.1:6381", Some(true)),
            ("OOM command not allowed when used memory > 'maxmemory'.", Some(false)),
            ("ERR max number of clients reached", Some(false)),
            ("ERR unknown command 'PING'", None),
            ("LOADINGS", None),
            ("", None),
        ] {
            assert_eq!(meaning(error.as_bytes()).map(|(_, permanent)| permanent), permanent, "{error}");
        }
    }
}
