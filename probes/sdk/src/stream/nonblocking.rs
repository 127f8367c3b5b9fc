//! The same by futures.

use crate::{
    Cause,
    bindings::wasi::io::streams::{InputStream, OutputStream, StreamError},
    clock::Deadline,
};

/// Writes all of `bytes` and sees them off.
pub(crate) async fn write(output: &OutputStream, mut bytes: &[u8], deadline: Deadline) -> Result<(), Cause> {
    let room = || {
        let room = || Ok::<_, StreamError>(Some(output.check_write()?).filter(|room| *room > 0));
        deadline.until_async(|| output.subscribe(), room)
    };
    while !bytes.is_empty() {
        let room = usize::try_from(room().await?).unwrap_or(usize::MAX);
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        output.write(now)?;
        bytes = later;
    }
    output.flush()?;
    // There is room again once the flush is done.
    room().await.map(drop)
}

/// What has arrived, as soon as something has: at most `most` bytes, and none at the end of the stream.
pub(crate) async fn read(input: &InputStream, most: usize, deadline: Deadline) -> Result<Vec<u8>, Cause> {
    deadline.until_async(|| input.subscribe(), || super::arrived(input, most)).await
}
