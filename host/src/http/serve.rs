//! Takes connections in, and sees them out.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream::FuturesUnordered,
};
use hyper::{
    body::Incoming,
    rt::bounds::Http2ServerConnExec,
    server::conn::{http1, http2},
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
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
/// Requests at a time over one connection of HTTP/2, as the specification has it for the least (RFC 9113, section 6.5.2).
const STREAMS: u32 = 100;
/// HTTP/2 by its name in TLS.
const HTTP_2: &[u8] = b"h2";
/// What a connection of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// So much of it is the beginning of nothing else: there is no method PRI.
const TELLING: usize = 4;

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

/// What is spoken over a connection.
#[derive(Clone, Copy, PartialEq)]
enum Version {
    Http1,
    Http2,
}

/// What a connection is called upon to do beside answering.
enum Call {
    /// To come to its end.
    Close,
    /// To see whether it is late.
    Look,
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
            let Some(begun) = self.begun(&stream, closing.clone()).await else { return };
            return self.converse(stream, begun, closing).await;
        };
        match timeout(self.terms.timeouts.handshake, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => {
                let agreed = stream.get_ref().1.alpn_protocol();
                let version = if agreed == Some(HTTP_2) { Version::Http2 } else { Version::Http1 };
                self.converse(stream, version, closing).await;
            }
            Ok(Err(error)) => tracing::debug!("{peer}: no handshake: {error}"),
            Err(_) => tracing::debug!("{peer}: took too long for the handshake"),
        }
    }

    /// What is spoken over a connection in the clear: HTTP/2 if it begins so, as clients of gRPC do, and otherwise HTTP/1. `None`: it is
    /// not worth an answer.
    async fn begun(&self, stream: &TcpStream, mut closing: watch::Receiver<()>) -> Option<Version> {
        let mut first = [0; PREFACE.len()];
        tokio::select! {
            // Whatever is there stays there for whoever reads it.
            peeked = timeout(self.terms.timeouts.header, stream.peek(&mut first)) => match peeked {
                // Nothing else begins with so much of it as is sent at once.
                Ok(Ok(length)) if length >= TELLING && PREFACE.starts_with(&first[..length]) => Some(Version::Http2),
                Ok(Ok(_)) => Some(Version::Http1),
                Ok(Err(error)) => {
                    tracing::debug!("{}: {error}", self.peer);
                    None
                }
                Err(_) => {
                    tracing::debug!("{}: waited too long for the head of a request", self.peer);
                    None
                }
            },
            // Whether it is told or dropped.
            _ = closing.changed() => None,
        }
    }

    /// One connection, from its first request to its last.
    async fn converse<S>(self, stream: S, version: Version, closing: watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Guest { peer, visit, router, terms } = self;
        let (visit, pulse) = (Arc::new(visit), Arc::new(Pulse::new(version == Version::Http2)));
        let stream = TokioIo::new(Felt::new(stream, Arc::clone(&pulse), Arc::clone(&visit)));
        let door = Arc::new(Door { router, peer, terms: Arc::clone(&terms), visit, pulse: Arc::clone(&pulse) });
        let service = service_fn(move |request| Arc::clone(&door).answer(request));
        let limits = &terms.limits;
        let ended = match version {
            Version::Http1 => {
                let connection = http1::Builder::new()
                    // The pulse sees to it, with one timer for a connection rather than one for a request.
                    .header_read_timeout(None)
                    .max_header_size(limits.header_size)
                    .max_buf_size(limits.header_size.max(BUFFER))
                    .serve_connection(stream, service)
                    // For the events, which are followed over WebSockets too.
                    .with_upgrades();
                see_through(connection, &pulse, &terms, closing).await
            }
            Version::Http2 => {
                let connection = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .max_header_list_size(u32::try_from(limits.header_size).unwrap_or(u32::MAX))
                    .max_concurrent_streams(STREAMS)
                    .serve_connection(stream, service);
                see_through(connection, &pulse, &terms, closing).await
            }
        };
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("{peer}: {error}"),
            Err(what) => tracing::debug!("{peer}: waited too long for {what}"),
        }
    }
}

/// A connection of either version.
trait Connection: Future<Output = hyper::Result<()>> {
    fn end(self: Pin<&mut Self>);
}

impl<I, B, S> Connection for http1::UpgradeableConnection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S, E> Connection for http2::Connection<I, S, E>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Http2ServerConnExec<S::Future, B>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Drives a connection to its end; an `Err` is what was waited for too long.
async fn see_through(
    connection: impl Connection,
    pulse: &Pulse,
    terms: &Terms,
    mut closing: watch::Receiver<()>,
) -> Result<hyper::Result<()>, &'static str> {
    let mut connection = pin!(connection);
    // Each is polled only when it has something to say, and not with every request.
    let mut calls: FuturesUnordered<BoxFuture<'_, Call>> = FuturesUnordered::new();
    calls.push(Box::pin(async move {
        // Whether it is told or dropped.
        let _ = closing.changed().await;
        Call::Close
    }));
    calls.push(Box::pin(ready(Call::Look)));
    loop {
        tokio::select! {
            biased;
            ended = &mut connection => return Ok(ended),
            Some(call) = calls.next() => match call {
                Call::Close => connection.as_mut().end(),
                Call::Look => match pulse.look(&terms.timeouts, Instant::now().into_std()) {
                    Look::At(next) => calls.push(Box::pin(sleep_until(next.into()).map(|()| Call::Look))),
                    Look::Late(what) => return Err(what),
                },
            },
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
