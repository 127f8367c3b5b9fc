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
        let stream = net::dial(attempt, host, port)?;
        if !secure {
            return Ok(Self::Plain(stream));
        }
        let name = host.trim_start_matches('[').trim_end_matches(']');
        attempt.phase("tls", |deadline| tls::Stream::secure(stream, name, deadline)).map(Self::Secure)
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
