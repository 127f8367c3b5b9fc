//! The methods of AMQP 0-9-1 that a client of this kind calls, as frames.

use crate::frame::{self, AROUND, Kind};

/// What a connection begins with: the protocol's name, and its version 0-9-1.
pub(crate) const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// What the probe can bear with: that a broker says why it closes at a wrong password, why it takes no messages, and that a
/// consumer has ended.
const CAPABILITIES: [&str; 3] = ["authentication_failure_close", "connection.blocked", "consumer_cancel_notify"];
/// The class of messages, which their headers repeat.
const BASIC: u16 = 60;

/// A method whose name and numbers a message or an answer refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    class: u16,
    method: u16,
}

/// Logs in.
pub(crate) const START_OK: Call = Call { name: "Connection.Start-Ok", class: 10, method: 11 };
/// Agrees on limits.
const TUNE_OK: Call = Call { name: "Connection.Tune-Ok", class: 10, method: 31 };
/// Opens a virtual host.
pub(crate) const OPEN: Call = Call { name: "Connection.Open", class: 10, method: 40 };
/// Takes leave.
const CLOSE: Call = Call { name: "Connection.Close", class: 10, method: 50 };
/// Opens a channel.
pub(crate) const CHANNEL_OPEN: Call = Call { name: "Channel.Open", class: 20, method: 10 };
/// Agrees to the end of a channel.
const CHANNEL_CLOSE_OK: Call = Call { name: "Channel.Close-Ok", class: 20, method: 41 };
/// Makes a queue, or asks for one.
pub(crate) const DECLARE: Call = Call { name: "Queue.Declare", class: 50, method: 10 };
/// Has an exchange fill a queue.
pub(crate) const BIND: Call = Call { name: "Queue.Bind", class: 50, method: 20 };
/// Has messages of a queue delivered.
pub(crate) const CONSUME: Call = Call { name: "Basic.Consume", class: BASIC, method: 20 };
/// Sends a message.
pub(crate) const PUBLISH: Call = Call { name: "Basic.Publish", class: BASIC, method: 40 };
/// Has the broker confirm messages.
pub(crate) const CONFIRM: Call = Call { name: "Confirm.Select", class: 85, method: 10 };

impl Call {
    /// Whether the method with these numbers is the consent to it: those have the numbers that follow.
    pub(crate) fn is_consented_to_by(self, class: u16, method: u16) -> bool {
        (class, method) == (self.class, self.method + 1)
    }

    fn frame(self, channel: u16, arguments: &[&[u8]]) -> Vec<u8> {
        let head = [self.class.to_be_bytes(), self.method.to_be_bytes()].concat();
        frame::encode(Kind::Method, channel, &[&head, arguments.concat().as_slice()].concat())
    }
}

/// Says who the client is, and logs in by the mechanism PLAIN (RFC 4616).
pub(crate) fn start_ok(user: &str, password: &str) -> Vec<u8> {
    let capabilities = CAPABILITIES.map(|name| field(name, b't', &[1])).concat();
    let properties = [
        field("product", b'S', &long("probity")),
        field("version", b'S', &long(env!("CARGO_PKG_VERSION"))),
        field("capabilities", b'F', &table(&capabilities)),
    ];
    let credentials = format!("\0{user}\0{password}");
    START_OK.frame(0, &[&table(&properties.concat()), &short("PLAIN"), &long(&credentials), &short("en_US")])
}

/// Agrees to as many channels as the broker allows, to frames of this size, and to no heartbeats: a run is short.
pub(crate) fn tune_ok(channels: u16, most_frame: u32) -> Vec<u8> {
    TUNE_OK.frame(0, &[&channels.to_be_bytes(), &most_frame.to_be_bytes(), &[0, 0]])
}

pub(crate) fn open(vhost: &str) -> Vec<u8> {
    // Two arguments that mean nothing any more follow.
    OPEN.frame(0, &[&short(vhost), &[0, 0]])
}

pub(crate) fn close() -> Vec<u8> {
    const SUCCESS: u16 = 200;
    // No method is at fault.
    CLOSE.frame(0, &[&SUCCESS.to_be_bytes(), &short("done"), &[0; 4]])
}

pub(crate) fn channel_open(channel: u16) -> Vec<u8> {
    CHANNEL_OPEN.frame(channel, &[&[0]])
}

pub(crate) fn channel_close_ok(channel: u16) -> Vec<u8> {
    CHANNEL_CLOSE_OK.frame(channel, &[])
}

