//! The standard output of the runner: a line of JSON a message, for whatever reads it.

use std::{io::Write, sync::Arc};

use futures_util::future::BoxFuture;
use probity_core::alert::Letter;
use tokio::sync::Mutex;

use crate::alerts::delivery::{Deliver, Failure};

#[derive(Default)]
pub(super) struct ToStdout {
    /// Held by whoever writes, for as long as that takes: a thread that waits for a reader who has stopped to can't be called back, and
    /// there must not be one more with each attempt.
    turn: Arc<Mutex<()>>,
}

impl Deliver for ToStdout {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Failure>> {
        // All keys of a letter are texts, so it can always be written.
        let mut line = serde_json::to_string(letter).unwrap_or_default();
        line.push('\n');
        Box::pin(async move {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            // Whoever reads it may have stopped to, which must not stop anything else.
            let written = tokio::task::spawn_blocking(move || {
                let mut out = std::io::stdout().lock();
                let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
                drop(turn);
                written
            });
            match written.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(Failure::passing(format!("the standard output can't be written to: {error}"))),
                Err(error) => Err(Failure::passing(error.to_string())),
            }
        })
    }
}
