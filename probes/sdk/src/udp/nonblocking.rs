//! The same by futures.

use std::net::SocketAddr;

use super::{Datagrams, Socket, Unconnected, bind, receive, send};
use crate::{Cause, Error, bindings::wasi::sockets::udp::IncomingDatagram, clock::Deadline, net};

impl Socket {
    /// [`connect`](Self::connect), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn connect_async(remote: SocketAddr, deadline: Deadline) -> Result<Self, Error> {
        match Datagrams::open_async(remote, Some(remote), deadline).await {
            Ok(datagrams) => Ok(Self { datagrams, remote }),
            Err(cause) => Err(Error::new(format!("opening a socket to {remote}"), cause)),
        }
    }

    /// [`send`](Self::send), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn send_async(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        let sent = self.datagrams.send_async(bytes, None, deadline).await;
        sent.map_err(|cause| Error::new(format!("sending to {}", self.remote), cause))
    }

    /// [`receive`](Self::receive), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn receive_async(&mut self, deadline: Deadline) -> Result<Vec<u8>, Error> {
        let received = self.datagrams.receive_async(deadline).await.map(|datagram| datagram.data);
        received.map_err(|cause| Error::new(format!("waiting for the answer of {}", self.remote), cause))
    }
}

impl Unconnected {
    /// [`bind`](Self::bind), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn bind_async(like: SocketAddr, deadline: Deadline) -> Result<Self, Error> {
        let opened = Datagrams::open_async(like, None, deadline).await;
        opened.map(Self).map_err(|cause| Error::new("opening a socket", cause))
    }

    /// [`send`](Self::send), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn send_async(&mut self, to: SocketAddr, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        let sent = self.0.send_async(bytes, Some(to), deadline).await;
        sent.map_err(|cause| Error::new(format!("sending to {to}"), cause))
    }

    /// [`receive`](Self::receive), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn receive_async(&mut self, until: Deadline) -> Result<Option<(SocketAddr, Vec<u8>)>, Error> {
        match self.0.receive_async(until).await {
            Ok(datagram) => Ok(Some((net::socket_from_wasi(datagram.remote_address), datagram.data))),
            Err(Cause::TimedOut(_)) => Ok(None),
            Err(cause) => Err(Error::new("waiting for datagrams", cause)),
        }
    }
}

impl Datagrams {
    async fn open_async(like: SocketAddr, remote: Option<SocketAddr>, deadline: Deadline) -> Result<Self, Cause> {
        let socket = bind(like)?;
        deadline.until_async(|| socket.subscribe(), || net::unless_blocked(socket.finish_bind())).await?;
        Self::of(socket, remote)
    }

    async fn send_async(&self, bytes: &[u8], to: Option<SocketAddr>, deadline: Deadline) -> Result<(), Cause> {
        let datagram = super::datagram(bytes, to);
        deadline.until_async(|| self.outgoing.subscribe(), || send(&self.outgoing, &datagram)).await
    }

    async fn receive_async(&self, deadline: Deadline) -> Result<IncomingDatagram, Cause> {
        deadline.until_async(|| self.incoming.subscribe(), || receive(&self.incoming)).await
    }
}