/// Makes a queue for this connection alone, which is gone with it. Without a name the broker gives it one.
pub(crate) fn declare(channel: u16, queue: &str) -> Vec<u8> {
    const EXCLUSIVE: u8 = 1 << 2;
    const AUTO_DELETE: u8 = 1 << 3;
    DECLARE.frame(channel, &[&[0, 0], &short(queue), &[EXCLUSIVE | AUTO_DELETE], &table(&[])])
}

/// Asks for a queue, and makes none.
pub(crate) fn ask(channel: u16, queue: &str) -> Vec<u8> {
    const PASSIVE: u8 = 1;
    DECLARE.frame(channel, &[&[0, 0], &short(queue), &[PASSIVE], &table(&[])])
}

pub(crate) fn bind(channel: u16, queue: &str, exchange: &str, key: &str) -> Vec<u8> {
    BIND.frame(channel, &[&[0, 0], &short(queue), &short(exchange), &short(key), &[0], &table(&[])])
}

/// Has messages delivered that need not be acknowledged.
pub(crate) fn consume(channel: u16, queue: &str) -> Vec<u8> {
    const NO_ACK: u8 = 1 << 1;
    CONSUME.frame(channel, &[&[0, 0], &short(queue), &short(""), &[NO_ACK], &table(&[])])
}

pub(crate) fn confirm(channel: u16) -> Vec<u8> {
    CONFIRM.frame(channel, &[&[0]])
}

/// Sends a message, in frames of up to so many bytes, that comes back if it gets into no queue.
pub(crate) fn publish(channel: u16, exchange: &str, key: &str, payload: &[u8], most_frame: u32) -> Vec<u8> {
    const MANDATORY: u8 = 1;
    let mut frames = PUBLISH.frame(channel, &[&[0, 0], &short(exchange), &short(key), &[MANDATORY]]);
    // A weight and flags of properties, of which there are none.
    let header = [&BASIC.to_be_bytes()[..], &[0, 0], &(payload.len() as u64).to_be_bytes(), &[0, 0]].concat();
    frames.extend(frame::encode(Kind::Header, channel, &header));
    let most = (most_frame as usize).saturating_sub(AROUND).max(1);
    for piece in payload.chunks(most) {
        frames.extend(frame::encode(Kind::Body, channel, piece));
    }
    frames
}

/// A text of up to 255 bytes, with its length before it; more has no name that is used here.
fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn long(text: &str) -> Vec<u8> {
    table(text.as_bytes())
}

/// The fields of a table, with their length before them.
fn table(fields: &[u8]) -> Vec<u8> {
    [&(fields.len() as u32).to_be_bytes(), fields].concat()
}

fn field(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
    [&short(name), &[kind][..], value].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_as_the_protocol_has_them() {
        assert_eq!(channel_open(1), b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce");
        assert_eq!(open("/"), b"\x01\0\0\0\0\0\x08\0\x0a\0\x28\x01/\0\0\xce");
        assert_eq!(tune_ok(7, 4096), b"\x01\0\0\0\0\0\x0c\0\x0a\0\x1f\0\x07\0\0\x10\0\0\0\xce");
        assert_eq!(declare(1, ""), b"\x01\0\x01\0\0\0\x0c\0\x32\0\x0a\0\0\0\x0c\0\0\0\0\xce");
        assert_eq!(ask(2, "q"), b"\x01\0\x02\0\0\0\x0d\0\x32\0\x0a\0\0\x01q\x01\0\0\0\0\xce");
        let login = start_ok("u", "pw");
        let plain = b"\x05PLAIN\0\0\0\x05\0u\0pw\x05en_US\xce";
        assert!(login.ends_with(plain), "{login:?}");
        let capability = b"\x1cauthentication_failure_closet\x01";
        assert!(login.windows(capability.len()).any(|window| window == capability), "{login:?}");
    }

    #[test]
    fn a_message_is_cut_into_frames() {
        let message = publish(1, "", "q", b"12345", 10);
        let method = b"\x01\0\x01\0\0\0\x0a\0\x3c\0\x28\0\0\0\x01q\x01\xce";
        let header = b"\x02\0\x01\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\0\0\x05\0\0\xce";
        let pieces = b"\x03\0\x01\0\0\0\x0212\xce\x03\0\x01\0\0\0\x0234\xce\x03\0\x01\0\0\0\x015\xce";
        assert_eq!(message, [&method[..], header, pieces].concat());
        assert!(publish(1, "", "q", b"", 4096).ends_with(b"\0\0\xce"), "no body, no frame of it");
    }
}
