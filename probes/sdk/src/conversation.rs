//! A conversation with a target over one connection: what it says is taken in as it comes, and handed out in pieces of bounded
//! size.

use std::net::SocketAddr;

use crate::{
    Cause, Error, Wire,
    clock::{Deadline, Instant},
    text::{blot, excerpt, first_line},
};

/// Bytes that are read in one go.
const CHUNK: usize = 16 * 1024;
/// Characters of a text of the target's that are shown.
const SHOWN: usize = 120;

/// A conversation.
pub struct Conversation {
    wire: Wire,
    arrived: Arrived,
    /// What the target was told last, and is to answer.
    told: Option<&'static str>,
    /// What is never shown, even if the target repeats it.
    secrets: Vec<String>,
}

impl Conversation {
    /// Begins one over an open connection.
    pub fn new(wire: Wire) -> Self {
        Self { wire, arrived: Arrived::default(), told: None, secrets: Vec::new() }
    }

    /// From now on this is blotted out wherever the target's words are shown.
    pub fn hide(&mut self, secret: impl Into<String>) {
        self.secrets.push(secret.into());
    }

    /// The address that was dialled.
    pub fn remote(&self) -> SocketAddr {
        self.wire.remote()
    }

    /// The connection alone, so that it can be made secure in the middle of a conversation.
    ///
    /// # Errors
    ///
    /// [`Cause::Protocol`] if something has arrived that was not taken: it came in the clear, and could be anybody's.
    pub fn into_wire(self) -> Result<Wire, Error> {
        match self.arrived.bytes.len() {
            0 => Ok(self.wire),
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
    /// [`Cause::TimedOut`], [`Cause::Closed`], [`Cause::Broken`], or [`Cause::Protocol`] if the line is longer.
    pub fn line(&mut self, most: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        self.take(deadline, |arrived| arrived.line(most))
    }

    /// The next `length` bytes, which are kept in memory as they come.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Closed`] or [`Cause::Broken`].
    pub fn exactly(&mut self, length: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        self.take(deadline, |arrived| Ok(arrived.exactly(length)))
    }

    /// What the target said, quoted: made printable, cut, and without secrets.
    pub fn quote(&self, said: &[u8]) -> String {
        excerpt(&blot(said, &self.secrets), SHOWN)
    }

    /// What the target said, as a word or a few: made printable, cut, and without secrets.
    pub fn word(&self, said: &str) -> String {
        first_line(&String::from_utf8_lossy(&blot(said.as_bytes(), &self.secrets)), SHOWN)
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
            match self.wire.read(CHUNK, deadline) {
                Ok(more) if more.is_empty() => return Err(self.waiting(Cause::Closed)),
                Ok(more) => self.arrived.bytes.extend(more),
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

/// What has arrived, and was not handed out.
#[derive(Default)]
struct Arrived {
    bytes: Vec<u8>,
    /// So many of them have no end of a line among them. They are not searched again, so that a target which sends them one
    /// at a time can't use up the fuel of a run.
    searched: usize,
}

impl Arrived {
    fn line(&mut self, most: usize) -> Result<Option<Vec<u8>>, Cause> {
        let end = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
        self.searched = self.bytes.len();
        if end.unwrap_or(self.searched) > most {
            return Err(Cause::Protocol(format!("a line of more than {most} bytes")));
        }
        let Some(end) = end else { return Ok(None) };
        let mut line = self.pass(end + 1);
        line.pop();
        line.pop_if(|last| *last == b'\r');
        Ok(Some(line))
    }

    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        (self.bytes.len() >= length).then(|| self.pass(length))
    }

    fn pass(&mut self, length: usize) -> Vec<u8> {
        self.searched = 0;
        self.bytes.drain(..length).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of at most eight bytes among what arrives in portions, and what is left.
    fn lines(portions: &[&[u8]]) -> (Vec<String>, Result<usize, Cause>) {
        let (mut arrived, mut found) = (Arrived::default(), Vec::new());
        for portion in portions {
            arrived.bytes.extend(*portion);
            loop {
                match arrived.line(8) {
                    Ok(Some(line)) => found.push(String::from_utf8(line).unwrap()),
                    Ok(None) => break,
                    Err(cause) => return (found, Err(cause)),
                }
            }
        }
        (found, Ok(arrived.bytes.len()))
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
        let mut arrived = Arrived { bytes: b"$3\r\na\nb\r\nend\n".to_vec(), searched: 0 };
        assert_eq!(arrived.line(8).unwrap().unwrap(), b"$3");
        assert_eq!(arrived.exactly(5).unwrap(), b"a\nb\r\n");
        assert_eq!(arrived.exactly(5), None);
        assert_eq!(arrived.line(8).unwrap().unwrap(), b"end");
        assert_eq!(arrived.exactly(0).unwrap(), b"");
    }
}
