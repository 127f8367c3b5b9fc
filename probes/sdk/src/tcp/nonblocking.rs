//! The same by futures.

use std::net::SocketAddr;

use super::Stream;
use crate::{
    Cause, Error,
    bindings::wasi::sockets::{instance_network::instance_network, tcp_create_socket::create_tcp_socket},
    clock::Deadline,
    net,
    stream::nonblocking as stream,
};

impl Stream {
    /// [`connect`](Self::connect), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn connect_async(remote: SocketAddr, deadline: Deadline) -> Result<Self, Error> {
        let opened = open(remote, deadline).await;
        opened.map_err(|cause| Error::new(format!("connecting to {remote}"), cause))
    }

    /// [`write`](Self::write), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn write_async(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        let written = stream::write(&self.output, bytes, deadline).await;
        written.map_err(|cause| Error::new(format!("sending to {}", self.remote), cause))
    }

    /// [`read`](Self::read), as a future.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn read_async(&mut self, most: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        stream::read(&self.input, most, deadline).await.map_err(|cause| self.no_answer(cause))
    }
}

async fn open(remote: SocketAddr, deadline: Deadline) -> Result<Stream, Cause> {
    let socket = create_tcp_socket(net::family(remote))?;
    socket.start_connect(&instance_network(), net::to_wasi(remote))?;
    let connected = || net::unless_blocked(socket.finish_connect());
    let (input, output) = deadline.until_async(|| socket.subscribe(), connected).await?;
    Ok(Stream { input, output, socket, remote })
}
