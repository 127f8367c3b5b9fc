//! The lines of the protocol of NATS, as far as a client of this kind says and hears them.

use std::fmt::Write;

/// What a line of the server's says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// What the server is, as JSON.
    Info(&'a str),
    Ping,
    Pong,
    Ok,
    Error,
    /// A message follows.
    Message(Message<'a>),
}

/// The head of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) subject: &'a str,
    /// The number that the subscription was given.
    pub(crate) subscription: u64,
    /// Bytes of its headers.
    pub(crate) headers: u64,
    /// Bytes of all of it, headers included.
    pub(crate) bytes: u64,
}

impl<'a> Line<'a> {
    /// `None` if the line is none of this protocol's.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let line = str::from_utf8(line).ok()?;
        let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        match word.to_ascii_uppercase().as_str() {
            "INFO" => Some(Self::Info(rest.trim())),
            "PING" => Some(Self::Ping),
            "PONG" => Some(Self::Pong),
            "+OK" => Some(Self::Ok),
            "-ERR" => Some(Self::Error),
            "MSG" => Message::parse(rest, false).map(Self::Message),
            "HMSG" => Message::parse(rest, true).map(Self::Message),
            _ => None,
        }
    }
}

impl<'a> Message<'a> {
    /// `subject number [reply-to] [#headers] #bytes`, of which the fourth is there if the message has headers.
    fn parse(text: &'a str, has_headers: bool) -> Option<Self> {
        let mut parts = text.split_ascii_whitespace();
        let (subject, subscription) = (parts.next()?, parts.next()?.parse().ok()?);
        let bytes = parts.next_back()?.parse().ok()?;
        let headers = if has_headers { parts.next_back()?.parse().ok()? } else { 0 };
        let (_reply_to, rest) = (parts.next(), parts.next());
        (rest.is_none() && headers <= bytes).then_some(Self { subject, subscription, headers, bytes })
    }
}

/// Whether the headers of a message say that nobody listens where it was asked for an answer.
pub(crate) fn is_from_nobody(headers: &[u8]) -> bool {
    headers.starts_with(b"NATS/1.0 503")
}

/// What a client tells of itself: `headers` is whether the server knows them, and `credentials` are names of fields with
/// their values.
pub(crate) fn connect(headers: bool, credentials: &[(&str, &str)]) -> String {
    let mut text = String::from("CONNECT {");
    for (name, value) in credentials {
        // Writing to a String does not fail.
        let _ = write!(text, "\"{name}\":\"{}\",", escaped(value));
    }
    let version = env!("CARGO_PKG_VERSION");
    // Nor does it here.
    let _ = write!(
        text,
        "\"verbose\":false,\"pedantic\":false,\"lang\":\"probity\",\"version\":\"{version}\",\"protocol\":1,\
         \"echo\":true,\"headers\":{headers},\"no_responders\":{headers}}}\r\n"
    );
    text
}

/// A text as JSON writes it between quotes (RFC 8259, section 7).
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '"' | '\\' => escaped.extend(['\\', character]),
            '\0'..='\x1f' => {
                // Writing to a String does not fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// What an error says of the server, as the continuation of a sentence about it; and whether it lasts until somebody does
/// something about it. The texts are those of the server's sources (errors.go, client.go).
pub(crate) fn meaning(error: &[u8], with_credentials: bool) -> (&'static str, bool) {
    let text = String::from_utf8_lossy(error).to_ascii_lowercase();
    let has = |part: &str| text.contains(part);
    if has("'authorization violation") {
        (if with_credentials { "refused the credentials" } else { "asks for credentials" }, true)
    } else if has("authentication expired") || has("authentication revoked") {
        ("says that the credentials have expired", true)
    } else if has("'permissions violation") {
        ("does not permit this user to do that", true)
    } else if has("tls required") {
        ("asks for TLS: set `tls` to true", true)
    } else if has("connections exceeded") {
        ("takes no more clients", false)
    } else if has("'authentication timeout") {
        ("gave too little time to log in", false)
    } else {
        ("reports an error", false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let message = |subject, subscription, headers, bytes| {
            Some(Line::Message(Message { subject, subscription, headers, bytes }))
        };
        for (line, expected) in [
            ("INFO {\"version\":\"2.9\"} ", Some(Line::Info("{\"version\":\"2.9\"}"))),
            ("info\t{}", Some(Line::Info("{}"))),
            ("INFO", Some(Line::Info(""))),
            ("PING", Some(Line::Ping)),
            ("pong", Some(Line::Pong)),
            ("+OK", Some(Line::Ok)),
            ("-ERR 'Unknown Protocol Operation'", Some(Line::Error)),
            ("MSG a.b 1 5", message("a.b", 1, 0, 5)),
            ("MSG a.b 1 reply 5", message("a.b", 1, 0, 5)),
            ("MSG  a.b\t1  5 ", message("a.b", 1, 0, 5)),
            ("HMSG a.b 2 16 16", message("a.b", 2, 16, 16)),
            ("HMSG a.b 2 reply 16 20", message("a.b", 2, 16, 20)),
            ("MSG a.b 1 99999999999", message("a.b", 1, 0, 99_999_999_999)),
            ("MSG a.b 1", None),
            ("MSG a.b x 5", None),
            ("MSG a.b 1 -5", None),
            ("MSG a.b 1 reply more 5", None),
            ("HMSG a.b 2 16", None),
            ("HMSG a.b 2 17 16", None),
            ("", None),
            ("HTTP/1.1 400 Bad Request", None),
            ("PINGS", None),
        ] {
            assert_eq!(Line::parse(line.as_bytes()), expected, "{line}");
        }
        assert_eq!(Line::parse(b"INFO \xff"), None);
    }

    #[test]
    fn a_client_tells_of_itself_in_json() {
        let told = connect(true, &[("user", "a\"b\\"), ("pass", "ä\n")]);
        let json = told.strip_prefix("CONNECT ").unwrap().strip_suffix("\r\n").unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!((&json["user"], &json["pass"]), (&"a\"b\\".into(), &"ä\n".into()));
        assert_eq!(
            (&json["verbose"], &json["headers"], &json["no_responders"]),
            (&false.into(), &true.into(), &true.into())
        );
        assert!(connect(false, &[]).ends_with(",\"headers\":false,\"no_responders\":false}\r\n"));
    }

    #[test]
    fn errors_have_a_meaning() {
        for (error, meant) in [
            ("-ERR 'Authorization Violation'", ("refused the credentials", true)),
            ("-ERR 'User Authentication Expired'", ("says that the credentials have expired", true)),
            ("-ERR 'Permissions Violation for Publish to \"a\"'", ("does not permit this user to do that", true)),
            ("-ERR 'Secure Connection - TLS Required'", ("asks for TLS: set `tls` to true", true)),
            ("-ERR 'maximum connections exceeded'", ("takes no more clients", false)),
            ("-ERR 'Authentication Timeout'", ("gave too little time to log in", false)),
            ("-ERR 'Unknown Protocol Operation'", ("reports an error", false)),
            ("-ERR", ("reports an error", false)),
        ] {
            assert_eq!(meaning(error.as_bytes(), true), meant);
        }
        assert_eq!(meaning(b"-ERR 'Authorization Violation'", false), ("asks for credentials", true));
    }

    #[test]
    fn nobody_is_told_from_somebody() {
        assert!(is_from_nobody(b"NATS/1.0 503\r\n\r\n"));
        assert!(!is_from_nobody(b"NATS/1.0\r\n\r\n") && !is_from_nobody(b""));
    }
}
