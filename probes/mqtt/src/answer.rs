//! What brokers send: packets of MQTT 3.1.1 and 5, read from bytes that may be anything.

use probity_guest::reader::Reader;

use crate::{packet::Kind, settings::Version};

/// Bytes of the longest head: a first byte, and four for the length (MQTT 5, section 1.5.5).
const MOST_HEAD: usize = 5;

/// What a packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    flags: u8,
    /// Bytes that follow.
    pub(crate) length: usize,
}

impl Head {
    /// Bytes that every head has.
    pub(crate) const LEAST: usize = 2;

    /// Whether a further byte belongs to it.
    pub(crate) fn is_cut(bytes: &[u8]) -> bool {
        bytes.len() < MOST_HEAD && bytes.last().is_none_or(|last| *last >= 0x80)
    }

    /// `None` if no broker sends such a thing.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (first, mut length) = bytes.split_first().map(|(first, rest)| (*first, Reader::new(rest)))?;
        let (kind, flags) = (kind(first >> 4)?, first & 0xf);
        // Bits that mean nothing are fixed (MQTT 5, section 2.1.3).
        let is_right = match kind {
            Kind::Publish => flags & 0b110 != 0b110,
            Kind::PubRel => flags == 0b10,
            _ => flags == 0,
        };
        let length = variable(&mut length).filter(|_| length.is_empty())?;
        is_right.then_some(Self { kind, flags, length })
    }
}

/// What a broker may send.
fn kind(number: u8) -> Option<Kind> {
    use Kind::{Auth, ConnAck, Disconnect, PingResp, PubAck, PubComp, PubRec, PubRel, Publish, SubAck, UnsubAck};
    let all = [ConnAck, Publish, PubAck, PubRec, PubRel, PubComp, SubAck, UnsubAck, PingResp, Disconnect, Auth];
    all.into_iter().find(|kind| *kind as u8 == number)
}

/// A packet, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// The answer to a login.
    ConnAck(Reason, Option<u8>),
    Publish(Publish),
    /// What becomes of the message with this identifier.
    Ack(Kind, u16, Reason),
    /// The answer to a subscription: a code for each topic.
    SubAck(u16, Vec<u8>, String),
    /// The broker ends the session.
    Disconnect(Reason),
    /// One that is of no interest here.
    Other,
}

/// Why something is as it is: a code, and the broker's words if it has any.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) code: u8,
    pub(crate) words: String,
}

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) qos: u8,
    /// Zero for a message of QoS 0, which has none.
    pub(crate) id: u16,
    pub(crate) payload: Vec<u8>,
}

impl Packet {
    /// `None` if it is malformed.
    pub(crate) fn parse(version: Version, head: Head, body: &[u8]) -> Option<Self> {
        let mut body = Reader::new(body);
        Some(match head.kind {
            Kind::ConnAck => {
                let _session_present = body.byte()?;
                let code = body.byte()?;
                // Brokers that know MQTT 3.1.1 alone refuse 5 in the way of 3.1.1, which is without properties.
                let Properties { words, most_qos } = properties_or_end(&mut body)?;
                Self::ConnAck(Reason { code, words }, most_qos)
            }
            Kind::Publish => {
                let topic = text(&mut body)?;
                let qos = head.flags >> 1 & 0b11;
                let id = if qos > 0 { body.u16()? } else { 0 };
                if version == Version::V5 {
                    properties(&mut body)?;
                }
                Self::Publish(Publish { topic, qos, id, payload: body.rest().to_vec() })
            }
            Kind::PubAck | Kind::PubRec | Kind::PubRel | Kind::PubComp => {
                Self::Ack(head.kind, body.u16()?, reason(&mut body)?)
            }
            Kind::SubAck => {
                let id = body.u16()?;
                let words = if version == Version::V5 { properties(&mut body)?.words } else { String::new() };
                Self::SubAck(id, body.rest().to_vec(), words)
            }
            Kind::Disconnect => Self::Disconnect(reason(&mut body)?),
            _ => Self::Other,
        })
    }
}

/// What matters of the properties of a packet of MQTT 5.
#[derive(Default)]
struct Properties {
    words: String,
    most_qos: Option<u8>,
}

