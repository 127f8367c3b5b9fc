//! Where a command's standard output and its standard error go: into memory, up to a limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

use crate::engine::exceeded::Exceeded;

/// Bytes that may be written at once: what `blocking-write-and-flush` takes.
const AT_ONCE: usize = 4_096;

/// What a command wrote to one of its streams. Clones are of the same.
#[derive(Clone)]
pub(super) struct Captured {
    most: usize,
    /// What ends the run if it writes more; otherwise what is more is dropped.
    end: Option<Exceeded>,
    written: Arc<Mutex<Written>>,
}

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    dropped_lines: u64,
}

impl Captured {
    /// Takes so many bytes, and ends the run at one more.
    pub(super) fn ending(most: u64, end: Exceeded) -> Captured {
        Captured::new(most, Some(end))
    }

    /// Takes so many bytes, and drops the rest.
    pub(super) fn dropping(most: u64) -> Captured {
        Captured::new(most, None)
    }

    fn new(most: u64, end: Option<Exceeded>) -> Captured {
        Captured { most: usize::try_from(most).unwrap_or(usize::MAX), end, written: Arc::default() }
    }

    /// What was written, as far as it was taken. What is not UTF-8 is replaced.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written().bytes).into_owned()
    }

    /// How many lines there are in what was dropped, but for the one that it begins with the end of.
    pub(super) fn dropped_lines(&self) -> u64 {
        let written = self.written();
        let is_cut = written.bytes.last().is_some_and(|last| *last != b'\n');
        written.dropped_lines.saturating_sub(u64::from(is_cut))
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: &[u8]) -> Result<(), Exceeded> {
        let mut written = self.written();
        let room = self.most.saturating_sub(written.bytes.len());
        let (taken, dropped) = bytes.split_at(bytes.len().min(room));
        written.bytes.extend_from_slice(taken);
        written.dropped_lines += dropped.iter().filter(|byte| **byte == b'\n').count() as u64;
        match self.end {
            Some(end) if !dropped.is_empty() => Err(end),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl OutputStream for Captured {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes).map_err(|end| StreamError::Trap(end.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(AT_ONCE)
    }
}

#[async_trait]
impl Pollable for Captured {
    async fn ready(&mut self) {}
}

impl IsTerminal for Captured {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Captured {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // WASI 0.3 would ask for this, which there is none of here.
        Box::new(tokio::io::sink())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_ends_the_run_or_is_dropped_and_counted() {
        let end = Exceeded::Output { limit: 4 };
        let ending = Captured::ending(4, end);
        assert_eq!((ending.take(b"abc"), ending.take(b"d"), ending.take(b"")), (Ok(()), Ok(()), Ok(())));
        assert_eq!((ending.take(b"e"), ending.text().as_str()), (Err(end), "abcd"));

        let dropping = Captured::dropping(4);
        assert_eq!((dropping.take(b"a\nbcd\ne\n"), dropping.take(b"f\n")), (Ok(()), Ok(())));
        assert_eq!((dropping.text().as_str(), dropping.dropped_lines()), ("a\nbc", 2));
        let bytes = Captured::dropping(4);
        assert_eq!((bytes.take(&[b'a', 0xff]), bytes.text().as_str()), (Ok(()), "a\u{fffd}"));
    }
}
