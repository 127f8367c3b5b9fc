//! The methods of AMQP 0-9-1 that a broker calls, read from bytes that may be anything.

use probity_guest::reader::Reader;

use crate::queue::Depth;

/// A method, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The broker begins.
    Start(Start),
    /// Limits that it sets: channels, and bytes of a frame; zero is none.
    Tune(u16, u32),
    /// It ends the connection.
    Close(Reason),
    /// It takes no messages for now.
    Blocked(String),
    /// It ends the channel.
    ChannelClose(Reason),
    /// A queue is there.
    Declared(String, Depth),
    /// The consumer has ended.
    Cancel,
    /// It gives a message back.
    Return(Reason),
    /// A message with this routing key follows.
    Deliver(String),
    /// It has taken the message with this number, and perhaps all before it.
    Ack(u64, bool),
    /// It has not.
    Nack,
    /// Another, by the numbers of its class and of itself.
    Other(u16, u16),
}

/// What a broker tells of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) product: String,
    pub(crate) version: String,
    pub(crate) cluster: String,
    /// The ways to log in, with spaces between them.
    pub(crate) mechanisms: String,
}

/// Why something is at an end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) code: u16,
    pub(crate) words: String,
}

impl Reason {
    /// The code of credentials that are wrong, and of what the user may not do.
    pub(crate) const ACCESS_REFUSED: u16 = 403;
    /// The code of a virtual host that is not there, or not for this user.
    const NOT_ALLOWED: u16 = 530;

    /// Whether it lasts until somebody does something about it. Beside those above: invalid path, not found, precondition
    /// failed, and not implemented.
    pub(crate) fn is_permanent(&self) -> bool {
        match self.code {
            // RabbitMQ says so as well to one connection too many: `connection limit (10) is reached`.
            Self::NOT_ALLOWED => !self.words.contains("connection limit ("),
            code => matches!(code, Self::ACCESS_REFUSED | 402 | 404 | 406 | 540),
        }
    }
}

impl Method {
    /// `None` if it is malformed.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut arguments = Reader::new(payload);
        let (class, method) = (arguments.u16()?, arguments.u16()?);
        Some(match (class, method) {
            (10, 10) => Self::Start(Start::parse(arguments)?),
            (10, 30) => Self::Tune(arguments.u16()?, arguments.u32()?),
            (10, 50) => Self::Close(reason(&mut arguments)?),
            (10, 60) => Self::Blocked(short(&mut arguments)?),
            (20, 40) => Self::ChannelClose(reason(&mut arguments)?),
            (50, 11) => {
                let name = short(&mut arguments)?;
                Self::Declared(name, Depth { messages: arguments.u32()?, consumers: arguments.u32()? })
            }
            (60, 30) => Self::Cancel,
            (60, 50) => Self::Return(reason(&mut arguments)?),
            (60, 60) => {
                let (_consumer, _tag, _redelivered) = (short(&mut arguments)?, arguments.u64()?, arguments.byte()?);
                let (_exchange, key) = (short(&mut arguments)?, short(&mut arguments)?);
                Self::Deliver(key)
            }
            (60, 80) => Self::Ack(arguments.u64()?, arguments.byte()? & 1 == 1),
            (60, 120) => Self::Nack,
            (class, method) => Self::Other(class, method),
        })
    }
}

impl Start {
    fn parse(mut arguments: Reader<'_>) -> Option<Self> {
        let _version = arguments.u16()?;
        let mut start = Self::default();
        let length = arguments.u32()?;
        let mut properties = Reader::new(arguments.take(length as usize)?);
        // They are told for what they are worth: one that is not understood ends them.
        while let Some((name, text)) = field(&mut properties) {
            match name.as_str() {
                "product" => start.product = text,
                "version" => start.version = text,
                "cluster_name" => start.cluster = text,
                _ => {}
            }
        }
        start.mechanisms = long(&mut arguments)?;
        Some(start)
    }
}

/// The bytes of a message that follow a header: `None` if the header is malformed.
pub(crate) fn body_length(header: &[u8]) -> Option<u64> {
    let mut header = Reader::new(header);
    let (_class, _weight) = (header.u16()?, header.u16()?);
    header.u64()
}

/// A code and the broker's words; of what follows nothing matters.
fn reason(arguments: &mut Reader<'_>) -> Option<Reason> {
    Some(Reason { code: arguments.u16()?, words: short(arguments)? })
}

fn short(reader: &mut Reader<'_>) -> Option<String> {
    let length = reader.byte()?;
    Some(String::from_utf8_lossy(reader.take(length.into())?).into_owned())
}

fn long(reader: &mut Reader<'_>) -> Option<String> {
    let length = reader.u32()?;
    Some(String::from_utf8_lossy(reader.take(length as usize)?).into_owned())
}

