//! The body of an answer, on its way to the guest.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming};
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::Error;

use super::{failure, http2::Lease};

/// Bytes of one answer's body. A probe that wants more than this examines content, not health; its own memory limit is
/// usually reached before.
const MOST: u64 = 64 * 1024 * 1024;
/// Bytes of a part that is handed on at once.
const ENOUGH: usize = 16 * 1024;
/// How long a smaller part waits for more to come. A guest works to take a part, however small it is: a server that sends
/// chunks of one byte each could use up all of its fuel otherwise.
const PATIENCE: Duration = Duration::from_millis(2);

/// An answer's body, bounded in size and in the silence between its parts, and handed on in parts of a useful size.
pub(super) struct Answer {
    incoming: Incoming,
    /// What keeps an HTTP/2 connection open for as long as there is something to read.
    _lease: Option<Lease>,
    left: u64,
    idle: Option<(Duration, Pin<Box<Sleep>>)>,
    gathered: BytesMut,
    /// When what is gathered is handed on, whatever there is of it.
    patience: Option<Pin<Box<Sleep>>>,
    /// What came after it: the end, trailers, or an error.
    next: Option<Part>,
}

/// A part of a body; none at its end.
type Part = Option<Result<Frame<Bytes>, Error>>;

impl Answer {
    pub(super) fn new(incoming: Incoming, idle: Option<Duration>, lease: Option<Lease>) -> Answer {
        Answer {
            incoming,
            _lease: lease,
            left: MOST,
            idle: idle.map(|idle| (idle, Box::pin(sleep(idle)))),
            gathered: BytesMut::new(),
            patience: None,
            next: None,
        }
    }

    /// What comes next, as it comes.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Part> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            if let Some((_, silence)) = &mut self.idle {
                ready!(silence.as_mut().poll(cx));
                return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
            }
            return Poll::Pending;
        };
        let frame = match frame {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(failure::of_protocol(&error)))),
            Some(Ok(frame)) => frame,
        };
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        let Some(left) = self.left.checked_sub(bytes) else {
            return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(MOST)))));
        };
        self.left = left;
        if let Some((idle, silence)) = &mut self.idle {
            silence.as_mut().reset(Instant::now() + *idle);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    /// Hands on what is gathered, and then this.
    fn go_on_with(&mut self, next: Part) -> Poll<Part> {
        if self.gathered.is_empty() {
            return Poll::Ready(next);
        }
        self.next = Some(next);
        self.hand_on()
    }

    fn hand_on(&mut self) -> Poll<Part> {
        self.patience = None;
        Poll::Ready(Some(Ok(Frame::data(self.gathered.split().freeze()))))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Part> {
        if let Some(next) = self.next.take() {
            return Poll::Ready(next);
        }
        loop {
            let part = match self.poll_part(cx) {
                Poll::Pending if self.gathered.is_empty() => return Poll::Pending,
                Poll::Pending => {
                    let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
                    ready!(patience.as_mut().poll(cx));
                    return self.hand_on();
                }
                Poll::Ready(part) => part,
            };
            let data = match part.map(|part| part.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => data,
                Some(Ok(Err(trailers))) => return self.go_on_with(Some(Ok(trailers))),
                Some(Err(error)) => return self.go_on_with(Some(Err(error))),
                None => return self.go_on_with(None),
            };
            if self.gathered.is_empty() && data.len() >= ENOUGH {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            self.gathered.extend_from_slice(&data);
            // An end that is known need not be waited for.
            if self.gathered.len() >= ENOUGH || self.incoming.is_end_stream() {
                return self.hand_on();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;
    use http_body_util::{BodyExt, Empty};
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What comes of an answer that a server sends in these pieces: the lengths of its parts, and how long it took.
    async fn parts(pieces: Vec<Vec<u8>>) -> (Vec<usize>, Duration) {
        let (near, mut far) = tokio::io::duplex(1024 * 1024);
        let serve = async move {
            far.read_u8().await.unwrap();
            for piece in pieces {
                far.write_all(&piece).await.unwrap();
            }
            far
        };
        let ask = async {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
            let connection = tokio::spawn(connection);
            let response = sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap();
            let begun = Instant::now();
            let mut answer = Answer::new(response.into_body(), Some(Duration::from_secs(5)), None);
            let mut parts = Vec::new();
            while let Some(part) = answer.frame().await {
                parts.push(part.unwrap().into_data().unwrap().len());
            }
            connection.abort();
            (parts, begun.elapsed())
        };
        tokio::join!(ask, serve).0
    }

    #[tokio::test]
    async fn small_parts_are_gathered() {
        let chunks = [b"1\r\na\r\n".repeat(10_000), b"0\r\n\r\n".to_vec()].concat();
        let (parts, _) = parts(vec![b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(), chunks]).await;
        assert_eq!(parts.iter().sum::<usize>(), 10_000);
        assert!(parts.len() < 1_000, "{parts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_whole_is_not_held_back() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc".to_vec();
        assert_eq!(parts(vec![whole]).await, (vec![3], Duration::ZERO));
        let large = [b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n".to_vec(), vec![b'a'; 300_000]].concat();
        let (parts, took) = parts(vec![large]).await;
        assert_eq!((parts.iter().sum::<usize>(), took), (300_000, Duration::ZERO));
    }
}
