//! What a run may do on the network, counted: sockets, bytes and look-ups.
//!
//! The counters are part of what a run's [`Network`] holds anyway, so that a run that dials nothing pays nothing for them.

use std::{
    io,
    pin::Pin,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use probity_core::outcome::Calls;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{exceeded::Exceeded, network::Network};
use crate::limits::Limits;

/// What a run has done on the network so far.
#[derive(Debug)]
pub(super) struct Traffic {
    limits: Limits,
    /// Connections of requests that are open now. Sockets that a guest opened by itself are in its table.
    connections: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    lookups: AtomicU64,
    /// TCP connections begun.
    dialled: AtomicU64,
    requests: AtomicU64,
    exceeded: OnceLock<Exceeded>,
}

impl Traffic {
    pub(super) fn new(limits: &Limits) -> Traffic {
        Traffic {
            limits: *limits,
            connections: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            lookups: AtomicU64::new(0),
            dialled: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            exceeded: OnceLock::new(),
        }
    }

    /// Counts anew what is counted for each run.
    pub(super) fn begin_run(&self) {
        for counter in [&self.sent, &self.received, &self.lookups, &self.dialled, &self.requests] {
            counter.store(0, Relaxed);
        }
    }

    /// The budget that was exceeded first. What is done by a task of the runner's own can't end the guest by itself.
    pub(super) fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded.get().copied()
    }

    pub(super) fn sent(&self, bytes: usize) -> Result<(), Exceeded> {
        let limit = self.limits.bytes_sent;
        self.count(&self.sent, bytes as u64, limit, Exceeded::Sent { limit })
    }

    pub(super) fn received(&self, bytes: usize) -> Result<(), Exceeded> {
        let limit = self.limits.bytes_received;
        self.count(&self.received, bytes as u64, limit, Exceeded::Received { limit })
    }

    pub(super) fn lookup(&self) -> Result<(), Exceeded> {
        let limit = self.limits.lookups;
        self.count(&self.lookups, 1, limit, Exceeded::Lookups { limit })
    }

    /// Counts a TCP connection that begins. How many there may be is a matter of its socket.
    pub(super) fn dials(&self) {
        self.dialled.fetch_add(1, Relaxed);
    }

    /// Counts a request. How many there may be is a matter of its connection.
    pub(super) fn requests(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// What was done so far.
    pub(super) fn calls(&self) -> Calls {
        Calls {
            lookups: self.lookups.load(Relaxed),
            connections: self.dialled.load(Relaxed),
            requests: self.requests.load(Relaxed),
            bytes_sent: self.sent.load(Relaxed),
            bytes_received: self.received.load(Relaxed),
            ..Calls::default()
        }
    }

    /// Whether there may be another socket beside so many that the guest has opened by itself.
    pub(super) fn another_socket(&self, own: usize) -> Result<(), Exceeded> {
        let limit = self.limits.sockets;
        let open = self.connections.load(Relaxed) + own as u64;
        if open < limit { Ok(()) } else { Err(self.refuse(Exceeded::Sockets { limit })) }
    }

    /// Whether another connection of a request would be within the limit.
    pub(super) fn has_room(&self) -> bool {
        self.connections.load(Relaxed) < self.limits.sockets
    }

    fn count(&self, counter: &AtomicU64, more: u64, limit: u64, exceeded: Exceeded) -> Result<(), Exceeded> {
        let total = counter.fetch_add(more, Relaxed).saturating_add(more);
        if total > limit { Err(self.refuse(exceeded)) } else { Ok(()) }
    }

    fn refuse(&self, exceeded: Exceeded) -> Exceeded {
        *self.exceeded.get_or_init(|| exceeded)
    }
}

/// A connection that the runner keeps for a request of its guest: what goes over it is counted, and it counts as a socket
/// for as long as it is open.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    open: Open,
}

/// One of the sockets that a run has open.
#[derive(Debug)]
pub(super) struct Open(Network);

impl Open {
    /// Takes one of the sockets that the run may have.
    pub(super) fn new(network: &Network) -> Result<Open, Exceeded> {
        let traffic = network.traffic();
        let limit = traffic.limits.sockets;
        // Counted first and looked at then: two that begin together must not both find the last one free.
        let open = Open(network.clone());
        let before = traffic.connections.fetch_add(1, Relaxed);
        if before < limit { Ok(open) } else { Err(traffic.refuse(Exceeded::Sockets { limit })) }
    }

    /// Counts what goes over the connection.
    pub(super) fn meter<S>(self, stream: S) -> Metered<S> {
        Metered { stream, open: self }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.traffic().connections.fetch_sub(1, Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let bytes = buffer.filled().len() - before;
        Poll::Ready(self.open.0.traffic().received(bytes).map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, parts))?;
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S> Metered<S> {
    /// The connection itself.
    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    fn wrote(&self, bytes: usize) -> Poll<io::Result<usize>> {
        Poll::Ready(self.open.0.traffic().sent(bytes).map(|()| bytes).map_err(io::Error::other))
    }
}
