//! Echo requests to one address, as `ping` sends them.

use std::net::IpAddr;

pub use crate::bindings::probity::probe::icmp::{Answer, Complaint, Reply};
use crate::{Cause, Error, bindings::probity::probe::icmp, clock::Deadline, net};

/// Echo requests to one address, and what comes back.
pub struct Echo {
    inner: icmp::Echo,
    remote: IpAddr,
}

impl Echo {
    /// For requests to `remote`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Cause::Denied`], [`Cause::Forbidden`] if the runner's system lets it send none, [`Cause::Unreachable`] if this machine
    /// knows no way there, or [`Cause::Runner`].
    pub fn open(remote: IpAddr) -> Result<Self, Error> {
        let opened = icmp::Echo::open(net::to_wasi_address(remote));
        opened.map(|inner| Self { inner, remote }).map_err(|error| sending(remote, error))
    }

    /// Sends a request with this sequence number, and with so many bytes of payload: from 8 to 65507.
    ///
    /// # Errors
    ///
    /// [`Cause::Unreachable`] or [`Cause::Runner`].
    pub fn send(&self, sequence: u16, payload_size: u32) -> Result<(), Error> {
        self.inner.send(sequence, payload_size).map_err(|error| sending(self.remote, error))
    }

    /// The next answer to any request that has none yet; nothing if none comes by then.
    ///
    /// # Errors
    ///
    /// [`Cause::Runner`].
    pub fn receive(&self, until: Deadline) -> Result<Option<Answer>, Error> {
        let received = self.inner.receive(until.remaining_nanoseconds());
        received.map_err(|error| Error::new(format!("waiting for an echo of {}", self.remote), error.into()))
    }
}

fn sending(remote: IpAddr, error: icmp::Error) -> Error {
    Error::new(format!("sending an echo request to {remote}"), error.into())
}

impl Complaint {
    /// Who says so.
    pub fn address(&self) -> IpAddr {
        net::from_wasi(self.sender)
    }
}

impl From<icmp::Error> for Cause {
    fn from(error: icmp::Error) -> Self {
        match error {
            icmp::Error::Denied => Self::Denied,
            icmp::Error::Unsupported(what_to_set) => Self::Forbidden(what_to_set),
            icmp::Error::NoRoute => Self::Unreachable,
            icmp::Error::Other(text) => Self::Runner(text),
        }
    }
}
