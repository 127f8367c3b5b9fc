//! The messages of `grpc.health.v1.Health/Check`, in the frames that gRPC puts them into.
//!
//! A message is a flag, its length in four bytes, and Protocol Buffers (gRPC over HTTP/2, "Requests"; the encoding is that of
//! protobuf.dev/programming-guides/encoding). Both messages have one field: the request the name of a service, the response a
//! status.

use std::fmt;

/// Bytes of a message that are taken. One with a status has two; room for fields of a later version is left.
const MOST: usize = 4 * 1024;
/// Bytes before a message.
const PREFIX: usize = 5;
/// Bytes of an answer that say all that can be said of it.
pub(crate) const ENOUGH: usize = PREFIX + MOST;

/// Fields of the types that Protocol Buffers has, by the three bits that tell what follows.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const FOUR_BYTES: u64 = 5;

/// What is wrong with an answer that should be one message; continues a sentence about the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// There is none.
    Missing,
    /// It is compressed.
    Compressed,
    /// It is longer than such a message can be.
    Long(u32),
    /// It ends before its length.
    Cut { announced: u32, came: usize },
    /// There is more than one.
    Followed,
    /// It is not a message of this type.
    Garbled,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("answered OK, but without a message"),
            Self::Compressed => f.write_str("answered with a compressed message, which it was asked not to"),
            Self::Long(length) => write!(f, "announced a message of {length} bytes, more than any status has"),
            Self::Cut { announced, came } => write!(f, "announced a message of {announced} bytes, and sent {came}"),
            Self::Followed => f.write_str("answered with more than one message"),
            Self::Garbled => f.write_str("answered with what is no message of grpc.health.v1"),
        }
    }
}

/// The question for the health of a service.
pub(crate) fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    // What is empty is left out, as all are who write the third version of the language.
    if !service.is_empty() {
        message.push(1 << 3 | LENGTH_DELIMITED as u8);
        put_varint(&mut message, service.len() as u64);
        message.extend(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], &message].concat()
}

/// The status that an answer tells.
///
/// # Errors
///
/// If the answer is not one such message.
pub(crate) fn status(answer: &[u8]) -> Result<i32, Flaw> {
    let Some(([flag, length @ ..], rest)) = answer.split_first_chunk::<PREFIX>() else {
        return Err(if answer.is_empty() { Flaw::Missing } else { Flaw::Garbled });
    };
    let announced = u32::from_be_bytes(*length);
    match (flag, announced as usize) {
        (0, length) if length > MOST => Err(Flaw::Long(announced)),
        (0, length) if length > rest.len() => Err(Flaw::Cut { announced, came: rest.len() }),
        (0, length) if length < rest.len() => Err(Flaw::Followed),
        (0, _) => status_of(rest).ok_or(Flaw::Garbled),
        (1, _) => Err(Flaw::Compressed),
        _ => Err(Flaw::Garbled),
    }
}

/// The first field, of which the last one counts; 0 if it is not there. Other fields are passed over: a later version may have
/// them.
fn status_of(mut message: &[u8]) -> Option<i32> {
    let mut status = 0;
    while !message.is_empty() {
        let key = take_varint(&mut message)?;
        if key >> 3 == 0 {
            return None;
        }
        let skipped = match (key >> 3, key & 7) {
            // An enumeration has 32 bits; whoever wrote it in more of them meant those.
            (1, VARINT) => {
                status = take_varint(&mut message)? as i32;
                0
            }
            (_, VARINT) => {
                take_varint(&mut message)?;
                0
            }
            (_, EIGHT_BYTES) => 8,
            (_, FOUR_BYTES) => 4,
            (_, LENGTH_DELIMITED) => usize::try_from(take_varint(&mut message)?).ok()?,
            _ => return None,
        };
        message = message.get(skipped..)?;
    }
    Some(status)
}

fn put_varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

fn take_varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_its_service() {
        assert_eq!(request(""), [0; 5]);
        assert_eq!(request("a.B"), *b"\0\0\0\0\x05\x0a\x03a.B");
        let long = "x".repeat(300);
        assert_eq!(request(&long)[..8], *b"\0\0\0\x01\x2f\x0a\xac\x02");
    }

    #[test]
    fn an_answer_is_one_message() {
        for (answer, expected) in [
            (&b"\0\0\0\0\x02\x08\x01"[..], Ok(1)),
            // What it takes for granted is left out.
            (b"\0\0\0\0\0", Ok(0)),
            (b"\0\0\0\0\x03\x08\x81\x01", Ok(129)),
            // -1, as ten bytes.
            (b"\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Ok(-1)),
            // The last one counts.
            (b"\0\0\0\0\x04\x08\x02\x08\x01", Ok(1)),
            // Fields of every type that nobody knows, and the first one as another type than its own.
            (b"\0\0\0\0\x19\x10\x07\x19abcdefgh\x22\x02ab\x2dabcd\x0a\x01a\x08\x02", Ok(2)),
            (b"", Err(Flaw::Missing)),
            (b"\0\0\0", Err(Flaw::Garbled)),
            (b"\x01\0\0\0\x02\x08\x01", Err(Flaw::Compressed)),
            (b"\x02\0\0\0\x02\x08\x01", Err(Flaw::Garbled)),
            (b"\0\xff\xff\xff\xff\x08\x01", Err(Flaw::Long(u32::MAX))),
            (b"\0\0\0\x10\x01\x08\x01", Err(Flaw::Long(4097))),
            (b"\0\0\0\x10\0\x08\x01", Err(Flaw::Cut { announced: 4096, came: 2 })),
            (b"\0\0\0\0\x02\x08\x01\0\0\0\0\x02\x08\x01", Err(Flaw::Followed)),
            // A number without an end, one that is too long, a field without a number, types that are none, a length that lies.
            (b"\0\0\0\0\x02\x08\x81", Err(Flaw::Garbled)),
            (b"\0\0\0\0\x0c\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", Err(Flaw::Garbled)),
            (b"\0\0\0\0\x02\x00\x01", Err(Flaw::Garbled)),
            (b"\0\0\0\0\x01\x0b", Err(Flaw::Garbled)),
            (b"\0\0\0\0\x01\x0f", Err(Flaw::Garbled)),
            (b"\0\0\0\0\x02\x12\x7f", Err(Flaw::Garbled)),
            (b"\0\0\0\0\x0b\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Err(Flaw::Garbled)),
        ] {
            assert_eq!(status(answer), expected, "{answer:x?}");
        }
    }

    #[test]
    fn no_answer_is_too_much() {
        for seed in 0..=255_u8 {
            for length in 0..40_u8 {
                let step = |at: u8| seed.wrapping_mul(31).wrapping_add(at.wrapping_mul(17));
                let noise: Vec<u8> = (0..length).map(step).collect();
                // Whatever it says, it says it without a panic.
                let _ = (status(&noise), status_of(&noise));
            }
        }
    }
}
