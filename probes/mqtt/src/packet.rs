//! The packets of MQTT 3.1.1 and 5 (OASIS standards of 2014 and 2019) that a client of this kind sends.

use crate::settings::Version;

/// Seconds of silence after which a broker may drop a client: longer than a run is, so that none has to ping.
const KEEP_ALIVE: u16 = 300;
/// Bytes of one packet that a broker sends: more than a message of the probe's own, which has 64 KiB, and none may fill the
/// memory.
pub(crate) const MOST_PACKET: usize = 256 * 1024;

/// What a packet is (MQTT 5, section 2.1.2): the upper half of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    /// Acknowledges a message of QoS 1.
    PubAck = 4,
    /// Has received a message of QoS 2.
    PubRec = 5,
    /// Releases one.
    PubRel = 6,
    /// Is done with one.
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    UnsubAck = 11,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl Kind {
    /// As the standards write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::UnsubAck => "UNSUBACK",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }
}

/// Who logs in. No text has more than 65535 bytes.
pub(crate) struct Login<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
}

/// Logs in with a session that ends with the connection.
pub(crate) fn connect(version: Version, login: &Login<'_>) -> Vec<u8> {
    const CLEAN: u8 = 1 << 1;
    const PASSWORD: u8 = 1 << 6;
    const USER: u8 = 1 << 7;
    let flags = CLEAN | login.user.map_or(0, |_| USER) | login.password.map_or(0, |_| PASSWORD);
    let level = match version {
        Version::V3 => 4,
        Version::V5 => 5,
    };
    let mut body = text("MQTT");
    body.extend([level, flags]);
    body.extend(KEEP_ALIVE.to_be_bytes());
    if version == Version::V5 {
        // What is longer the broker keeps to itself. That the session expires at once is the default.
        const MAXIMUM_PACKET_SIZE: u8 = 0x27;
        body.extend([5, MAXIMUM_PACKET_SIZE]);
        body.extend((MOST_PACKET as u32).to_be_bytes());
    }
    for field in [Some(login.client_id), login.user, login.password].into_iter().flatten() {
        body.extend(text(field));
    }
    encode(Kind::Connect, 0, &body)
}

/// Subscribes to these topics.
pub(crate) fn subscribe(version: Version, id: u16, topics: &[&str], qos: u8) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(no_properties(version));
    for topic in topics {
        body.extend(text(topic));
        body.push(qos);
    }
    encode(Kind::Subscribe, 0b10, &body)
}

/// Sends a message that is not retained. One of QoS 0 has no identifier.
pub(crate) fn publish(version: Version, topic: &str, qos: u8, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    if qos > 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(no_properties(version));
    body.extend(payload);
    encode(Kind::Publish, qos << 1, &body)
}

/// Goes on with the message that has this identifier.
pub(crate) fn acknowledge(kind: Kind, id: u16) -> Vec<u8> {
    let flags = if kind == Kind::PubRel { 0b10 } else { 0 };
    encode(kind, flags, &id.to_be_bytes())
}

/// Takes leave.
pub(crate) fn disconnect() -> Vec<u8> {
    encode(Kind::Disconnect, 0, b"")
}

fn encode(kind: Kind, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![(kind as u8) << 4 | flags];
    let mut length = body.len();
    // Seven bits at a time, the lowest first; the highest bit says that more follow.
    while length > 0x7f {
        packet.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend(body);
    packet
}

/// A text with its length before it.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

/// The place of the properties, which only MQTT 5 has.
fn no_properties(version: Version) -> &'static [u8] {
    match version {
        Version::V3 => b"",
        Version::V5 => b"\0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_as_the_standards_have_them() {
        let nobody = Login { client_id: "c", user: None, password: None };
        assert_eq!(connect(Version::V3, &nobody), b"\x10\x0d\0\x04MQTT\x04\x02\x01\x2c\0\x01c");
        let user = Login { client_id: "c", user: Some("u"), password: Some("pw") };
        assert_eq!(
            connect(Version::V5, &user),
            b"\x10\x1a\0\x04MQTT\x05\xc2\x01\x2c\x05\x27\0\x04\0\0\0\x01c\0\x01u\0\x02pw"
        );
        assert_eq!(subscribe(Version::V3, 7, &["a"], 1), b"\x82\x06\0\x07\0\x01a\x01");
        assert_eq!(subscribe(Version::V5, 7, &["a", "b"], 0), b"\x82\x0b\0\x07\0\0\x01a\0\0\x01b\0");
        assert_eq!(publish(Version::V3, "a", 0, 9, b"hi"), b"\x30\x05\0\x01ahi");
        assert_eq!(publish(Version::V5, "a", 2, 9, b"hi"), b"\x34\x08\0\x01a\0\x09\0hi");
        assert_eq!(acknowledge(Kind::PubAck, 258), b"\x40\x02\x01\x02");
        assert_eq!(acknowledge(Kind::PubRel, 258), b"\x62\x02\x01\x02");
        assert_eq!(disconnect(), b"\xe0\0");
    }

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for (payload, head) in
            [(122, b"\x30\x7d\0".as_slice()), (125, b"\x30\x80\x01\0"), (16_381, b"\x30\x80\x80\x01")]
        {
            let packet = publish(Version::V3, "a", 0, 0, &vec![b'x'; payload]);
            assert_eq!(&packet[..head.len()], head, "{payload}");
            let lengths = packet.iter().skip(1).position(|byte| *byte < 0x80).unwrap() + 1;
            assert_eq!(packet.len(), 1 + lengths + 3 + payload);
        }
    }
}
