//! The body of a request, as long as it is neither too large nor too slow.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::LengthLimitError;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use thiserror::Error;
use tokio::time::{Sleep, sleep};

use super::problem::Problem;

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
    body: Incoming,
    most: u64,
    left: u64,
    patience: Duration,
    /// Few requests have a body, and only those pay for a timer.
    over: Pin<Box<Sleep>>,
}

impl Watched {
    pub(super) fn new(body: Incoming, most: u64, patience: Duration) -> Watched {
        Watched { body, most, left: most, patience, over: Box::pin(sleep(patience)) }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let patience = self.patience;
            return self.over.as_mut().poll(cx).map(|()| Some(Err(Unfit::Late(patience).into())));
        };
        let Some(frame) = frame else {
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
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
