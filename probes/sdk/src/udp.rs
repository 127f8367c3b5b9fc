//! UDP datagrams, to and from one address or many, never waiting past a deadline.

mod nonblocking;

use std::{net::SocketAddr, slice};

use crate::{
    Cause, Error,
    bindings::wasi::sockets::{
        instance_network::instance_network,
        network::ErrorCode,
        udp::{IncomingDatagram, IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket},
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
    datagrams: Datagrams,
    remote: SocketAddr,
}

impl Socket {
    /// A socket for `remote`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Cause::Unreachable`], [`Cause::Denied`], [`Cause::TimedOut`] or [`Cause::Runner`].
    pub fn connect(remote: SocketAddr, deadline: Deadline) -> Result<Self, Error> {
        match Datagrams::open(remote, Some(remote), deadline) {
            Ok(datagrams) => Ok(Self { datagrams, remote }),
            Err(cause) => Err(Error::new(format!("opening a socket to {remote}"), cause)),
        }
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// [`Cause::Refused`] if an earlier one was, [`Cause::Unreachable`], [`Cause::Denied`], [`Cause::TimedOut`] or
    /// [`Cause::Runner`].
    pub fn send(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        let sent = self.datagrams.send(bytes, None, deadline);
        sent.map_err(|cause| Error::new(format!("sending to {}", self.remote), cause))
    }

    /// The next datagram.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Refused`] if nobody listens there, [`Cause::Unreachable`] or [`Cause::Runner`].
    pub fn receive(&mut self, deadline: Deadline) -> Result<Vec<u8>, Error> {
        let received = self.datagrams.receive(deadline).map(|datagram| datagram.data);
        received.map_err(|cause| Error::new(format!("waiting for the answer of {}", self.remote), cause))
    }
}

/// A socket that speaks to many and hears whoever the check is granted, closed when it is dropped. That nobody listens somewhere
/// does not show: there, all is silence.
pub struct Unconnected(Datagrams);

impl Unconnected {
    /// A socket for addresses of the family of `like`, on a port that the system picks.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Unsupported`] or [`Cause::Runner`].
    pub fn bind(like: SocketAddr, deadline: Deadline) -> Result<Self, Error> {
        let opened = Datagrams::open(like, None, deadline);
        opened.map(Self).map_err(|cause| Error::new("opening a socket", cause))
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// [`Cause::Unreachable`], [`Cause::Denied`], [`Cause::TimedOut`] or [`Cause::Runner`].
    pub fn send(&mut self, to: SocketAddr, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        let sent = self.0.send(bytes, Some(to), deadline);
        sent.map_err(|cause| Error::new(format!("sending to {to}"), cause))
    }

    /// The next datagram, and who sent it; none if none comes until then.
    ///
    /// # Errors
    ///
    /// [`Cause::Unreachable`] or [`Cause::Runner`].
    pub fn receive(&mut self, until: Deadline) -> Result<Option<(SocketAddr, Vec<u8>)>, Error> {
        match self.0.receive(until) {
            Ok(datagram) => Ok(Some((net::socket_from_wasi(datagram.remote_address), datagram.data))),
            Err(Cause::TimedOut(_)) => Ok(None),
            Err(cause) => Err(Error::new("waiting for datagrams", cause)),
        }
    }
}

/// What both kinds of sockets have in common.
struct Datagrams {
    // A socket must outlive its streams: fields are dropped in this order.
    incoming: IncomingDatagramStream,
    outgoing: OutgoingDatagramStream,
    _socket: UdpSocket,
}

impl Datagrams {
    /// A socket for addresses of the family of `like`, which hears `remote` alone if there is one.
    fn open(like: SocketAddr, remote: Option<SocketAddr>, deadline: Deadline) -> Result<Self, Cause> {
        let socket = bind(like)?;
        deadline.until(|| socket.subscribe(), || net::unless_blocked(socket.finish_bind()))?;
        Self::of(socket, remote)
    }

    fn of(socket: UdpSocket, remote: Option<SocketAddr>) -> Result<Self, Cause> {
        let (incoming, outgoing) = socket.stream(remote.map(net::to_wasi))?;
        Ok(Self { incoming, outgoing, _socket: socket })
    }

    fn send(&self, bytes: &[u8], to: Option<SocketAddr>, deadline: Deadline) -> Result<(), Cause> {
        let datagram = datagram(bytes, to);
        deadline.until(|| self.outgoing.subscribe(), || send(&self.outgoing, &datagram))
    }

    fn receive(&self, deadline: Deadline) -> Result<IncomingDatagram, Cause> {
        deadline.until(|| self.incoming.subscribe(), || receive(&self.incoming))
    }
}

/// A socket that is being bound to a port that the system picks.
fn bind(like: SocketAddr) -> Result<UdpSocket, Cause> {
    let socket = create_udp_socket(net::family(like))?;
    socket.start_bind(&instance_network(), net::any_local(like))?;
    Ok(socket)
}

fn datagram(bytes: &[u8], to: Option<SocketAddr>) -> OutgoingDatagram {
    OutgoingDatagram { data: bytes.to_vec(), remote_address: to.map(net::to_wasi) }
}

fn send(outgoing: &OutgoingDatagramStream, datagram: &OutgoingDatagram) -> Result<Option<()>, ErrorCode> {
    let sent = outgoing.check_send()? > 0 && outgoing.send(slice::from_ref(datagram))? > 0;
    Ok(sent.then_some(()))
}

fn receive(incoming: &IncomingDatagramStream) -> Result<Option<IncomingDatagram>, ErrorCode> {
    Ok(incoming.receive(1)?.pop())
}
