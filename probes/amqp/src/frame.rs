//! Frames (AMQP 0-9-1, section 4.2.3): a kind, a channel, a length, so many bytes, and an end.

use probity_guest::reader::Reader;

/// What every frame ends with.
pub(crate) const END: u8 = 0xce;
/// Bytes of a frame around its payload.
pub(crate) const AROUND: usize = 8;
/// Bytes of a frame that the probe takes: as many as RabbitMQ sends unless told otherwise.
pub(crate) const MOST_FRAME: u32 = 128 * 1024;

/// What a frame has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Method = 1,
    Header = 2,
    Body = 3,
    Heartbeat = 8,
}

/// What a frame begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) channel: u16,
    /// Bytes of its payload.
    pub(crate) length: u32,
}

impl Head {
    /// Bytes of a head.
    pub(crate) const BYTES: usize = 7;

    /// `None` if no frame begins so.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let kind = reader.byte()?;
        let kind =
            [Kind::Method, Kind::Header, Kind::Body, Kind::Heartbeat].into_iter().find(|known| *known as u8 == kind)?;
        Some(Self { kind, channel: reader.u16()?, length: reader.u32()? })
    }
}

/// A frame of the client's.
pub(crate) fn encode(kind: Kind, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind as u8];
    frame.extend(channel.to_be_bytes());
    frame.extend((payload.len() as u32).to_be_bytes());
    frame.extend(payload);
    frame.push(END);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_is_written() {
        let frame = encode(Kind::Body, 258, b"hi");
        assert_eq!(frame, b"\x03\x01\x02\0\0\0\x02hi\xce");
        assert_eq!(Head::parse(&frame[..Head::BYTES]), Some(Head { kind: Kind::Body, channel: 258, length: 2 }));
        for nonsense in [b"".as_slice(), b"\x01\0\0\0\0\0", b"\x04\0\0\0\0\0\0", b"220 mail", b"AMQP\0\x01\0\0"] {
            assert_eq!(Head::parse(nonsense), None, "{nonsense:?}");
        }
    }
}
