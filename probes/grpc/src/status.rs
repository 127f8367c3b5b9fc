//! How a call of gRPC ended: `grpc-status` and `grpc-message` (gRPC over HTTP/2, "Responses").

/// The codes, each at its place (grpc.io/docs/guides/status-codes).
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Status<'a> {
    /// The code as the server wrote it.
    pub(crate) code: &'a [u8],
    /// The code's name, if there is such a code.
    pub(crate) name: Option<&'static str>,
    /// What the server says of it, in bytes that should be text.
    pub(crate) message: Vec<u8>,
}

impl<'a> Status<'a> {
    /// What these fields say, be they the trailers, or the headers of an answer that consists of them alone. `None` if they do
    /// not say how the call ended.
    pub(crate) fn of(fields: &'a [(String, Vec<u8>)]) -> Option<Self> {
        let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice());
        let code = field("grpc-status")?;
        let number = str::from_utf8(code).ok().and_then(|code| code.parse::<usize>().ok());
        let name = number.and_then(|number| NAMES.get(number)).copied();
        Some(Self { code, name, message: field("grpc-message").map(decoded).unwrap_or_default() })
    }
}

/// Text without its percent-encoding; what is none stays as it is, as the protocol has it.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, others)) = rest.split_first() {
        let encoded = match others {
            [high, low, ..] if *first == b'%' => digit(high).zip(digit(low)),
            _ => None,
        };
        match encoded {
            Some((high, low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, &str)]) -> Option<(Option<&'static str>, String)> {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        Status::of(&fields).map(|status| (status.name, String::from_utf8(status.message).unwrap()))
    }

    #[test]
    fn a_code_is_called_by_its_name() {
        for (code, name) in [("0", "OK"), ("5", "NOT_FOUND"), ("16", "UNAUTHENTICATED")] {
            assert_eq!(of(&[("grpc-status", code)]).unwrap().0, Some(name));
        }
        for code in ["17", "99999999999999999999", "-1", "0 ", "", "OK"] {
            assert_eq!(of(&[("grpc-status", code)]).unwrap().0, None, "{code:?}");
        }
        assert_eq!(of(&[("grpc-message", "well")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_message_is_decoded() {
        for (message, text) in [
            ("no such thing", "no such thing"),
            ("%F0%9F%90%a2: 100%25", "\u{1f422}: 100%"),
            // What is no percent-encoding is left alone.
            ("100%", "100%"),
            ("%2", "%2"),
            ("%zz%20", "%zz "),
            ("%+1%", "%+1%"),
        ] {
            assert_eq!(of(&[("grpc-status", "2"), ("grpc-message", message)]).unwrap().1, text);
        }
        assert_eq!(decoded(b"%ff"), [0xff]);
    }
}
