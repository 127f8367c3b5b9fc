//! Logging in (SaslHandshake and SaslAuthenticate; KIP-43, KIP-152): what the broker says of it.

use crate::{encoding::Reader, error_code::ErrorCode};

/// An answer to the choice of a mechanism.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Handshake<'a> {
    pub(crate) error: ErrorCode,
    /// The mechanisms that the broker has.
    pub(crate) mechanisms: Vec<&'a [u8]>,
}

impl<'a> Handshake<'a> {
    /// Reads an answer; `None` is one that makes no sense.
    pub(crate) fn parse(mut body: Reader<'a>) -> Option<Self> {
        let error = ErrorCode(body.int16()?);
        let mechanisms = body.array(|reader| reader.text().map(Option::unwrap_or_default))?;
        Some(Self { error, mechanisms })
    }
}

/// An answer to a step of the login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step<'a> {
    pub(crate) error: ErrorCode,
    /// What the broker says of the error.
    pub(crate) message: &'a [u8],
    /// The broker's part of the mechanism.
    pub(crate) token: &'a [u8],
}

impl<'a> Step<'a> {
    /// Reads an answer; `None` is one that makes no sense.
    pub(crate) fn parse(mut body: Reader<'a>) -> Option<Self> {
        let error = ErrorCode(body.int16()?);
        let message = body.text()?.unwrap_or_default();
        // What follows is how long the login lasts: longer than the probe stays.
        Some(Self { error, message, token: body.blob()? })
    }
}

/// The one message of the mechanism PLAIN (RFC 4616).
pub(crate) fn plain(user: &str, password: &str) -> String {
    format!("\0{user}\0{password}")
}
