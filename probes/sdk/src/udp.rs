//! UDP datagrams to and from one address, never waiting past a deadline.

use std::net::SocketAddr;

use crate::{
    Cause, Error,
    bindings::wasi::sockets::{
        instance_network::instance_network,
        network::ErrorCode,
        udp::{IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket},
        udp_create_socket::create_udp_socket,
    },
    clock::{Deadline, Instant},
    net,
};

/// How often a question is sent, as datagrams get lost: as often as most resolvers of names do.
const TRIES: usize = 3;

/// Asks `remote` by datagrams, up to three times within the time that is left, until `read` makes something of what comes.
/// What it makes nothing of may be late, forged or garbage: the answer may still come.
///
/// # Errors
///
/// Those of [`Socket`]; [`Cause::Protocol`] if all that came was no answer.
pub fn ask<T>(
    remote: SocketAddr,
    question: &[u8],
    deadline: Deadline,
    mut read: impl FnMut(&[u8]) -> Option<T>,
) -> Result<T, Error> {
    let begun = Instant::now();
    let mut socket = Socket::connect(remote, deadline)?;
    let mut strays = 0;
    for left in (1..=TRIES).rev() {
        let patience = deadline.share(left);
        socket.send(question, patience)?;
        loop {
            match socket.receive(patience) {
                Ok(datagram) => match read(&datagram) {
                    Some(answer) => return Ok(answer),
                    None => strays += 1,
                },
                Err(Error { cause: Cause::TimedOut(_), .. }) => break,
                Err(error) => return Err(error),
            }
        }
    }
    let cause = match strays {
        0 => Cause::TimedOut(begun.elapsed()),
        strays => Cause::Protocol(format!("{strays} datagrams came, and none answered the question")),
    };
    Err(Error::new(format!("asking {remote} by UDP"), cause))
}

/// A socket that hears and speaks to one address, closed when it is dropped.
pub struct Socket {
    // A socket must outlive its streams: fields are dropped in this order.
    incoming: IncomingDatagramStream,
    outgoing: OutgoingDatagramStream,
    _socket: UdpSocket,
    remote: SocketAddr,
}

impl Socket {
    /// A socket for `remote`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Cause::Unreachable`], [`Cause::Denied`], [`Cause::TimedOut`] or [`Cause::Runner`].
    pub fn connect(remote: SocketAddr, deadline: Deadline) -> Result<Self, Error> {
        open(remote, deadline).map_err(|cause| Error::new(format!("opening a socket to {remote}"), cause))
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// [`Cause::Refused`] if an earlier one was, [`Cause::Unreachable`], [`Cause::Denied`], [`Cause::TimedOut`] or
    /// [`Cause::Runner`].
    pub fn send(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        self.try_send(bytes, deadline).map_err(|cause| Error::new(format!("sending to {}", self.remote), cause))
    }

    /// The next datagram.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Refused`] if nobody listens there, [`Cause::Unreachable`] or [`Cause::Runner`].
    pub fn receive(&mut self, deadline: Deadline) -> Result<Vec<u8>, Error> {
        self.try_receive(deadline)
            .map_err(|cause| Error::new(format!("waiting for the answer of {}", self.remote), cause))
    }

    fn try_send(&self, bytes: &[u8], deadline: Deadline) -> Result<(), Cause> {
        let datagram = [OutgoingDatagram { data: bytes.to_vec(), remote_address: None }];
        let send = || {
            let sent = self.outgoing.check_send()? > 0 && self.outgoing.send(&datagram)? > 0;
            Ok::<_, ErrorCode>(sent.then_some(()))
        };
        deadline.until(|| self.outgoing.subscribe(), send)
    }

    fn try_receive(&self, deadline: Deadline) -> Result<Vec<u8>, Cause> {
        let receive = || Ok::<_, ErrorCode>(self.incoming.receive(1)?.pop().map(|datagram| datagram.data));
        deadline.until(|| self.incoming.subscribe(), receive)
    }
}

fn open(remote: SocketAddr, deadline: Deadline) -> Result<Socket, Cause> {
    let socket = create_udp_socket(net::family(remote))?;
    socket.start_bind(&instance_network(), net::any_local(remote))?;
    deadline.until(|| socket.subscribe(), || net::unless_blocked(socket.finish_bind()))?;
    let (incoming, outgoing) = socket.stream(Some(net::to_wasi(remote)))?;
    Ok(Socket { incoming, outgoing, _socket: socket, remote })
}
