//! Frames (RFC 6455, section 5): what a client writes, and what it makes of a server's.
//!
//! Messages of data are of no interest here, so they are passed over without being kept, whatever their size.

use std::fmt;

use probity_guest::text::first_line;

/// The status code of a connection that has served its purpose (RFC 6455, section 7.4.1).
pub(crate) const NORMAL: u16 = 1000;
/// Bytes of a control frame's payload (RFC 6455, section 5.5).
const MOST_CONTROL: usize = 125;
/// Characters of a reason that are shown.
const SHOWN: usize = 120;

/// The kinds of frames that a client of this kind sends.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Opcode {
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

/// One control frame, masked as all of a client's must be. A payload past 125 bytes is cut.
pub(crate) fn encode(opcode: Opcode, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(MOST_CONTROL)];
    let mut frame = vec![0x80 | opcode as u8, 0x80 | payload.len() as u8];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// What a server says that matters to the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Close),
}

/// Why a server closes a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Close {
    /// None is a code too: 1005 (RFC 6455, section 7.1.5).
    pub(crate) code: Option<u16>,
    reason: String,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(code) = self.code else { return f.write_str("it gave no reason") };
        write!(f, "{code}")?;
        let usual = match code {
            1000 => " normal closure",
            1001 => " going away",
            1002 => " protocol error",
            1003 => " unsupported data",
            1007 => " invalid payload",
            1008 => " policy violation",
            1009 => " message too big",
            1010 => " extension missing",
            1011 => " internal error",
            1012 => " service restart",
            1013 => " try again later",
            1014 => " bad gateway",
            _ => "",
        };
        f.write_str(usual)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}

/// How a server broke the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    Masked,
    Reserved(u8),
    Opcode(u8),
    FragmentedControl,
    LongControl(u64),
    Length(u64),
    ShortClose,
    CloseCode(u16),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masked => f.write_str("a frame is masked, which only a client's may be"),
            Self::Reserved(bits) => {
                write!(f, "a frame has the reserved bits {bits:#05b}, which no extension asked for")
            }
            Self::Opcode(opcode) => write!(f, "a frame has the unknown opcode {opcode:#x}"),
            Self::FragmentedControl => f.write_str("a control frame is fragmented"),
            Self::LongControl(length) => write!(f, "a control frame has {length} bytes, and may have {MOST_CONTROL}"),
            Self::Length(length) => write!(f, "a frame claims to have {length} bytes"),
            Self::ShortClose => f.write_str("a close frame has half a status code"),
            Self::CloseCode(code) => write!(f, "a close frame has the status code {code}, which none may have"),
        }
    }
}

/// What has arrived, and is yet to be made sense of.
#[derive(Default)]
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    /// What is yet to come of a frame of data.
    passing: u64,
}

impl Incoming {
    /// Takes in bytes as they come, in whatever portions.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let passed = usize::try_from(self.passing).unwrap_or(usize::MAX).min(bytes.len());
        self.passing -= passed as u64;
        self.bytes.extend(&bytes[passed..]);
    }

    /// The next event among what has arrived, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Violation> {
        let mut at = 0;
        let event = loop {
            let Some(head) = Head::parse(&self.bytes[at..])? else { break None };
            let payload = at + head.size;
            if !head.is_control() {
                let here = self.bytes.len() - payload;
                let passed = usize::try_from(head.length).unwrap_or(usize::MAX).min(here);
                self.passing = head.length - passed as u64;
                at = payload + passed;
                continue;
            }
            // A control frame is short.
            let end = payload + head.length as usize;
            let Some(payload) = self.bytes.get(payload..end) else { break None };
            let event = head.event(payload)?;
            at = end;
            break Some(event);
        };
        self.bytes.drain(..at);
        Ok(event)
    }
}

/// What a frame begins with.
struct Head {
    opcode: u8,
    /// Bytes of the payload.
    length: u64,
    /// Bytes of the head itself.
    size: usize,
}

