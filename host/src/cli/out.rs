//! What a command says to whoever asked for it.

use std::io::{ErrorKind, Write, stdout};

use anyhow::{Context, Result};

/// Writes to standard output. Whoever has read enough of it closes it, and that is no failure.
///
/// # Errors
///
/// It can't be written: the disk is full, say.
pub(super) fn say(text: impl AsRef<[u8]>) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("can't write to standard output"),
    }
}

/// Writes a document for programs, over several lines.
///
/// # Errors
///
/// As [`say`].
pub(super) fn say_json(document: &serde_json::Value) -> Result<()> {
    say(serde_json::to_string_pretty(document)? + "\n")
}
