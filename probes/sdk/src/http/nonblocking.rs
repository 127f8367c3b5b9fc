//! The same by futures.

use super::{Body, IncomingResponse, Request, Response, add, answer, arrived, of, room, start};
use crate::{
    Cause, Error,
    clock::{Deadline, Instant},
    stream::nonblocking as stream,
};

/// [`send`](super::send), as a future. The answer has no [`exchange`](Response::exchange): of several requests at once nobody can tell whose
/// the latest one is.
///
/// # Errors
///
/// As for that.
pub async fn send_async(request: &Request<'_>, deadline: Deadline) -> Result<Response, Error> {
    let answered = exchange(request, deadline).await.and_then(|response| of(response, request, None));
    answered.map_err(|cause| Error::new(format!("asking {}", request.url), cause))
}

async fn exchange(request: &Request<'_>, deadline: Deadline) -> Result<IncomingResponse, Cause> {
    let begun = Instant::now();
    let (pending, body) = start(request, deadline, begun)?;
    if let Some(body) = body {
        let written = stream::write(&body.stream, request.body, deadline).await;
        body.end(written)?;
    }
    deadline.until_async(|| pending.subscribe(), || answer(&pending, begun)).await
}

impl Response {
    /// [`read_body`](Self::read_body), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn read_body_async(&mut self, most: usize, deadline: Deadline) -> Result<Body, Error> {
        let mut bytes = Vec::new();
        loop {
            let (room, begun) = (room(&bytes, most), Instant::now());
            let arrived = || arrived(&self.stream, room, begun, deadline);
            let came = deadline.until_async(|| self.stream.subscribe(), arrived).await;
            let more = came.map_err(|cause| self.unread(cause))?;
            if let Some(cut) = add(&mut bytes, more, most) {
                return Ok(Body { bytes, cut });
            }
        }
    }
}
