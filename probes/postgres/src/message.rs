//! Messages of the frontend/backend protocol, version 3 (PostgreSQL's documentation, chapter 55).

use std::fmt;

use crate::complaint::Complaint;

/// Asks whether the server takes TLS: a length of 8, and the code 80877103.
pub(crate) const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// The bytes of a message before its body: its kind, and a length that counts itself.
pub(crate) const HEAD: usize = 5;
/// Bytes of one message: as many as of a whole session, so that one value may have them.
const MOST_BODY: usize = 1024 * 1024;
/// Columns of a row that are kept; a probe's own question has fewer.
const MOST_COLUMNS: usize = 8;

/// The first message, which has no kind: version 3.0, and parameters of the session.
pub(crate) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    const VERSION: u32 = 3 << 16;
    let mut body = VERSION.to_be_bytes().to_vec();
    for text in parameters.iter().flat_map(|(name, value)| [name, value]) {
        body.extend(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    [length(&body).as_slice(), &body].concat()
}

/// A message of the client's.
pub(crate) fn encode(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], length(body).as_slice(), body].concat()
}

/// A query in the simple manner: the text ends at a NUL.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    encode(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

/// Takes leave.
pub(crate) fn terminate() -> Vec<u8> {
    encode(b'X', b"")
}

fn length(body: &[u8]) -> [u8; 4] {
    (body.len() as u32 + 4).to_be_bytes()
}

/// How a server broke the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// It does not speak it at all.
    Foreign,
    /// A message is longer than any of use.
    Length(usize),
    /// A message ends before it should, or is otherwise malformed.
    Malformed(u8),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("sent what is no message"),
            Self::Length(length) => {
                write!(f, "sent a message of {length} bytes, and this probe takes {MOST_BODY}: ask for less")
            }
            Self::Malformed(kind) => write!(f, "sent a malformed message of the kind {}", char::from(*kind)),
        }
    }
}

/// What a message begins with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: u8,
    /// The bytes that follow.
    pub(crate) length: usize,
}

impl Head {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Violation> {
        let [kind, length @ ..] = bytes else { return Err(Violation::Foreign) };
        let length = length.try_into().map(u32::from_be_bytes).map_err(|_| Violation::Foreign)?;
        let length = (length as usize).checked_sub(4).ok_or(Violation::Foreign)?;
        let is_known = b"123ACDEGHIKNRSTVWZcdnstv".contains(kind);
        match length {
            _ if !is_known => Err(Violation::Foreign),
            0..=MOST_BODY => Ok(Self { kind: *kind, length }),
            // Another protocol's text makes a length beyond all reason.
            _ if length > i32::MAX as usize / 8 => Err(Violation::Foreign),
            _ => Err(Violation::Length(length)),
        }
    }
}

/// A message of the server's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Authentication(Request),
    /// A parameter of the session, and its value.
    Parameter(String, String),
    /// The server waits for the next query.
    Ready,
    /// The first columns of a row, as text; `None` is NULL.
    Row(Vec<Option<Vec<u8>>>),
    Error(Complaint),
    /// The server waits for data to copy.
    CopyIn,
    /// One that is of no interest here.
    Other,
}

/// What the server asks for when a client logs in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Nothing more.
    Done,
    Cleartext,
    /// With a salt.
    Md5([u8; 4]),
    /// By one of these mechanisms.
    Sasl(Vec<String>),
    SaslContinue(Vec<u8>),
    SaslFinal(Vec<u8>),
    /// By what has this number.
    Unknown(u32),
}

impl Message {
    pub(crate) fn parse(kind: u8, body: &[u8]) -> Result<Self, Violation> {
        let parsed = match kind {
            b'R' => Request::parse(body).map(Self::Authentication),
            b'S' => parameter(body),
            b'Z' => Some(Self::Ready),
            b'D' => row(body).map(Self::Row),
            b'E' => Some(Self::Error(Complaint::parse(body))),
            b'G' | b'W' => Some(Self::CopyIn),
            _ => Some(Self::Other),
        };
        parsed.ok_or(Violation::Malformed(kind))
    }
}

