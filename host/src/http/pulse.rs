//! What a connection is doing, and since when: so that one that does nothing, or too little, is found by a single timer, which
//! is not touched by requests.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::visitors::Visit;
use crate::config::HttpTimeouts;

/// The head of a request is on its way.
const HEAD: u8 = 0;
/// A request is being answered.
const ANSWERING: u8 = 1;
/// The last answer was given, and there is no other request yet.
const IDLE: u8 = 2;
/// The same, and nobody has looked at the clock since: most are followed by another request at once.
const RESTING: u8 = 3;
/// The first part of a head has come, and nobody has looked at the clock since: most are whole then.
const HEARD: u8 = 4;

/// Bytes of a head and its body that are written as one: to copy so few is cheaper than to have the system gather them.
const AS_ONE: usize = 2 * 1024;

/// What a connection is doing. Its moments are nanoseconds since it began; its only writer is the task of the connection.
pub(super) struct Pulse {
    began: Instant,
    /// Whether there may be several requests at a time, over HTTP/2. What comes then need not be a request's head: to be slow with
    /// one is to be idle.
    multiplexed: bool,
    /// Requests that are being answered.
    answers: AtomicU32,
    phase: AtomicU8,
    since: AtomicU64,
    /// Since when the other side takes nothing of what is to be sent; 0: it does, or there is nothing.
    stuck: AtomicU64,
}

/// What is wrong with a connection, or when to look again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It took too long for this.
    Late(&'static str),
    /// Nothing can be wrong before this moment.
    At(Instant),
}

impl Pulse {
    pub(super) fn new(multiplexed: bool) -> Pulse {
        Pulse {
            began: Instant::now(),
            multiplexed,
            answers: AtomicU32::new(0),
            phase: AtomicU8::new(if multiplexed { IDLE } else { HEAD }),
            since: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
        }
    }

    /// A request is there.
    pub(super) fn answer(&self) {
        self.answers.fetch_add(1, Relaxed);
        self.phase.store(ANSWERING, Release);
    }

    /// The answer was given. The next look says when that was, at the latest.
    fn rest(&self) {
        if self.answers.fetch_sub(1, Relaxed) == 1 {
            self.phase.store(RESTING, Release);
        }
    }

    fn enter(&self, phase: u8) {
        self.enter_at(phase, self.elapsed());
    }

    fn enter_at(&self, phase: u8, since: u64) {
        self.since.store(since, Relaxed);
        self.phase.store(phase, Release);
    }

    /// The other side is listened to.
    fn listen(&self) {
        // What came last was no whole head.
        if self.phase.load(Acquire) == HEARD {
            self.enter(HEAD);
        }
    }

    /// Something came from the other side.
    fn heard(&self) {
        if !self.multiplexed && matches!(self.phase.load(Acquire), IDLE | RESTING) {
            self.phase.store(HEARD, Release);
        }
    }

    /// The other side took something, or did not.
    fn sent(&self, taken: bool) {
        let stuck = self.stuck.load(Relaxed);
        if taken && stuck != 0 {
            self.stuck.store(0, Relaxed);
            // It has been busy with the last answer until now.
            if self.phase.load(Acquire) == IDLE {
                self.enter(IDLE);
            }
        } else if !taken && stuck == 0 {
            self.stuck.store(self.elapsed().max(1), Relaxed);
        }
    }

    fn elapsed(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }

    /// Looks at it. What begins after this look can't be late before the shortest of all times is over, so it is enough to
    /// look again then.
    pub(super) fn look(&self, timeouts: &HttpTimeouts, now: Instant) -> Look {
        let at = nanoseconds(now.saturating_duration_since(self.began));
        let HttpTimeouts { header, idle, send, .. } = *timeouts;
        match self.phase.load(Acquire) {
            RESTING => self.enter_at(IDLE, at),
            HEARD => self.enter_at(HEAD, at),
            _ => {}
        }
        let begun = match self.phase.load(Acquire) {
            HEAD => Some((header, "the head of a request")),
            IDLE => Some((idle, "another request")),
            _ => None,
        };
        let slow = match self.stuck.load(Relaxed) {
            0 => begun.map(|(span, what)| (self.since.load(Relaxed), span, what)),
            since => Some((since, send, "an answer to be taken")),
        };
        let mut next = at.saturating_add(nanoseconds(header.min(idle).min(send)));
        if let Some((since, span, what)) = slow {
            let end = since.saturating_add(nanoseconds(span));
            if end <= at {
                return Look::Late(what);
            }
            next = next.min(end);
        }
        Look::At(self.began + Duration::from_nanos(next))
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// What a connection is read from and written to, with a finger on its pulse. The visit ends with it.
pub(super) struct Felt<S> {
    stream: S,
    pulse: Arc<Pulse>,
    _visit: Arc<Visit>,
}

impl<S> Felt<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>, visit: Arc<Visit>) -> Felt<S> {
        Felt { stream, pulse, _visit: visit }
    }

