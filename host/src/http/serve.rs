//! Takes connections in, and sees them out.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    door::Door,
    origins::Origins,
    pulse::{Felt, Look, Pulse},
    tls::Tls,
    visitors::{Visit, Visitors},
};
use crate::config::{AuthInForce, HttpLimits, HttpTimeouts};

/// How long to wait before accepting again when the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(100);
/// What is buffered of a connection at least: with less, large bodies are sent in needlessly many parts.
const BUFFER: usize = 64 * 1024;

/// On which terms connections are taken in.
#[derive(Default)]
pub struct Terms {
    /// How much clients may take.
    pub limits: HttpLimits,
    /// How long clients may take.
    pub timeouts: HttpTimeouts,
    /// How TLS is spoken, if it is.
    pub tls: Option<Arc<Tls>>,
    /// Who may ask for what: where reading takes a token, every answer is for the one alone who asked.
    pub auth: AuthInForce,
    /// The origins whose pages may read the answers.
    pub origins: Origins,
}

/// Serves until `close` resolves; connections with a request under way then have `grace` to end.
///
/// # Errors
///
/// If the listener is none.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    terms: Terms,
    close: impl Future,
    grace: Duration,
) -> io::Result<()> {
    let mut close = pin!(close);
    let (closing, _) = watch::channel(());
    let mut connections = JoinSet::new();
    let (visitors, terms) = (Visitors::new(&terms.limits), Arc::new(terms));
    loop {
        tokio::select! {
            _ = &mut close => break,
            accepted = listener.accept(), if connections.len() < terms.limits.connections => match accepted {
                Ok((stream, peer)) => match visitors.admit(peer.ip()) {
                    Some(visit) => {
                        let guest = Guest { peer, visit, router: router.clone(), terms: Arc::clone(&terms) };
                        connections.spawn(guest.receive(stream, closing.subscribe()));
                    }
                    None => tracing::debug!("{peer}: its address has as many connections as it may"),
                },
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

/// Somebody who has connected.
struct Guest {
    peer: SocketAddr,
    visit: Visit,
    router: Router,
    terms: Arc<Terms>,
}

impl Guest {
    async fn receive(self, stream: TcpStream, closing: watch::Receiver<()>) {
        let peer = self.peer;
        // Responses are written whole, so there is nothing to wait for.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("{peer}: {error}");
        }
        let Some(tls) = &self.terms.tls else {
            return self.converse(stream, closing).await;
        };
        match timeout(self.terms.timeouts.handshake, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, closing).await,
            Ok(Err(error)) => tracing::debug!("{peer}: no handshake: {error}"),
            Err(_) => tracing::debug!("{peer}: took too long for the handshake"),
        }
    }

    /// One connection, from its first request to its last.
    async fn converse<S>(self, stream: S, mut closing: watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Guest { peer, visit, router, terms } = self;
        let (visit, pulse) = (Arc::new(visit), Arc::new(Pulse::new()));
        let stream = TokioIo::new(Felt::new(stream, Arc::clone(&pulse), Arc::clone(&visit)));
        let door = Arc::new(Door { router, peer, terms: Arc::clone(&terms), visit, pulse: Arc::clone(&pulse) });
        let mut connection = pin!(
            http1::Builder::new()
                // The pulse sees to it, with one timer for a connection rather than one for a request.
                .header_read_timeout(None)
                .max_header_size(terms.limits.header_size)
                .max_buf_size(terms.limits.header_size.max(BUFFER))
                .serve_connection(stream, service_fn(move |request| Arc::clone(&door).answer(request)))
                // For the events, which are followed over WebSockets too.
                .with_upgrades()
        );
        let mut timer = pin!(sleep(Duration::ZERO));
        let mut open = true;
        let ended = loop {
            tokio::select! {
                ended = &mut connection => break ended,
                _ = closing.changed(), if open => {
                    open = false;
                    connection.as_mut().graceful_shutdown();
                }
                () = &mut timer => match pulse.look(&terms.timeouts, Instant::now().into_std()) {
                    Look::At(next) => timer.set(sleep_until(next.into())),
                    Look::Late(what) => {
                        tracing::debug!("{peer}: waited too long for {what}");
                        return;
                    }
                },
            }
        };
        if let Err(error) = ended {
            tracing::debug!("{peer}: {error}");
        }
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
