//! What a broker says of an error: a number (the protocol guide's "error codes").

use std::fmt;

/// An error, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ErrorCode(pub(crate) i16);

impl ErrorCode {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    pub(crate) const LEADER_NOT_AVAILABLE: Self = Self(5);
    pub(crate) const REPLICA_NOT_AVAILABLE: Self = Self(9);
    pub(crate) const TOPIC_AUTHORIZATION_FAILED: Self = Self(29);
    pub(crate) const UNSUPPORTED_SASL_MECHANISM: Self = Self(33);
    pub(crate) const ILLEGAL_SASL_STATE: Self = Self(34);
    pub(crate) const UNSUPPORTED_VERSION: Self = Self(35);
    pub(crate) const SASL_AUTHENTICATION_FAILED: Self = Self(58);
}

impl fmt::Display for ErrorCode {
    /// The name of one that an answer to the probe's requests can have; the number of any other.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            -1 => "UNKNOWN_SERVER_ERROR",
            3 => "UNKNOWN_TOPIC_OR_PARTITION",
            5 => "LEADER_NOT_AVAILABLE",
            7 => "REQUEST_TIMED_OUT",
            8 => "BROKER_NOT_AVAILABLE",
            9 => "REPLICA_NOT_AVAILABLE",
            13 => "NETWORK_EXCEPTION",
            17 => "INVALID_TOPIC_EXCEPTION",
            29 => "TOPIC_AUTHORIZATION_FAILED",
            31 => "CLUSTER_AUTHORIZATION_FAILED",
            33 => "UNSUPPORTED_SASL_MECHANISM",
            34 => "ILLEGAL_SASL_STATE",
            35 => "UNSUPPORTED_VERSION",
            42 => "INVALID_REQUEST",
            56 => "KAFKA_STORAGE_ERROR",
            58 => "SASL_AUTHENTICATION_FAILED",
            72 => "LISTENER_NOT_FOUND",
            89 => "THROTTLING_QUOTA_EXCEEDED",
            number => return write!(f, "error {number}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_names() {
        assert_eq!(ErrorCode::SASL_AUTHENTICATION_FAILED.to_string(), "SASL_AUTHENTICATION_FAILED");
        assert_eq!(ErrorCode(-1).to_string(), "UNKNOWN_SERVER_ERROR");
        assert_eq!(ErrorCode(999).to_string(), "error 999");
    }
}
