//! Takes connections in, and sees them out.

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::Layer;

/// How many connections there can be at once; more wait to be accepted. Half of the 1,024 files that a process may
/// usually have open: the rest is for the probes.
const CONNECTIONS: usize = 512;
/// How long a connection may take to send a request's head, and how long it may be idle between two. Prometheus scrapes
/// every minute unless told otherwise, and can keep its connection.
const HEAD: Duration = Duration::from_secs(75);
/// How long to wait before accepting again when the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Serves until `close` resolves; connections with a request under way then have `grace` to end.
///
/// # Errors
///
/// If the listener is none.
pub async fn serve(listener: TcpListener, router: Router, close: impl Future, grace: Duration) -> io::Result<()> {
    let mut close = pin!(close);
    let (closing, _) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut close => break,
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(converse(stream, peer, router.clone(), closing.subscribe()));
                }
                Err(error) => recover(error).await?,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    drop(closing);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(grace, all_ended).await.is_err() {
        tracing::warn!("{} connections did not end within {grace:?}, and are cut", connections.len());
    }
    Ok(())
}

/// One connection, from its first request to its last.
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, mut closing: watch::Receiver<()>) {
    // Responses are written whole, so there is nothing to wait for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("{peer}: {error}");
    }
    let service = TowerToHyperService::new(Extension(ConnectInfo(peer)).layer(router));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service)
            // For the events, which are followed over WebSockets too.
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("{peer}: {error}");
    }
}

/// Accepting fails for three reasons: the connection ended before it was accepted, the system has no room for it, or
/// the listener is broken, which waiting does not mend (accept(2)).
async fn recover(error: io::Error) -> io::Result<()> {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput};
    match error.kind() {
        InvalidInput => Err(error),
        ConnectionAborted | ConnectionReset => Ok(()),
        _ => {
            tracing::warn!("can't accept a connection: {error}");
            sleep(NO_ROOM).await;
            Ok(())
        }
    }
}
