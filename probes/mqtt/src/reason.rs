//! What brokers give as reasons (MQTT 3.1.1, section 3.2.2.3; MQTT 5, section 2.4).

/// From this on a code is a failure, in MQTT 5 and in every SUBACK.
pub(crate) const FAILURE: u8 = 0x80;

/// The standard's name of a code. Those of a CONNACK of 3.1.1 and the failures of 5 have no number in common.
pub(crate) fn name(code: u8) -> &'static str {
    match code {
        0x01 => "unacceptable protocol version",
        0x02 => "identifier rejected",
        0x03 | 0x88 => "server unavailable",
        0x04 | 0x86 => "bad user name or password",
        0x05 | 0x87 => "not authorized",
        // In a SUBACK of 3.1.1 it says no more than that either.
        0x80 => "unspecified error",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "implementation specific error",
        0x84 => "unsupported protocol version",
        0x85 => "client identifier not valid",
        0x89 => "server busy",
        0x8a => "banned",
        0x8b => "server shutting down",
        0x8c => "bad authentication method",
        0x8d => "keep alive timeout",
        0x8e => "session taken over",
        0x8f => "topic filter invalid",
        0x90 => "topic name invalid",
        0x91 => "packet identifier in use",
        0x92 => "packet identifier not found",
        0x93 => "receive maximum exceeded",
        0x94 => "topic alias invalid",
        0x95 => "packet too large",
        0x96 => "message rate too high",
        0x97 => "quota exceeded",
        0x98 => "administrative action",
        0x99 => "payload format invalid",
        0x9a => "retain not supported",
        0x9b => "QoS not supported",
        0x9c => "use another server",
        0x9d => "server moved",
        0x9e => "shared subscriptions not supported",
        0x9f => "connection rate exceeded",
        0xa0 => "maximum connect time",
        0xa1 => "subscription identifiers not supported",
        0xa2 => "wildcard subscriptions not supported",
        _ => "unknown reason",
    }
}

/// Whether it lasts until somebody does something about it.
pub(crate) fn is_permanent(code: u8) -> bool {
    matches!(code, 0x01 | 0x02 | 0x04 | 0x05 | 0x84..=0x87 | 0x8a | 0x8c | 0x8f | 0x90 | 0x95 | 0x9b | 0x9d)
}

/// What a broker did that refused a connection for this reason; `has_credentials` is whether it was given some.
pub(crate) fn refusal(code: u8, has_credentials: bool) -> &'static str {
    match code {
        0x01 | 0x84 => "does not speak this version of MQTT, which `protocol` asks for",
        0x02 | 0x85 => "refused the client identifier",
        0x04 | 0x05 | 0x86 | 0x87 | 0x8c if has_credentials => "refused the credentials",
        0x04 | 0x05 | 0x86 | 0x87 | 0x8c => "asks for credentials",
        _ => "refused the connection",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_standards_has_a_name_of_its_own() {
        let named: Vec<u8> = (0..=u8::MAX).filter(|code| name(*code) != "unknown reason").collect();
        assert_eq!(named, (0x01..=0x05).chain(0x80..=0xa2).collect::<Vec<u8>>());
        assert!(!is_permanent(0x03) && !is_permanent(0x88) && !is_permanent(0x97));
    }

    #[test]
    fn who_gave_no_credentials_is_not_told_that_they_are_wrong() {
        for code in [0x04, 0x05, 0x86, 0x87] {
            assert_eq!(refusal(code, true), "refused the credentials");
            assert_eq!(refusal(code, false), "asks for credentials");
            assert!(is_permanent(code));
        }
        assert_eq!(refusal(0x88, true), "refused the connection");
    }
}
