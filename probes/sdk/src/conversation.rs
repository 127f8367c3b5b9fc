//! A conversation with a target over one connection: what it says is taken in as it comes, and handed out in pieces of bounded
//! size.

use std::net::SocketAddr;

use crate::{
    Cause, Error, Secrets, Wire,
    clock::{Deadline, Instant},
};

/// Bytes that are read in one go: what a runner's stream holds at most.
const CHUNK: usize = 64 * 1024;

/// A conversation. However small the target's portions are, each byte is looked at once.
pub struct Conversation {
    wire: Wire,
    arrived: Arrived,
    /// Bytes that may arrive, all in all.
    most: usize,
    /// Bytes that have.
    read: usize,
    /// What the target was told last, and is to answer.
    told: Option<&'static str>,
    secrets: Secrets,
}

impl Conversation {
    /// Begins one over an open connection.
    pub fn new(wire: Wire) -> Self {
        Self { wire, arrived: Arrived::default(), most: usize::MAX, read: 0, told: None, secrets: Secrets::default() }
    }

    /// Takes about `most` bytes, all in all, in however small pieces: for protocols whose answers have no bound of their own, so
    /// that an endless one is found out before the fuel of a run is used up.
    #[must_use]
    pub fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// From now on this is blotted out wherever the target's words are shown.
    pub fn hide(&mut self, secret: impl Into<String>) {
        self.secrets.hide(secret);
    }

    /// The address that was dialled.
    pub fn remote(&self) -> SocketAddr {
        self.wire.remote()
    }

    /// Whether the connection is secure.
    pub fn is_secure(&self) -> bool {
        self.wire.is_secure()
    }

    /// Makes the connection to `host` secure, in the middle of the conversation.
    ///
    /// # Errors
    ///
    /// Those of [`Wire::secure`], or [`Cause::Protocol`] if something has arrived that was not taken: it came in the clear,
    /// could be anybody's, and must not pass for what is secure.
    pub fn secure(self, host: &str, deadline: Deadline) -> Result<Self, Error> {
        match self.rest().len() {
            0 => Ok(Self { wire: self.wire.secure(host, deadline)?, ..self }),
            more => Err(self.waiting(Cause::Protocol(format!("{more} bytes more before TLS")))),
        }
    }

    /// Sends all of `bytes`, which messages call `name`. A target that is gone is no error here: what it said before it left
    /// is among what can still be read, and otherwise reading tells.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`].
    pub fn tell(&mut self, name: &'static str, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        self.told = Some(name);
        self.answer(bytes, deadline)
    }