/// The next field of a table; a value that is no text is passed over, and empty.
fn field(table: &mut Reader<'_>) -> Option<(String, String)> {
    let name = short(table)?;
    // The kinds of values as RabbitMQ has them, which differ from the standard's.
    let length = match table.byte()? {
        b'S' => return Some((name, long(table)?)),
        b't' | b'b' | b'B' => 1,
        b's' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'l' | b'd' | b'T' | b'L' => 8,
        b'D' => 5,
        b'V' => 0,
        b'F' | b'A' | b'x' => table.u32()? as usize,
        _ => return None,
    };
    table.take(length)?;
    Some((name, String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(code: u16, words: &str) -> Reason {
        Reason { code, words: words.to_owned() }
    }

    #[test]
    fn methods_are_read() {
        let read = |bytes: &[u8]| Method::parse(bytes);
        assert_eq!(read(b"\0\x0a\0\x1e\x07\xff\0\x02\0\0\0\x3c"), Some(Method::Tune(2047, 131_072)));
        let refused = b"\0\x0a\0\x32\x01\x93\x02no\0\0\0\0";
        assert_eq!(read(refused), Some(Method::Close(reason(403, "no"))));
        assert_eq!(read(b"\0\x14\0\x28\x01\x94\x02no\0\x32\0\x0a"), Some(Method::ChannelClose(reason(404, "no"))));
        let depth = Depth { messages: 3, consumers: 1 };
        assert_eq!(read(b"\0\x32\0\x0b\x01q\0\0\0\x03\0\0\0\x01"), Some(Method::Declared("q".to_owned(), depth)));
        assert_eq!(read(b"\0\x3c\0\x3c\x01c\0\0\0\0\0\0\0\x01\0\0\x01k"), Some(Method::Deliver("k".to_owned())));
        assert_eq!(read(b"\0\x3c\0\x50\0\0\0\0\0\0\0\x09\x01"), Some(Method::Ack(9, true)));
        assert_eq!(read(b"\0\x3c\0\x32\x01\x38\x08NO_ROUTE\0\0"), Some(Method::Return(reason(312, "NO_ROUTE"))));
        assert_eq!(read(b"\0\x0a\0\x3c\x06memory"), Some(Method::Blocked("memory".to_owned())));
        assert_eq!(read(b"\0\x14\0\x0b\0\0\0\0"), Some(Method::Other(20, 11)));
        assert_eq!(body_length(b"\0\x3c\0\0\0\0\0\0\0\0\x01\0\0\0"), Some(256));
    }

    #[test]
    fn a_broker_tells_of_itself() {
        let table =
            b"\x0ccapabilitiesF\0\0\0\x04\x01at\x01\x01nI\0\0\0\x07\x07productS\0\0\0\x01R\x07versionS\0\0\0\x033.1";
        let mut start = b"\0\x0a\0\x0a\0\x09".to_vec();
        start.extend((table.len() as u32).to_be_bytes());
        start.extend(table);
        start.extend(b"\0\0\0\x05PLAIN\0\0\0\x05en_US");
        let expected = Start {
            product: "R".to_owned(),
            version: "3.1".to_owned(),
            cluster: String::new(),
            mechanisms: "PLAIN".to_owned(),
        };
        assert_eq!(Method::parse(&start), Some(Method::Start(expected)));
        // Whatever is cut off is missed, and nothing goes beyond the end.
        for end in 0..start.len() - 9 {
            assert_eq!(Method::parse(&start[..end]), None, "{end}");
        }
        // A value of a kind that nobody knows hides what follows, and no more.
        let odd = b"\0\x0a\0\x0a\0\x09\0\0\0\x04\x01x?!\0\0\0\x01P";
        assert!(matches!(Method::parse(odd), Some(Method::Start(Start { mechanisms, .. })) if mechanisms == "P"));
    }

    #[test]
    fn a_reason_lasts_or_passes() {
        let vhost = "NOT_ALLOWED - access to vhost 'a' refused for user 'limited'";
        assert!(reason(530, vhost).is_permanent() && reason(404, "NOT_FOUND").is_permanent());
        assert!(!reason(530, &format!("{vhost}: connection limit (1) is reached")).is_permanent());
        assert!(!reason(320, "CONNECTION_FORCED").is_permanent() && !reason(405, "RESOURCE_LOCKED").is_permanent());
    }

    #[test]
    fn nonsense_is_none() {
        for nonsense in [
            b"".as_slice(),
            b"\0\x0a\0",
            b"\0\x0a\0\x0a\0\x09\xff\xff\xff\xff",
            b"\0\x0a\0\x32\x01\x93\xff",
            b"\0\x32\0\x0b\x09q",
            b"\0\x3c\0\x3c\x01c\0",
            b"\0\x3c\0\x50\0",
        ] {
            assert_eq!(Method::parse(nonsense), None, "{nonsense:?}");
        }
        assert_eq!(body_length(b"\0\x3c\0\0\0"), None);
    }
}
