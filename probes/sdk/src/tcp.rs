//! TCP connections that never wait past a deadline.

mod nonblocking;

use std::net::SocketAddr;

use crate::{
    Cause, Error,
    bindings::wasi::{
        io::streams::{InputStream, OutputStream},
        sockets::{instance_network::instance_network, tcp::TcpSocket, tcp_create_socket::create_tcp_socket},
    },
    clock::{Deadline, Instant},
    net, stream,
};

/// An open connection, closed when it is dropped.
pub struct Stream {
    // A socket must outlive its streams: fields are dropped in this order.
    input: InputStream,
    output: OutputStream,
    socket: TcpSocket,
    remote: SocketAddr,
}

/// What came of [`Stream::read_until`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The bytes are enough.
    Enough,
    /// They are as many as were allowed, and not enough.
    Full,
    /// The target closed the connection after them.
    Closed,
    /// Nothing came after them for the time that was left.
    TimedOut,
}

impl Stream {
    /// Connects to an address.
    ///
    /// # Errors
    ///
    /// [`Cause::Refused`], [`Cause::Unreachable`], [`Cause::TimedOut`], [`Cause::Broken`], [`Cause::Denied`] or
    /// [`Cause::Runner`].
    pub fn connect(remote: SocketAddr, deadline: Deadline) -> Result<Self, Error> {
        open(remote, deadline).map_err(|cause| Error::new(format!("connecting to {remote}"), cause))
    }

    /// The address that was dialled.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Closed`] or [`Cause::Broken`].
    pub fn write(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        stream::write(&self.output, bytes, deadline)
            .map_err(|cause| Error::new(format!("sending to {}", self.remote), cause))
    }

    /// What has arrived, as soon as something has: at most `most` bytes, and none if the target has closed the connection.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`] or [`Cause::Broken`].
    pub fn read(&mut self, most: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        stream::read(&self.input, most, deadline).map_err(|cause| self.no_answer(cause))
    }

    /// Exactly `length` bytes.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Closed`] or [`Cause::Broken`].
    pub fn read_exact(&mut self, length: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        let begun = Instant::now();
        let (bytes, end) = self.read_until(length, deadline, |bytes| bytes.len() == length)?;
        match end {
            End::Enough | End::Full => Ok(bytes),
            End::Closed => Err(self.no_answer(Cause::Closed)),
            End::TimedOut => Err(self.no_answer(Cause::TimedOut(begun.elapsed()))),
        }
    }

    /// Reads until what was read is `enough`, there are `most` bytes of it, or no more will come; says which.
    ///
    /// # Errors
    ///
    /// [`Cause::Broken`]. A target that closes the connection or falls silent is no error here.
    pub fn read_until(
        &mut self,
        most: usize,
        deadline: Deadline,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<(Vec<u8>, End), Error> {
        let mut bytes = Vec::new();
        loop {
            if enough(&bytes) {
                return Ok((bytes, End::Enough));
            }
            if bytes.len() >= most {
                return Ok((bytes, End::Full));
            }
            match stream::read(&self.input, most - bytes.len(), deadline) {
                Ok(more) if more.is_empty() => return Ok((bytes, End::Closed)),
                Ok(more) => bytes.extend(more),
                Err(Cause::TimedOut(_)) => return Ok((bytes, End::TimedOut)),
                Err(cause) => return Err(self.no_answer(cause)),
            }
        }
    }

    /// The parts that a secure stream is made of.
    pub(crate) fn into_parts(self) -> (InputStream, OutputStream, TcpSocket, SocketAddr) {
        (self.input, self.output, self.socket, self.remote)
    }

    fn no_answer(&self, cause: Cause) -> Error {
        Error::new(format!("waiting for the answer of {}", self.remote), cause)
    }
}

fn open(remote: SocketAddr, deadline: Deadline) -> Result<Stream, Cause> {
    let socket = create_tcp_socket(net::family(remote))?;
    socket.start_connect(&instance_network(), net::to_wasi(remote))?;
    let (input, output) = deadline.until(|| socket.subscribe(), || net::unless_blocked(socket.finish_connect()))?;
    Ok(Stream { input, output, socket, remote })
}
