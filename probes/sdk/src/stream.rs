//! Byte streams of the sandbox, read and written without waiting past a deadline.

pub(crate) mod nonblocking;

use crate::{
    Cause,
    bindings::wasi::io::streams::{InputStream, OutputStream, StreamError},
    clock::Deadline,
    error::QUOTED,
    text::first_line,
};

/// Writes all of `bytes` and sees them off.
pub(crate) fn write(output: &OutputStream, mut bytes: &[u8], deadline: Deadline) -> Result<(), Cause> {
    let room = || {
        let room = || Ok::<_, StreamError>(Some(output.check_write()?).filter(|room| *room > 0));
        deadline.until(|| output.subscribe(), room)
    };
    while !bytes.is_empty() {
        let room = usize::try_from(room()?).unwrap_or(usize::MAX);
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        output.write(now)?;
        bytes = later;
    }
    output.flush()?;
    // There is room again once the flush is done.
    room().map(drop)
}

/// What has arrived, as soon as something has: at most `most` bytes, and none at the end of the stream.
pub(crate) fn read(input: &InputStream, most: usize, deadline: Deadline) -> Result<Vec<u8>, Cause> {
    deadline.until(|| input.subscribe(), || arrived(input, most))
}

/// What has arrived by now: `None` if nothing has, no bytes at the end of the stream.
pub(crate) fn arrived(input: &InputStream, most: usize) -> Result<Option<Vec<u8>>, StreamError> {
    match input.read(most as u64) {
        Ok(bytes) if bytes.is_empty() => Ok(None),
        Ok(bytes) => Ok(Some(bytes)),
        Err(StreamError::Closed) => Ok(Some(Vec::new())),
        Err(error) => Err(error),
    }
}

impl From<StreamError> for Cause {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Closed => Self::Closed,
            StreamError::LastOperationFailed(error) => {
                Self::Broken(said(&first_line(&error.to_debug_string(), QUOTED)))
            }
        }
    }
}

/// The system's word for what went wrong as a person writes it: the runner has it as a name, such as `ConnectionReset`.
fn said(name: &str) -> String {
    if !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return name.to_owned();
    }
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_words() {
        assert_eq!(said("ConnectionReset"), "connection reset");
        assert_eq!(said("BrokenPipe"), "broken pipe");
        assert_eq!(said("The answer is not TLS"), "The answer is not TLS");
    }
}
