//! The same by futures.

use super::{Stream, begin, done, failed};
use crate::{Error, clock::Deadline, stream::nonblocking as stream, tcp};

impl Stream {
    /// [`secure`](Self::secure), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn secure_async(stream: tcp::Stream, name: &str, deadline: Deadline) -> Result<Self, Error> {
        let (input, output, socket, remote) = stream.into_parts();
        let under_way = begin(name, input, output);
        let shaken = deadline.until_async(|| under_way.subscribe(), || done(&under_way)).await;
        let (connection, input, output) = shaken.map_err(|cause| failed(remote, name, cause))?;
        Ok(Self { input, output, connection, _socket: socket, remote })
    }

    /// [`write`](Self::write), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn write_async(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        let written = stream::write(&self.output, bytes, deadline).await;
        written.map_err(|cause| Error::new(format!("sending to {}", self.remote), cause))
    }

    /// [`read`](Self::read), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn read_async(&mut self, most: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        let read = stream::read(&self.input, most, deadline).await;
        read.map_err(|cause| Error::new(format!("waiting for the answer of {}", self.remote), cause))
    }
}
