//! The lines of the text protocol of memcached (protocol.txt of its sources), as far as a client of this kind gets them.

/// What a line of the server's says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply<'a> {
    Version(&'a str),
    Stored,
    /// A value of so many bytes follows.
    Value {
        key: &'a str,
        bytes: u64,
    },
    /// There are no more values.
    End,
    Deleted,
    NotFound,
    /// Nothing was stored, and that is no error.
    NotStored,
    /// The command was refused.
    Error,
}

impl<'a> Reply<'a> {
    /// `None` if the line is none of this protocol's.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let line = str::from_utf8(line).ok()?;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest) {
            ("VERSION", version) if !version.is_empty() => Some(Self::Version(version)),
            ("VALUE", rest) => {
                let mut parts = rest.split(' ');
                let key = parts.next().filter(|key| !key.is_empty())?;
                let _flags: u32 = parts.next()?.parse().ok()?;
                let bytes = parts.next()?.parse().ok()?;
                Some(Self::Value { key, bytes })
            }
            ("ERROR" | "CLIENT_ERROR" | "SERVER_ERROR", _) => Some(Self::Error),
            ("STORED", "") => Some(Self::Stored),
            ("NOT_STORED", "") => Some(Self::NotStored),
            ("END", "") => Some(Self::End),
            ("DELETED", "") => Some(Self::Deleted),
            ("NOT_FOUND", "") => Some(Self::NotFound),
            _ => None,
        }
    }
}

/// What an error says of the server, as the continuation of a sentence about it; and whether it lasts until somebody does
/// something about it.
pub(crate) fn meaning(error: &[u8]) -> (&'static str, bool) {
    let begins = |text: &str| error.starts_with(text.as_bytes());
    if begins("CLIENT_ERROR unauthenticated") {
        ("asks for credentials, and this probe gives none", true)
    } else if begins("ERROR Too many open connections") {
        ("takes no more clients", false)
    } else if begins("SERVER_ERROR out of memory") {
        ("has no memory left", false)
    } else {
        ("refused the command", false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        for (line, reply) in [
            ("VERSION 1.6.18", Some(Reply::Version("1.6.18"))),
            ("STORED", Some(Reply::Stored)),
            ("NOT_STORED", Some(Reply::NotStored)),
            ("VALUE a 0 32", Some(Reply::Value { key: "a", bytes: 32 })),
            ("VALUE a 7 32 99", Some(Reply::Value { key: "a", bytes: 32 })),
            ("END", Some(Reply::End)),
            ("DELETED", Some(Reply::Deleted)),
            ("NOT_FOUND", Some(Reply::NotFound)),
            ("ERROR", Some(Reply::Error)),
            ("ERROR Too many open connections", Some(Reply::Error)),
            ("CLIENT_ERROR line too long", Some(Reply::Error)),
            ("SERVER_ERROR out of memory storing object", Some(Reply::Error)),
            ("", None),
            ("VERSION", None),
            ("VERSION ", None),
            ("VALUE", None),
            ("VALUE a 0", None),
            ("VALUE  0 32", None),
            ("VALUE a x 32", None),
            ("VALUE a 0 -1", None),
            ("VALUE a 0 99999999999999999999", None),
            ("STORED twice", None),
            ("ERRORS", None),
            ("-ERR unknown command", None),
        ] {
            assert_eq!(Reply::parse(line.as_bytes()), reply, "{line}");
        }
        assert_eq!(Reply::parse(b"VERSION \xff"), None);
    }

    #[test]
    fn errors_have_a_meaning() {
        for (error, meant) in [
            ("CLIENT_ERROR unauthenticated", ("asks for credentials, and this probe gives none", true)),
            ("ERROR Too many open connections", ("takes no more clients", false)),
            ("SERVER_ERROR out of memory storing object", ("has no memory left", false)),
            ("ERROR", ("refused the command", false)),
        ] {
            assert_eq!(meaning(error.as_bytes()), meant);
        }
    }
}