impl Head {
    /// `None` if it has not arrived as a whole.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let (last, reserved, opcode) = (first & 0x80 != 0, first >> 4 & 0x7, first & 0xf);
        if reserved != 0 {
            return Err(Violation::Reserved(reserved));
        }
        if !matches!(opcode, 0x0..=0x2 | 0x8..=0xa) {
            return Err(Violation::Opcode(opcode));
        }
        if second & 0x80 != 0 {
            return Err(Violation::Masked);
        }
        let (length, more) = match second & 0x7f {
            126 => match rest.first_chunk() {
                Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        // The highest bit must be zero (RFC 6455, section 5.2).
        if length > i64::MAX as u64 {
            return Err(Violation::Length(length));
        }
        let head = Self { opcode, length, size: 2 + more };
        if head.is_control() && !last {
            return Err(Violation::FragmentedControl);
        }
        if head.is_control() && length > MOST_CONTROL as u64 {
            return Err(Violation::LongControl(length));
        }
        Ok(Some(head))
    }

    fn is_control(&self) -> bool {
        self.opcode & 0x8 != 0
    }

    fn event(&self, payload: &[u8]) -> Result<Event, Violation> {
        Ok(match self.opcode {
            0x9 => Event::Ping(payload.to_vec()),
            0xa => Event::Pong(payload.to_vec()),
            _ => Event::Close(match payload {
                [] => Close { code: None, reason: String::new() },
                [_] => return Err(Violation::ShortClose),
                [high, low, reason @ ..] => {
                    let code = u16::from_be_bytes([*high, *low]);
                    // Those below are not in use; these three are never sent (RFC 6455, sections 7.4.1 and 7.4.2).
                    if code < 1000 || matches!(code, 1005 | 1006 | 1015) {
                        return Err(Violation::CloseCode(code));
                    }
                    Close { code: Some(code), reason: first_line(&String::from_utf8_lossy(reason), SHOWN) }
                }
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All events of what arrives, and how it ends.
    fn events(portions: &[&[u8]]) -> (Vec<Event>, Result<usize, Violation>) {
        let (mut incoming, mut found) = (Incoming::default(), Vec::new());
        for portion in portions {
            incoming.feed(portion);
            loop {
                match incoming.next() {
                    Ok(Some(event)) => found.push(event),
                    Ok(None) => break,
                    Err(violation) => return (found, Err(violation)),
                }
            }
        }
        (found, Ok(incoming.bytes.len()))
    }

    fn pong(text: &str) -> Event {
        Event::Pong(text.as_bytes().to_vec())
    }

    #[test]
    fn a_clients_frame_is_masked() {
        // RFC 6455, section 5.7, as a pong.
        let masked = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(encode(Opcode::Pong, b"Hello", [0x37, 0xfa, 0x21, 0x3d]), masked);
        assert_eq!(encode(Opcode::Close, &NORMAL.to_be_bytes(), [0; 4]), [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
        assert_eq!(encode(Opcode::Ping, &[1; 200], [0; 4]).len(), 6 + MOST_CONTROL);
    }

    #[test]
    fn control_frames_are_found_among_data() {
        let long = [&[0x82, 126, 0x01, 0x00][..], &[b'x'; 256]].concat();
        let longer = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &vec![b'x'; 65_536]].concat();
        let stream = [
            b"\x81\x05Hello\x89\x02hi".as_slice(),
            &long,
            b"\x01\x03Hel\x8a\x01a\x80\x02lo",
            &longer,
            b"\x8a\x00\x81\x00\x8a\x01b",
        ]
        .concat();
        let expected = vec![Event::Ping(b"hi".to_vec()), pong("a"), pong(""), pong("b")];
        assert_eq!(events(&[&stream]), (expected, Ok(0)));
        // However it is cut.
        for size in [1, 2, 3, 7, 100, 1_000] {
            let portions: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(events(&portions).0.len(), 4, "{size}");
        }
    }

    #[test]
    fn data_is_not_kept() {
        let mut incoming = Incoming::default();
        incoming.feed(&[0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(incoming.next(), Ok(None));
        for _ in 0..100 {
            incoming.feed(&[0xff; 10_000]);
            assert_eq!(incoming.next(), Ok(None));
            assert_eq!(incoming.bytes.len(), 0);
        }
    }

    #[test]
    fn a_close_tells_its_code_and_its_reason() {
        for (payload, shown) in [
            (&b""[..], "it gave no reason"),
            (b"\x03\xe8", "1000 normal closure"),
            (b"\x03\xe9going home", "1001 going away (going home)"),
            (b"\x0f\xa0\xff\x1b[31m", "4000 (\u{fffd} [31m)"),
        ] {
            let frame = [&[0x88, payload.len() as u8], payload].concat();
            let (events, _) = events(&[&frame]);
            let [Event::Close(close)] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!(close.to_string(), shown);
        }
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        for (bytes, violation) in [
            (&b"\x8a\x80\0\0\0\0"[..], Violation::Masked),
            (b"\xca\x00", Violation::Reserved(4)),
            (b"\x83\x00", Violation::Opcode(3)),
            (b"\x8b\x00", Violation::Opcode(11)),
            (b"\x0a\x00", Violation::FragmentedControl),
            (b"\x8a\x7e\x00\x7e", Violation::LongControl(126)),
            (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", Violation::Length(u64::MAX)),
            (b"\x88\x01\x03", Violation::ShortClose),
            (b"\x88\x02\x00\x07", Violation::CloseCode(7)),
            (b"\x88\x02\x03\xee", Violation::CloseCode(1006)),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Violation::Reserved(4)),
        ] {
            assert_eq!(events(&[bytes]), (vec![], Err(violation)), "{bytes:?}");
        }
    }

    /// Every start of a frame, whatever follows: it is waited for, passed over, or refused.
    #[test]
    fn garbage_does_no_harm() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for filling in [0x00, 0x7f, 0xff] {
                    let mut bytes = [filling; 40];
                    bytes[..2].copy_from_slice(&[first, second]);
                    let (_, end) = events(&[&bytes[..1], &bytes[1..5], &bytes[5..]]);
                    assert!(end.is_err() || end.is_ok_and(|left| left <= 40));
                }
            }
        }
    }
}
