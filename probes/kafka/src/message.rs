//! Requests and their answers (the protocol guide's "common request and response structure"): what comes before their body.

use std::ops::RangeInclusive;

use crate::encoding::{Reader, Writer};

/// The bytes before a message: its length.
pub(crate) const HEAD: usize = 4;
/// As what the probe makes itself known to the broker, in its logs and quotas.
pub(crate) const CLIENT: &str = "probity";

/// A kind of request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) key: i16,
    pub(crate) name: &'static str,
    /// The versions of it that are known here.
    pub(crate) versions: RangeInclusive<i16>,
    /// The first version that is flexible.
    flexible: i16,
}

/// Asks what the broker takes. Kafka 0.10 brought it; version 3 says who asks (Kafka 2.4).
pub(crate) const API_VERSIONS: Api = Api { key: 18, name: "ApiVersions", versions: 0..=3, flexible: 3 };
/// Says by which mechanism one logs in. Since version 1 (Kafka 1.0) [`SASL_AUTHENTICATE`] follows, before that bare tokens.
pub(crate) const SASL_HANDSHAKE: Api = Api { key: 17, name: "SaslHandshake", versions: 1..=1, flexible: i16::MAX };
/// Logs in, step by step (Kafka 1.0).
pub(crate) const SASL_AUTHENTICATE: Api = Api { key: 36, name: "SaslAuthenticate", versions: 0..=2, flexible: 2 };
/// Asks for brokers, topics and partitions. Version 1 brought the controller (Kafka 0.10); what version 13 has more than 12 is of
/// no use here.
pub(crate) const METADATA: Api = Api { key: 3, name: "Metadata", versions: 1..=12, flexible: 9 };

impl Api {
    fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible
    }

    /// A request, as it is sent. Its answer repeats `number`.
    pub(crate) fn request(&self, version: i16, number: i32, body: impl FnOnce(&mut Writer)) -> Vec<u8> {
        // What the client is called is written in the old way, so that any broker can read whom it must turn away.
        let mut head = Writer::new(vec![0; HEAD], false);
        head.int16(self.key);
        head.int16(version);
        head.int32(number);
        head.text(CLIENT);
        let mut writer = Writer::new(head.finish(), self.is_flexible(version));
        writer.end();
        body(&mut writer);
        let mut bytes = writer.finish();
        let length = (bytes.len() - HEAD) as u32;
        bytes[..HEAD].copy_from_slice(&length.to_be_bytes());
        bytes
    }

    /// The body of an answer; `None` if it is not the one to this request.
    pub(crate) fn answer<'a>(&self, version: i16, number: i32, message: &'a [u8]) -> Option<Reader<'a>> {
        let flexible = self.is_flexible(version);
        let mut reader = Reader::new(message, flexible);
        if reader.int32()? != number {
            return None;
        }
        // An answer about versions begins in the old way, since it may be to a version that the broker does not know.
        if self.key != API_VERSIONS.key {
            reader.end()?;
        }
        Some(reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_head() {
        let body = |writer: &mut Writer| writer.text("x");
        assert_eq!(SASL_HANDSHAKE.request(1, 2, body), b"\0\0\0\x14\0\x11\0\x01\0\0\0\x02\0\x07probity\0\x01x");
        assert_eq!(API_VERSIONS.request(3, -1, body), b"\0\0\0\x14\0\x12\0\x03\xff\xff\xff\xff\0\x07probity\0\x02x");
    }

    #[test]
    fn an_answer_has_the_number_of_its_request() {
        let body = |api: &Api, version, message| api.answer(version, 7, message).and_then(|mut reader| reader.bytes(1));
        assert_eq!(body(&METADATA, 8, b"\0\0\0\x07x"), Some(b"x".as_slice()));
        assert_eq!(body(&METADATA, 9, b"\0\0\0\x07\0x"), Some(b"x".as_slice()));
        assert_eq!(body(&METADATA, 9, b"\0\0\0\x07\x01\x05\x02ab\x78"), Some(b"x".as_slice()));
        assert_eq!(body(&API_VERSIONS, 3, b"\0\0\0\x07x"), Some(b"x".as_slice()));
        assert_eq!(body(&METADATA, 8, b"\0\0\0\x08x"), None);
        assert_eq!(body(&METADATA, 8, b"\0\0\0"), None);
        assert_eq!(body(&METADATA, 9, b"\0\0\0\x07"), None);
    }
}