    /// The same for what is an answer itself: the target is still to answer what it was told before.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`].
    pub fn answer(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        match self.wire.write(bytes, deadline) {
            Err(error @ Error { cause: Cause::TimedOut(_), .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// The next line, of at most `most` bytes, without the `\n` or `\r\n` at its end.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Closed`], [`Cause::Broken`], [`Cause::Endless`] once too much has come, or
    /// [`Cause::Protocol`] if the line is longer.
    pub fn line(&mut self, most: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        self.take(deadline, |arrived| arrived.line(most))
    }

    /// The next `length` bytes, which are kept in memory as they come.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Closed`], [`Cause::Broken`], or [`Cause::Endless`] if that is, or comes to, too much.
    pub fn exactly(&mut self, length: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        if length > self.most {
            return Err(self.waiting(Cause::Endless(self.most)));
        }
        self.take(deadline, |arrived| Ok(arrived.exactly(length)))
    }

    /// What has arrived and was not taken.
    pub fn rest(&self) -> &[u8] {
        self.arrived.rest()
    }

    /// What the target said, quoted: made printable, cut, and without secrets.
    pub fn quote(&self, said: &[u8]) -> String {
        self.secrets.quote(said)
    }

    /// What the target said, whole, but without secrets.
    pub fn blot(&self, said: &[u8]) -> Vec<u8> {
        self.secrets.blot(said)
    }

    /// What the target said, as a word or a few: made printable, cut, and without secrets.
    pub fn word(&self, said: &str) -> String {
        self.secrets.word(said)
    }

    fn take<T>(
        &mut self,
        deadline: Deadline,
        mut piece: impl FnMut(&mut Arrived) -> Result<Option<T>, Cause>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        loop {
            if let Some(piece) = piece(&mut self.arrived).map_err(|cause| self.waiting(cause))? {
                return Ok(piece);
            }
            if self.read >= self.most {
                return Err(self.waiting(Cause::Endless(self.most)));
            }
            match self.wire.read(CHUNK, deadline) {
                Ok(more) if more.is_empty() => return Err(self.waiting(Cause::Closed)),
                Ok(more) => {
                    self.read += more.len();
                    self.arrived.more(&more);
                }
                // All of the wait counts, and not the time since the last byte alone.
                Err(Error { cause: Cause::TimedOut(_), .. }) => {
                    return Err(self.waiting(Cause::TimedOut(begun.elapsed())));
                }
                Err(error) => return Err(self.waiting(error.cause)),
            }
        }
    }

    fn waiting(&self, cause: Cause) -> Error {
        let remote = self.remote();
        let doing = match self.told {
            Some(told) => format!("waiting for the answer of {remote} to {told}"),
            None => format!("waiting for the greeting of {remote}"),
        };
        Error::new(doing, cause)
    }
}

/// What has arrived.
#[derive(Default)]
struct Arrived {
    bytes: Vec<u8>,
    /// So many of them were handed out.
    at: usize,
    /// So many after them have no end of a line among them. They are not searched again, so that a target which sends them one
    /// at a time can't use up the fuel of a run.
    searched: usize,
}

impl Arrived {
    fn more(&mut self, more: &[u8]) {
        // Only now, and not with each piece: many small ones would each move all that follow.
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(more);
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn line(&mut self, most: usize) -> Result<Option<Vec<u8>>, Cause> {
        let rest = self.rest();
        let end = rest[self.searched..].iter().position(|byte| *byte == b'\n').map(|end| self.searched + end);
        let searched = rest.len();
        if end.unwrap_or(searched) > most {
            return Err(Cause::Protocol(format!("a line of more than {most} bytes")));
        }
        let Some(end) = end else {
            self.searched = searched;
            return Ok(None);
        };
        let mut line = self.pass(end + 1);
        line.pop();
        line.pop_if(|last| *last == b'\r');
        Ok(Some(line))
    }

    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        (self.rest().len() >= length).then(|| self.pass(length))
    }

    fn pass(&mut self, length: usize) -> Vec<u8> {
        self.searched = 0;
        let piece = self.rest()[..length].to_vec();
        self.at += length;
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of at most eight bytes among what arrives in portions, and what is left.
    fn lines(portions: &[&[u8]]) -> (Vec<String>, Result<usize, Cause>) {
        let (mut arrived, mut found) = (Arrived::default(), Vec::new());
        for portion in portions {
            arrived.more(portion);
            loop {
                match arrived.line(8) {
                    Ok(Some(line)) => found.push(String::from_utf8(line).unwrap()),
                    Ok(None) => break,
                    Err(cause) => return (found, Err(cause)),
                }
            }
        }
        (found, Ok(arrived.rest().len()))
    }

    #[test]
    fn lines_are_found_however_they_are_cut() {
        let stream = b"+OK\r\n\n\r\nplain\n12345678\nr\r";
        let expected = ["+OK", "", "", "plain", "12345678"].map(str::to_owned).to_vec();
        for size in 1..stream.len() {
            let portions: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(lines(&portions), (expected.clone(), Ok(2)), "{size}");
        }
    }

    #[test]
    fn a_line_has_a_bound() {
        let too_long = Err(Cause::Protocol("a line of more than 8 bytes".to_owned()));
        assert_eq!(lines(&[b"123456789"]), (Vec::new(), too_long.clone()));
        assert_eq!(lines(&[b"1\n", b"123456789\n2\n"]), (vec!["1".to_owned()], too_long));
    }

    #[test]
    fn pieces_and_lines_alternate() {
        let mut arrived = Arrived::default();
        arrived.more(b"$3\r\na\nb\r\nend\n");
        assert_eq!(arrived.line(8).unwrap().unwrap(), b"$3");
        assert_eq!(arrived.exactly(5).unwrap(), b"a\nb\r\n");
        assert_eq!(arrived.exactly(5), None);
        assert_eq!(arrived.line(8).unwrap().unwrap(), b"end");
        assert_eq!(arrived.exactly(0).unwrap(), b"");
    }
}