/// A number of up to four bytes, with seven bits in each, the lowest first.
fn variable(reader: &mut Reader<'_>) -> Option<usize> {
    let mut number = 0;
    for shift in [0, 7, 14, 21] {
        let byte = reader.byte()?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn text(reader: &mut Reader<'_>) -> Option<String> {
    let length = reader.u16()?;
    Some(String::from_utf8_lossy(reader.take(length.into())?).into_owned())
}

/// A code with properties, of which both may be missing: then all is well (MQTT 5, section 3.4.2.1).
fn reason(reader: &mut Reader<'_>) -> Option<Reason> {
    let Some(code) = reader.byte() else { return Some(Reason::default()) };
    let Properties { words, .. } = properties_or_end(reader)?;
    Some(Reason { code, words })
}

fn properties_or_end(reader: &mut Reader<'_>) -> Option<Properties> {
    if reader.is_empty() { Some(Properties::default()) } else { properties(reader) }
}

/// All properties: each has an identifier, which says how long it is (MQTT 5, section 2.2.2.2).
fn properties(reader: &mut Reader<'_>) -> Option<Properties> {
    const REASON_STRING: u8 = 0x1f;
    const MAXIMUM_QOS: u8 = 0x24;
    let length = variable(reader)?;
    let mut all = Reader::new(reader.take(length)?);
    let mut found = Properties::default();
    while let Some(identifier) = all.byte() {
        match identifier {
            REASON_STRING => found.words = text(&mut all)?,
            MAXIMUM_QOS => found.most_qos = Some(all.byte()?),
            0x01 | 0x17 | 0x19 | 0x25 | 0x28..=0x2a => drop(all.take(1)?),
            0x13 | 0x21..=0x23 => drop(all.take(2)?),
            0x02 | 0x11 | 0x18 | 0x27 => drop(all.take(4)?),
            0x0b => drop(variable(&mut all)?),
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c => drop(text(&mut all)?),
            // A name and a value.
            0x26 => drop((text(&mut all)?, text(&mut all)?)),
            _ => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(version: Version, bytes: &[u8]) -> Option<Packet> {
        let end = (Head::LEAST..=bytes.len()).find(|end| !Head::is_cut(&bytes[..*end]))?;
        let head = Head::parse(&bytes[..end])?;
        assert_eq!(head.length, bytes.len() - end, "{bytes:?}");
        Packet::parse(version, head, &bytes[end..])
    }

    fn reason(code: u8, words: &str) -> Reason {
        Reason { code, words: words.to_owned() }
    }

    #[test]
    fn packets_of_3_1_1_are_read() {
        let read = |bytes| read(Version::V3, bytes);
        assert_eq!(read(b"\x20\x02\x01\0"), Some(Packet::ConnAck(reason(0, ""), None)));
        assert_eq!(read(b"\x20\x02\0\x05"), Some(Packet::ConnAck(reason(5, ""), None)));
        assert_eq!(read(b"\x90\x03\0\x07\x80"), Some(Packet::SubAck(7, vec![0x80], String::new())));
        assert_eq!(read(b"\x40\x02\x01\x02"), Some(Packet::Ack(Kind::PubAck, 258, reason(0, ""))));
        assert_eq!(read(b"\x62\x02\x01\x02"), Some(Packet::Ack(Kind::PubRel, 258, reason(0, ""))));
        assert_eq!(read(b"\xd0\0"), Some(Packet::Other));
        let message = |qos, id, payload: &[u8]| {
            Some(Packet::Publish(Publish { topic: "a".to_owned(), qos, id, payload: payload.to_vec() }))
        };
        assert_eq!(read(b"\x31\x05\0\x01ahi"), message(0, 0, b"hi"));
        assert_eq!(read(b"\x3a\x05\0\x01a\0\x09"), message(1, 9, b""));
    }

    #[test]
    fn packets_of_5_are_read() {
        let read = |bytes| read(Version::V5, bytes);
        let refused = b"\x20\x0f\0\x87\x0c\x1f\0\x02no\x26\0\x01a\0\x01b";
        assert_eq!(read(refused), Some(Packet::ConnAck(reason(0x87, "no"), None)));
        let limited = b"\x20\x08\0\0\x05\x24\x01\x21\0\x14";
        assert_eq!(read(limited), Some(Packet::ConnAck(reason(0, ""), Some(1))));
        assert_eq!(read(b"\x20\x02\0\x01"), Some(Packet::ConnAck(reason(1, ""), None)), "as 3.1.1 refuses it");
        assert_eq!(read(b"\x90\x04\0\x07\0\x87"), Some(Packet::SubAck(7, vec![0x87], String::new())));
        assert_eq!(read(b"\x40\x03\0\x01\x10"), Some(Packet::Ack(Kind::PubAck, 1, reason(0x10, ""))));
        assert_eq!(read(b"\xe0\0"), Some(Packet::Disconnect(reason(0, ""))));
        assert_eq!(read(b"\xe0\x07\x8e\x05\x1f\0\x02by"), Some(Packet::Disconnect(reason(0x8e, "by"))));
        let message = Publish { topic: "a".to_owned(), qos: 2, id: 9, payload: b"hi".to_vec() };
        assert_eq!(read(b"\x34\x0a\0\x01a\0\x09\x02\x01\x01hi"), Some(Packet::Publish(message)));
    }

    #[test]
    fn nonsense_is_none() {
        for head in [
            b"22".as_slice(),
            b"\x00\x00",
            b"\x10\x00",
            b"\x21\x02",
            b"\x36\x02",
            b"\x60\x02",
            b"HT",
            b"\x20\x80",
            b"\x20\xff\xff\xff\xff",
            b"",
            b"\x20",
        ] {
            let is_message = head == b"22";
            assert_eq!(Head::parse(head).is_some(), is_message, "{head:?}: a message could begin like mail");
        }
        for packet in [
            b"\x20\x01\0".as_slice(),
            b"\x20\x03\0\0\x01",
            b"\x20\x05\0\0\x02\x1f\0",
            b"\x20\x04\0\0\x01\x7f",
            b"\x30\x02\0\x01",
            b"\x32\x03\0\x01a",
            b"\x40\x01\0",
            b"\x90\x01\0",
            b"\xe0\x02\0\x09",
        ] {
            assert_eq!(read(Version::V5, packet), None, "{packet:?}");
        }
        // Whatever is cut off is missed, and nothing goes beyond the end.
        let whole = b"\x34\x0a\0\x01a\0\x09\x02\x01\x01hi";
        let head = Head::parse(&whole[..2]).unwrap();
        for end in 2..10 {
            let cut = Packet::parse(Version::V5, head, &whole[2..end]);
            assert!(cut.is_none(), "{end}: {cut:?}");
        }
    }
}
