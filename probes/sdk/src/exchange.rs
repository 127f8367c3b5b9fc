//! An exchange of messages with a target: what it says is handed out in the portions that its protocol has.

use std::net::SocketAddr;

use crate::{
    Cause, Error, Wire,
    clock::{Deadline, Instant},
};

/// Bytes that are read in one go: what a runner's stream holds at most.
const CHUNK: usize = 64 * 1024;

/// An exchange over a [`Wire`]. However small the target's portions are, each byte is looked at once, and however many they are,
/// no more of them is taken than was allowed.
pub struct Exchange {
    wire: Wire,
    /// What has arrived.
    bytes: Vec<u8>,
    /// Where in `bytes` that begins which is yet to be taken.
    at: usize,
    most: usize,
    read: usize,
    doing: &'static str,
    /// Why what was sent last did not get through.
    unsent: Option<Error>,
}

impl Exchange {
    /// An exchange that takes about `most` bytes, all in all. `doing` is what it begins with, such as `logging in at`; the
    /// target's address follows it in messages.
    pub fn new(wire: Wire, most: usize, doing: &'static str) -> Self {
        Self { wire, bytes: Vec::new(), at: 0, most, read: 0, doing, unsent: None }
    }

    /// Says what is done from now on.
    pub fn goes_on(&mut self, doing: &'static str) {
        self.doing = doing;
    }

    /// The address that was dialled.
    pub fn remote(&self) -> SocketAddr {
        self.wire.remote()
    }

    /// Whether the connection is secure.
    pub fn is_secure(&self) -> bool {
        self.wire.is_secure()
    }

    /// Makes the connection to `host` secure.
    ///
    /// # Errors
    ///
    /// Those of [`Wire::secure`], or [`Cause::Protocol`] if the target has said more than was taken: that came in the clear, and
    /// must not pass for what is secure.
    pub fn secure(self, host: &str, deadline: Deadline) -> Result<Self, Error> {
        if !self.rest().is_empty() {
            return Err(self.failed(Cause::Protocol("the target went on before the connection was secure".to_owned())));
        }
        Ok(Self { wire: self.wire.secure(host, deadline)?, ..self })
    }

    /// Sends all of `bytes`. That the target does not take them is told by the next [`take`](Self::take), if there is nothing to
    /// take: why it left is among what it said before.
    pub fn send(&mut self, bytes: &[u8], deadline: Deadline) {
        self.unsent = self.wire.write(bytes, deadline).err();
    }

    /// The next `length` bytes, once they have arrived.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Closed`], [`Cause::Broken`], or [`Cause::Endless`] once too much has come.
    pub fn take(&mut self, length: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        let begun = Instant::now();
        while self.rest().len() < length {
            if self.read >= self.most || length > self.most {
                return Err(self.failed(Cause::Endless(self.most)));
            }
            let more = match self.wire.read(CHUNK, deadline).map_err(|error| error.cause) {
                Ok(more) if !more.is_empty() => more,
                came => {
                    let cause = match (self.unsent.take(), came) {
                        (Some(error), _) => error.cause,
                        // All of the wait counts, and not the time since the last byte alone.
                        (None, Err(Cause::TimedOut(_))) => Cause::TimedOut(begun.elapsed()),
                        (None, Err(cause)) => cause,
                        (None, Ok(_)) => Cause::Closed,
                    };
                    return Err(self.failed(cause));
                }
            };
            self.read += more.len();
            self.bytes.drain(..self.at);
            self.at = 0;
            self.bytes.extend(more);
        }
        let taken = self.bytes[self.at..self.at + length].to_vec();
        self.at += length;
        Ok(taken)
    }

    /// What has arrived and was not taken.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn failed(&self, cause: Cause) -> Error {
        Error::new(format!("{} {}", self.doing, self.remote()), cause)
    }
}
