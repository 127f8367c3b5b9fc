//! A connection that is secure or is not, as a setting has it.

use std::net::SocketAddr;

use crate::{Attempt, Error, clock::Deadline, net, tcp, tls};

/// A connection of either kind.
pub enum Wire {
    /// In the clear.
    Plain(tcp::Stream),
    /// Over TLS.
    Secure(tls::Stream),
}

impl Wire {
    /// Resolves `host`, connects to one of its addresses, and makes the connection secure if that is asked for: the phases
    /// `resolve`, `connect` and `tls`.
    ///
    /// # Errors
    ///
    /// Those of [`net::dial`] and of [`tls::Stream::secure`].
    pub fn dial(attempt: &mut Attempt, host: &str, port: u16, secure: bool) -> Result<Self, Error> {
        let wire = Self::Plain(net::dial(attempt, host, port)?);
        if secure { attempt.phase("tls", |deadline| wire.secure(host, deadline)) } else { Ok(wire) }
    }

    /// Makes a connection to `host` secure: for protocols that agree on TLS after they have begun in the clear. One that is
    /// secure stays as it is.
    ///
    /// # Errors
    ///
    /// Those of [`tls::Stream::secure`].
    pub fn secure(self, host: &str, deadline: Deadline) -> Result<Self, Error> {
        match self {
            Self::Plain(stream) => {
                let name = host.trim_start_matches('[').trim_end_matches(']');
                tls::Stream::secure(stream, name, deadline).map(Self::Secure)
            }
            secure @ Self::Secure(_) => Ok(secure),
        }
    }

    /// Whether the connection is secure.
    pub fn is_secure(&self) -> bool {
        matches!(self, Self::Secure(_))
    }

    /// The address that was dialled.
    pub fn remote(&self) -> SocketAddr {
        match self {
            Self::Plain(stream) => stream.remote(),
            Self::Secure(stream) => stream.remote(),
        }
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    ///
    /// As for [`tcp::Stream::write`].
    pub fn write(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        match self {
            Self::Plain(stream) => stream.write(bytes, deadline),
            Self::Secure(stream) => stream.write(bytes, deadline),
        }
    }

    /// What has arrived, as soon as something has: at most `most` bytes, and none if the target has closed the connection.
    ///
    /// # Errors
    ///
    /// As for [`tcp::Stream::read`].
    pub fn read(&mut self, most: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        match self {
            Self::Plain(stream) => stream.read(most, deadline),
            Self::Secure(stream) => stream.read(most, deadline),
        }
    }
}