    fn felt<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.pulse.sent(polled.is_ready());
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Felt<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.pulse.listen();
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pulse.heard();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Felt<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.felt(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        let written = if slices.len() > 1 && all <= AS_ONE {
            let (mut whole, mut end) = ([0; AS_ONE], 0);
            for slice in slices {
                whole[end..end + slice.len()].copy_from_slice(slice);
                end += slice.len();
            }
            Pin::new(&mut self.stream).poll_write(cx, &whole[..end])
        } else {
            Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
        };
        self.felt(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.felt(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.felt(shut)
    }
}

/// The body of an answer. The connection rests once all of it was handed over.
pub(super) struct Told<B> {
    body: B,
    pulse: Arc<Pulse>,
}

impl<B> Told<B> {
    pub(super) fn new(body: B, pulse: Arc<Pulse>) -> Told<B> {
        Told { body, pulse }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Told<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Told<B> {
    fn drop(&mut self) {
        self.pulse.rest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_of_several_requests_rests_after_the_last_one() {
        let pulse = Pulse::new(true);
        assert_eq!(pulse.phase.load(Relaxed), IDLE);
        pulse.heard();
        assert_eq!(pulse.phase.load(Relaxed), IDLE, "that may be anything");
        pulse.answer();
        pulse.answer();
        pulse.rest();
        assert_eq!(pulse.phase.load(Relaxed), ANSWERING);
        pulse.rest();
        assert_eq!(pulse.phase.load(Relaxed), RESTING);
    }

    const TIMEOUTS: HttpTimeouts = HttpTimeouts {
        handshake: Duration::from_secs(1),
        header: Duration::from_secs(10),
        body: Duration::from_secs(1),
        idle: Duration::from_secs(75),
        send: Duration::from_secs(30),
    };

    fn pulse(phase: u8, since: u64, stuck: u64) -> Pulse {
        let pulse = Pulse::new(false);
        pulse.phase.store(phase, Relaxed);
        pulse.since.store(since * 1_000_000_000, Relaxed);
        pulse.stuck.store(stuck * 1_000_000_000, Relaxed);
        pulse
    }

    #[test]
    fn a_connection_is_late_with_what_it_does_and_looked_at_no_later() {
        let table = [
            (HEAD, 0, 0, 9, Ok(10)),
            (HEAD, 0, 0, 10, Err("the head of a request")),
            (HEAD, 5, 0, 6, Ok(15)),
            // A head could begin just after the look.
            (IDLE, 0, 0, 1, Ok(11)),
            (IDLE, 0, 0, 70, Ok(75)),
            (IDLE, 0, 0, 75, Err("another request")),
            (ANSWERING, 0, 0, 1_000, Ok(1_010)),
            (ANSWERING, 0, 900, 925, Ok(930)),
            (ANSWERING, 0, 900, 930, Err("an answer to be taken")),
            // It rests since it was looked at, at the latest.
            (RESTING, 0, 0, 20, Ok(30)),
            (HEARD, 0, 0, 20, Ok(30)),
            // All of it was handed over, and most of it is still to be sent.
            (IDLE, 0, 900, 925, Ok(930)),
        ];
        for (case, (phase, since, stuck, now, expected)) in table.into_iter().enumerate() {
            let pulse = pulse(phase, since, stuck);
            let at = |seconds| pulse.began + Duration::from_secs(seconds);
            let expected = expected.map_or_else(Look::Late, |next| Look::At(at(next)));
            assert_eq!(pulse.look(&TIMEOUTS, at(now)), expected, "case {case}");
        }
    }
}
