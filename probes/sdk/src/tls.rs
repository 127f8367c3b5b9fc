//! TLS over a TCP connection, done by the runner: it verifies the certificate against what its system trusts.

mod nonblocking;

use std::net::SocketAddr;

use crate::{
    Cause, Error,
    bindings::wasi::{
        io::{
            error::Error as IoError,
            streams::{InputStream, OutputStream},
        },
        sockets::tcp::TcpSocket,
        tls::types::{ClientConnection, ClientHandshake, FutureClientStreams},
    },
    clock::Deadline,
    error::QUOTED,
    stream, tcp,
    text::first_line,
};

/// A secure connection, closed when it is dropped.
pub struct Stream {
    // Streams are gone before what they are streams of: fields are dropped in this order.
    input: InputStream,
    output: OutputStream,
    connection: ClientConnection,
    _socket: TcpSocket,
    remote: SocketAddr,
}

impl Stream {
    /// Makes a connection secure. `name` is who the server must prove to be: a name or an address, without brackets.
    ///
    /// # Errors
    ///
    /// [`Cause::Handshake`], also if it is not done by the deadline.
    pub fn secure(stream: tcp::Stream, name: &str, deadline: Deadline) -> Result<Self, Error> {
        let (input, output, socket, remote) = stream.into_parts();
        let under_way = begin(name, input, output);
        let shaken = deadline.until(|| under_way.subscribe(), || done(&under_way));
        let (connection, input, output) = shaken.map_err(|cause| failed(remote, name, cause))?;
        Ok(Self { input, output, connection, _socket: socket, remote })
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
    /// [`Cause::TimedOut`] or [`Cause::Broken`], which is also what a connection comes to that is closed without a word.
    pub fn read(&mut self, most: usize, deadline: Deadline) -> Result<Vec<u8>, Error> {
        stream::read(&self.input, most, deadline)
            .map_err(|cause| Error::new(format!("waiting for the answer of {}", self.remote), cause))
    }

    /// Tells the target that nothing more will be sent.
    pub fn finish(&mut self) {
        self.connection.close_output();
    }
}

fn begin(name: &str, input: InputStream, output: OutputStream) -> FutureClientStreams {
    ClientHandshake::finish(ClientHandshake::new(name, input, output))
}

/// What a handshake has come to; nothing yet if it is not done.
fn done(handshake: &FutureClientStreams) -> Result<Option<(ClientConnection, InputStream, OutputStream)>, Cause> {
    match handshake.get() {
        None => Ok(None),
        Some(Ok(Ok(streams))) => Ok(Some(streams)),
        Some(Ok(Err(error))) => Err(Cause::Tls(shown(&error))),
        Some(Err(())) => Err(Cause::Runner("the outcome of the handshake is gone".to_owned())),
    }
}

fn failed(remote: SocketAddr, name: &str, cause: Cause) -> Error {
    let cause = Cause::Handshake { with: name.to_owned(), why: why(cause) };
    Error::new(format!("connecting to {remote}"), cause)
}

fn shown(error: &IoError) -> String {
    first_line(&error.to_debug_string(), QUOTED)
}

/// What was wrong with a handshake.
fn why(cause: Cause) -> String {
    match cause {
        Cause::Tls(text) => text,
        other => other.to_string(),
    }
}