impl Request {
    fn parse(body: &[u8]) -> Option<Self> {
        let (number, rest) = body.split_first_chunk()?;
        Some(match u32::from_be_bytes(*number) {
            0 => Self::Done,
            3 => Self::Cleartext,
            5 => Self::Md5(rest.try_into().ok()?),
            10 => {
                let names = rest.split(|byte| *byte == 0).filter(|name| !name.is_empty());
                Self::Sasl(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
            }
            11 => Self::SaslContinue(rest.to_vec()),
            12 => Self::SaslFinal(rest.to_vec()),
            other => Self::Unknown(other),
        })
    }
}

fn parameter(body: &[u8]) -> Option<Message> {
    let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    Some(Message::Parameter(texts.next()?, texts.next()?))
}

fn row(body: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
    let (columns, mut rest) = body.split_first_chunk()?;
    let mut row = Vec::new();
    for _ in 0..usize::from(u16::from_be_bytes(*columns)).min(MOST_COLUMNS) {
        let (length, after) = rest.split_first_chunk()?;
        rest = after;
        row.push(match i32::from_be_bytes(*length) {
            -1 => None,
            length => {
                let (value, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                rest = after;
                Some(value.to_vec())
            }
        });
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_says_is_as_documented() {
        assert_eq!(startup(&[("user", "a")]), b"\0\0\0\x10\0\x03\0\0user\0a\0\0");
        assert_eq!(u32::from_be_bytes(TLS_REQUEST[4..].try_into().unwrap()), 80_877_103);
        assert_eq!(query("SELECT 1"), b"Q\0\0\0\x0dSELECT 1\0");
        assert_eq!(terminate(), b"X\0\0\0\x04");
    }

    #[test]
    fn heads_are_read_and_foreign_ones_are_told() {
        assert_eq!(Head::parse(b"Z\0\0\0\x05"), Ok(Head { kind: b'Z', length: 1 }));
        for (bytes, violation) in [
            (b"Z\0\0\0\x03", Violation::Foreign),
            (b"220 m", Violation::Foreign),
            (b"HTTP/", Violation::Foreign),
            (b"\0\0\0\0\0", Violation::Foreign),
            (b"D\0\x20\0\0", Violation::Length(2_097_148)),
            (b"D\xff\xff\xff\xff", Violation::Foreign),
        ] {
            assert_eq!(Head::parse(bytes), Err(violation), "{bytes:?}");
        }
        assert_eq!(Head::parse(b"Z"), Err(Violation::Foreign));
    }

    #[test]
    fn messages_are_read() {
        let authentication = |request| Ok(Message::Authentication(request));
        for (kind, body, message) in [
            (b'R', b"\0\0\0\0".as_slice(), authentication(Request::Done)),
            (b'R', b"\0\0\0\x03", authentication(Request::Cleartext)),
            (b'R', b"\0\0\0\x05abcd", authentication(Request::Md5(*b"abcd"))),
            (b'R', b"\0\0\0\x05abc", Err(Violation::Malformed(b'R'))),
            (b'R', b"\0\0\0\x0aA\0B\0\0", authentication(Request::Sasl(vec!["A".to_owned(), "B".to_owned()]))),
            (b'R', b"\0\0\0\x0bxy", authentication(Request::SaslContinue(b"xy".to_vec()))),
            (b'R', b"\0\0\0\x07", authentication(Request::Unknown(7))),
            (b'R', b"\0\0", Err(Violation::Malformed(b'R'))),
            (b'S', b"a\0b\0", Ok(Message::Parameter("a".to_owned(), "b".to_owned()))),
            (b'S', b"a", Err(Violation::Malformed(b'S'))),
            (b'Z', b"I", Ok(Message::Ready)),
            (b'G', b"", Ok(Message::CopyIn)),
            (b'N', b"anything", Ok(Message::Other)),
        ] {
            assert_eq!(Message::parse(kind, body), message, "{} {body:?}", char::from(kind));
        }
    }

    #[test]
    fn rows_are_read_as_far_as_they_go() {
        let row = |body: &[u8]| Message::parse(b'D', body);
        let columns = vec![Some(b"on".to_vec()), None, Some(Vec::new())];
        assert_eq!(row(b"\0\x03\0\0\0\x02on\xff\xff\xff\xff\0\0\0\0"), Ok(Message::Row(columns)));
        assert_eq!(row(b"\0\0"), Ok(Message::Row(Vec::new())));
        let many = [b"\x01\0".as_slice(), &[0; 1024]].concat();
        assert_eq!(row(&many), Ok(Message::Row(vec![Some(Vec::new()); MOST_COLUMNS])));
        for cut in
            [b"".as_slice(), b"\0\x01", b"\0\x01\0\0\0\x02o", b"\0\x01\xff\xff\xff\xfe", b"\0\x01\x7f\xff\xff\xff"]
        {
            assert_eq!(row(cut), Err(Violation::Malformed(b'D')), "{cut:?}");
        }
    }
}
