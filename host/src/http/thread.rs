//! The server on a thread of its own: guests that compute keep the others busy, and whether the runner lives is to be
//! told in time all the same.

use std::{io, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::oneshot::{self, Receiver},
};

use super::serve::{Terms, serve};

/// Serves until `close` resolves, as [`serve`] does. What is returned tells how it ended.
///
/// # Errors
///
/// If the system has no room for another thread, or for what it waits with.
pub fn serve_on_thread(
    listener: TcpListener,
    router: Router,
    terms: Terms,
    close: Receiver<()>,
    grace: Duration,
) -> io::Result<Receiver<io::Result<()>>> {
    let listener = listener.into_std()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new().name("http".into()).spawn(move || {
        let served =
            runtime.block_on(async { serve(TcpListener::from_std(listener)?, router, terms, close, grace).await });
        // Nobody waits if the runner failed.
        let _ = ended.send(served);
    })?;
    Ok(end)
}
