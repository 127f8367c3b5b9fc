//! The body of a request, as long as it is neither too large nor too slow; and what no route cares to read of it.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use thiserror::Error;
use tokio::{
    sync::oneshot,
    time::{Sleep, sleep, timeout},
};

use super::problem::Problem;

/// Bytes of a body that are read for nothing. A connection on which more is to come is closed, which is cheaper for both sides.
const MOST_FOR_NOTHING: usize = 64 * 1024;
/// How long an answer waits for the end of a body that nobody reads. It is usually there, or on its way behind the head.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why a body is not taken.
#[derive(Clone, Copy, Debug, Error)]
enum Unfit {
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    #[error("it did not come within {0:?}")]
    Late(Duration),
}

/// A body that is watched.
pub(super) struct Watched {
    /// It is there until the end.
    body: Option<Incoming>,
    /// Where it goes if it is dropped before its end.
    rest: Option<oneshot::Sender<Incoming>>,
    most: u64,
    left: u64,
    patience: Duration,
    /// Few requests have a body, and only those pay for a timer.
    over: Pin<Box<Sleep>>,
}

impl Watched {
    /// Watches a body; what is not read of it can be had when it is dropped.
    pub(super) fn new(body: Incoming, most: u64, patience: Duration) -> (Watched, Rest) {
        let (rest, unread) = oneshot::channel();
        let over = Box::pin(sleep(patience));
        (Watched { body: Some(body), rest: Some(rest), most, left: most, patience, over }, Rest(unread))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let (Some(body), Some(rest)) = (self.body.take(), self.rest.take()) {
            // Nobody may be waiting for it.
            let _ = rest.send(body);
        }
    }
}

/// What a route does not read of a body.
pub(super) struct Rest(oneshot::Receiver<Incoming>);

impl Rest {
    /// Reads it for nothing, up to a point. Otherwise the connection would have to be closed, and an answer that meets a client
    /// which is still sending can be lost on the way (RFC 9112, section 9.6).
    pub(super) async fn pass_over(mut self) {
        let Ok(mut body) = self.0.try_recv() else {
            return;
        };
        let all = async {
            let mut passed = 0;
            while let Some(Ok(frame)) = body.frame().await {
                passed += frame.data_ref().map_or(0, Bytes::len);
                if passed > MOST_FOR_NOTHING {
                    return;
                }
            }
        };
        // If it does not end, the connection will be closed.
        let _ = timeout(PATIENCE, all).await;
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
            let patience = self.patience;
            return self.over.as_mut().poll(cx).map(|()| Some(Err(Unfit::Late(patience).into())));
        };
        let Some(frame) = frame else {
            self.body = None;
            return Poll::Ready(None);
        };
        let length = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        Poll::Ready(Some(match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                frame.map_err(Into::into)
            }
            None => Err(Unfit::TooLarge(self.most).into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

/// What is answered where a body could not be read whole, of which this route takes so many bytes.
pub(super) fn problem(error: &(dyn Error + 'static), most: usize) -> Problem {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref() {
            Some(Unfit::TooLarge(most)) => return Problem::too_large(*most),
            Some(Unfit::Late(patience)) => return Problem::late(*patience),
            None if error.is::<LengthLimitError>() => return Problem::too_large(most as u64),
            None => next = error.source(),
        }
    }
    Problem::invalid_body(format!("the body broke off: {error}"))
}
