//! What a target says, in the portions that its protocol has.

use crate::{
    Cause, Error, Wire,
    clock::{Deadline, Instant},
};

/// Bytes that are read in one go: what a runner's stream holds at most.
const CHUNK: usize = 64 * 1024;

/// What has arrived over a [`Wire`] and is yet to be taken. However small the target's portions are, each byte is looked at once,
/// and however many they are, no more is taken than was allowed.
pub struct Reader {
    bytes: Vec<u8>,
    /// Where in `bytes` that begins which is yet to be taken.
    at: usize,
    most: usize,
    read: usize,
}

impl Reader {
    /// A reader that takes about `most` bytes, all in all.
    pub fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), at: 0, most, read: 0 }
    }

    /// The next `length` bytes, once they have arrived.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Closed`], [`Cause::Broken`], or [`Cause::Endless`] once too much has come.
    pub fn take(&mut self, wire: &mut Wire, length: usize, deadline: Deadline) -> Result<&[u8], Error> {
        let begun = Instant::now();
        let failed = |remote, cause| Error::new(format!("waiting for the answer of {remote}"), cause);
        while self.rest().len() < length {
            if self.read >= self.most || length > self.most {
                return Err(failed(wire.remote(), Cause::Endless(self.most)));
            }
            let more = wire.read(CHUNK, deadline).map_err(|error| match error.cause {
                // All of the wait counts, and not the time since the last byte alone.
                Cause::TimedOut(_) => Error { cause: Cause::TimedOut(begun.elapsed()), ..error },
                _ => error,
            })?;
            if more.is_empty() {
                return Err(failed(wire.remote(), Cause::Closed));
            }
            self.read += more.len();
            self.bytes.drain(..self.at);
            self.at = 0;
            self.bytes.extend(more);
        }
        let taken = self.at..self.at + length;
        self.at = taken.end;
        Ok(&self.bytes[taken])
    }

    /// What has arrived and was not taken.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }
}
