//! A socket for echo requests to one address, as Linux has them: one that needs no privilege if the system lets the runner's
//! group have it, and otherwise a raw one.
//!
//! Both tell of replies as they come, and of complaints through their error queue (`ip(7)`, `IP_RECVERR`), which names the
//! request that somebody complains about as well as him.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, OwnedFd},
    time::{Duration, SystemTime},
};

use nix::{
    errno::Errno,
    sys::{
        socket::{
            ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recvmsg, send, setsockopt,
            sockopt::{Ipv4RecvErr, Ipv4RecvTtl, Ipv6RecvErr, Ipv6RecvHopLimit, ReceiveTimestampns},
        },
        time::TimeSpec,
    },
};
use socket2::{Domain, Protocol, SockFilter, Type};
use tokio::{io::Interest, net::UdpSocket, time::sleep};

use super::{
    contract::Error,
    packet::{self, Family},
    random,
    requests::Arrival,
};

/// Bytes of the largest packet there is (RFC 791, section 3.1), and room to tell that one is larger than it should be.
const LARGEST: usize = 65_536;
/// How long a full send buffer is given to empty. A socket that had an error is ready for ever, so that can't be waited for.
const DRAIN: Duration = Duration::from_millis(1);
/// How often a message is tried to be sent: complaints about earlier ones come in between, but not many at once.
const TRIES: usize = 4;
/// Where a complaint came from: `linux/errqueue.h`.
const ORIGIN_ICMP: [u8; 2] = [2, 3];

/// The socket.
pub(super) struct Socket {
    /// Any kind of socket for datagrams will do for this, whatever is in them.
    datagrams: UdpSocket,
    family: Family,
    /// Whether what it hears of IPv4 begins with the IP header.
    raw: bool,
    identifier: u16,
}

impl Socket {
    /// A socket for this address. Nothing is sent yet.
    pub(super) fn open(remote: IpAddr) -> Result<Socket, Error> {
        let family = Family::of(remote);
        let (socket, raw) = match create(family, Type::DGRAM) {
            Err(error) if is_forbidden(&error) => (create(family, Type::RAW).map_err(unsupported)?, true),
            created => (created.map_err(|error| failed(&error))?, false),
        };
        Socket::set_up(socket, family, raw, remote).map_err(|error| failed(&error))
    }

    fn set_up(socket: socket2::Socket, family: Family, raw: bool, remote: IpAddr) -> io::Result<Socket> {
        socket.set_nonblocking(true)?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        match family {
            Family::V4 => {
                setsockopt(&socket, Ipv4RecvErr, &true)?;
                setsockopt(&socket, Ipv4RecvTtl, &true)?;
            }
            Family::V6 => {
                setsockopt(&socket, Ipv6RecvErr, &true)?;
                setsockopt(&socket, Ipv6RecvHopLimit, &true)?;
            }
        }
        // The kernel takes an identifier for its own kind of socket, and shows it as a port.
        let mut identifier = u16::from_be_bytes(random()?);
        if raw {
            socket.attach_filter(&filter(family, identifier))?;
        }
        let connected = socket.connect(&SocketAddr::new(remote, 0).into());
        connected.map_err(|error| if leads_nowhere(&error) { Errno::EHOSTUNREACH.into() } else { error })?;
        if !raw {
            let local = socket.local_addr()?.as_socket();
            identifier = local.ok_or_else(|| io::Error::other("the socket has no address"))?.port();
        }
        let datagrams = UdpSocket::from_std(OwnedFd::from(socket).into())?;
        Ok(Socket { datagrams, family, raw, identifier })
    }

    /// What requests over this socket must bear.
    pub(super) fn identifier(&self) -> u16 {
        self.identifier
    }

    /// Sends one message.
    pub(super) async fn send(&self, message: &[u8]) -> Result<(), Error> {
        let mut tries = TRIES;
        loop {
            match send(self.datagrams.as_raw_fd(), message, MsgFlags::MSG_DONTWAIT) {
                Ok(_) => return Ok(()),
                Err(Errno::EAGAIN) => sleep(DRAIN).await,
                // It may be about an earlier message, and is told but once.
                Err(error) if may_be_complaint(&error.into()) && tries > 1 => tries -= 1,
                Err(error) => return Err(failed(&error.into())),
            }
        }
    }

    /// Waits for what arrives until `take` makes something of it.
    pub(super) async fn receive<T>(&self, mut take: impl FnMut(&Arrival<'_>) -> Option<T>) -> Result<T, Error> {
        let mut buffer = vec![0; LARGEST];
        loop {
            let interest = Interest::READABLE | Interest::ERROR;
            let taken = self.datagrams.async_io(interest, || self.read(&mut buffer, &mut take)).await;
            if let Some(taken) = taken.map_err(|error| failed(&error))? {
                return Ok(taken);
            }
            // A flood of what is nothing to us must not keep others from their turn.
            tokio::task::consume_budget().await;
        }
    }

    /// Reads one thing that has arrived, complaints first.
    fn read<T>(&self, buffer: &mut [u8], take: &mut impl FnMut(&Arrival<'_>) -> Option<T>) -> io::Result<Option<T>> {
        match self.read_complaint(buffer, take) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.read_message(buffer, take),
            read => read,
        }
    }

    fn read_complaint<T>(
        &self,
        buffer: &mut [u8],
        take: &mut impl FnMut(&Arrival<'_>) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let mut control = control();
        let (complaint, length) = {
            let mut parts = [IoSliceMut::new(buffer)];
            let read = self.receive_message(&mut parts, &mut control, MsgFlags::MSG_ERRQUEUE)?;
            (complaint(&read)?, read.bytes)
        };
        let Some((sender, kind, code)) = complaint else { return Ok(None) };
        Ok(take(&Arrival::Complaint { sender, kind, code, about: &buffer[..length] }))
    }

    fn read_message<T>(
        &self,
        buffer: &mut [u8],
        take: &mut impl FnMut(&Arrival<'_>) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let mut control = control();
        let (sender, ttl, age, length) = {
            let mut parts = [IoSliceMut::new(buffer)];
            let read = match self.receive_message(&mut parts, &mut control, MsgFlags::empty()) {
                // What the error queue has told is told once more, as the error of a call.
                Err(error) if may_be_complaint(&error) => return Ok(None),
                read => read?,
            };
            let (ttl, age) = circumstances(&read)?;
            (read.address.as_ref().and_then(address), ttl, age, read.bytes)
        };
        let packet = &buffer[..length];
        let message = if self.raw && self.family == Family::V4 { packet::in_ipv4(packet) } else { Some(packet) };
        let (Some(sender), Some(message)) = (sender, message) else { return Ok(None) };
        Ok(take(&Arrival::Message { sender, ttl, age, message }))
    }

    fn receive_message<'a, 'b>(
        &self,
        parts: &'b mut [IoSliceMut<'_>],
        control: &'a mut [u8],
        flags: MsgFlags,
    ) -> io::Result<RecvMsg<'a, 'b, SockaddrStorage>> {
        Ok(recvmsg(self.datagrams.as_raw_fd(), parts, Some(control), flags)?)
    }
}

fn create(family: Family, kind: Type) -> io::Result<socket2::Socket> {
    match family {
        Family::V4 => socket2::Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4)),
        Family::V6 => socket2::Socket::new(Domain::IPV6, kind, Some(Protocol::ICMPV6)),
    }
}

/// Room for what the kernel tells beside a message: when it came, what was left of its time to live, and, in the error queue,
/// who complains about what.
fn control() -> Vec<u8> {
    // A `sock_extended_err` of 16 bytes and an address of 28.
    nix::cmsg_space!(TimeSpec, i32, [u8; 44])
}

/// Who complains, and the type and code of the message in which he does; `None` if it is not about something that came back.
fn complaint(read: &RecvMsg<'_, '_, SockaddrStorage>) -> io::Result<Option<(IpAddr, u8, u8)>> {
    let mut complaint = None;
    for told in read.cmsgs()? {
        let (error, sender): (_, IpAddr) = match told {
            ControlMessageOwned::Ipv4RecvErr(error, Some(sender)) => {
                (error, u32::from_be(sender.sin_addr.s_addr).to_be_bytes().into())
            }
            ControlMessageOwned::Ipv6RecvErr(error, Some(sender)) => (error, sender.sin6_addr.s6_addr.into()),
            _ => continue,
        };
        if ORIGIN_ICMP.contains(&error.ee_origin) {
            complaint = Some((sender, error.ee_type, error.ee_code));
        }
    }
    Ok(complaint)
}

/// What was left of a message's time to live, and for how long it lay in the queue.
fn circumstances(read: &RecvMsg<'_, '_, SockaddrStorage>) -> io::Result<(u8, Duration)> {
    let (mut ttl, mut age) = (0, Duration::ZERO);
    for told in read.cmsgs()? {
        match told {
            ControlMessageOwned::Ipv4Ttl(left) | ControlMessageOwned::Ipv6HopLimit(left) => {
                ttl = u8::try_from(left).unwrap_or(0);
            }
            ControlMessageOwned::ScmTimestampns(at) => {
                // By a clock that can be set: if it was set meanwhile, nothing is known of it.
                let arrived = SystemTime::UNIX_EPOCH + Duration::from(at);
                age = SystemTime::now().duration_since(arrived).unwrap_or(Duration::ZERO);
            }
            _ => {}
        }
    }
    Ok((ttl, age))
}

fn address(of: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = of.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| of.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// Has the kernel keep from a raw socket what is no reply with this identifier: it would hear every message that comes to this
/// machine, wake up for each, and lose its own among them. (`linux/filter.h`; what is returned is how much of a message is kept.)
fn filter(family: Family, identifier: u16) -> [SockFilter; 7] {
    /// Makes the length of the IP header the offset from which is loaded.
    const AFTER_HEADER: u16 = 0xb1;
    /// Makes a number that offset.
    const AFTER: u16 = 0x01;
    /// Loads the byte at a place after the offset.
    const LOAD_BYTE: u16 = 0x50;
    /// Loads two of them.
    const LOAD_TWO_BYTES: u16 = 0x48;
    /// Goes on if what was loaded equals a number, and passes over some steps if not.
    const GO_ON_IF: u16 = 0x15;
    /// Ends.
    const RETURN: u16 = 0x06;
    let step = |code, passed_over, number| SockFilter::new(code, 0, passed_over, number);
    [
        // A raw socket of IPv4 gets the IP header as well, and one of IPv6 does not.
        step(if family == Family::V4 { AFTER_HEADER } else { AFTER }, 0, 0),
        step(LOAD_BYTE, 0, 0),
        step(GO_ON_IF, 3, family.reply().into()),
        step(LOAD_TWO_BYTES, 0, 4),
        step(GO_ON_IF, 1, identifier.into()),
        step(RETURN, 0, u32::MAX),
        step(RETURN, 0, 0),
    ]
}

fn is_forbidden(error: &io::Error) -> bool {
    // Before Linux 3.0, and in some sandboxes, there is no such kind of socket.
    const NO_SUCH_SOCKET: [Errno; 2] = [Errno::EPROTONOSUPPORT, Errno::ESOCKTNOSUPPORT];
    error.kind() == io::ErrorKind::PermissionDenied || is_one_of(error, &NO_SUCH_SOCKET)
}

fn is_no_route(error: &io::Error) -> bool {
    const NO_WAY: [Errno; 5] =
        [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::ENETDOWN, Errno::EADDRNOTAVAIL, Errno::EAFNOSUPPORT];
    is_one_of(error, &NO_WAY)
}

/// Whether there is a route that leads nowhere, on purpose: `blackhole` and `prohibit`, as `ip-route(8)` has them.
fn leads_nowhere(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::EINVAL, Errno::EACCES])
}

/// Whether this can be what the kernel makes of a complaint (`icmp_err_convert`, `icmpv6_err_convert`): beside putting it into
/// the error queue, it has one of the next calls fail.
fn may_be_complaint(error: &io::Error) -> bool {
    const MADE_OF_COMPLAINTS: [Errno; 10] = [
        Errno::ENETUNREACH,
        Errno::EHOSTUNREACH,
        Errno::ECONNREFUSED,
        Errno::ENOPROTOOPT,
        Errno::EMSGSIZE,
        Errno::EOPNOTSUPP,
        Errno::EHOSTDOWN,
        Errno::ENONET,
        Errno::EACCES,
        Errno::EPROTO,
    ];
    is_one_of(error, &MADE_OF_COMPLAINTS)
}

fn is_one_of(error: &io::Error, codes: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|raw| codes.contains(&Errno::from_raw(raw)))
}

fn failed(error: &io::Error) -> Error {
    if is_no_route(error) { Error::NoRoute } else { Error::Other(error.to_string()) }
}

/// What to say when neither kind of socket is to be had.
fn unsupported(error: io::Error) -> Error {
    if !is_forbidden(&error) {
        return failed(&error);
    }
    // IPv6 has no list of its own.
    let groups = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").unwrap_or_default();
    let groups = groups.split_whitespace().collect::<Vec<_>>().join(" ");
    let own = rustix::process::getegid().as_raw();
    Error::Unsupported(format!(
        "this system lets the runner send no echo requests: either set the sysctl net.ipv4.ping_group_range so that the \
         runner's group is in it (it is {own}, and the range is \"{groups}\"), or give the runner the capability CAP_NET_RAW"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::time::Instant;

    use super::{
        super::{contract::Answer, requests::Requests},
        *,
    };

    /// A socket and its requests; `None`, said aloud, if this system lets this process have none.
    fn open(remote: &str) -> Option<(Socket, Requests)> {
        let remote: IpAddr = remote.parse().unwrap();
        match Socket::open(remote) {
            Ok(socket) => {
                let requests = Requests::new(remote, socket.identifier());
                Some((socket, requests))
            }
            Err(Error::Unsupported(_) | Error::NoRoute) => {
                eprintln!("SKIPPED: this process may send no echo requests to {remote}");
                None
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Sends a request and waits for the answer; how many arrivals it took.
    async fn ask(socket: &Socket, requests: &mut Requests, sequence: u16) -> usize {
        let mut arrivals = 0;
        socket.send(&requests.next(sequence, 56, random().unwrap())).await.unwrap();
        let answer = socket.receive(|arrival| {
            arrivals += 1;
            requests.take(arrival, Instant::now())
        });
        match answer.await {
            Ok(Answer::Reply(reply)) => assert_eq!((reply.sequence, reply.intact), (sequence, true)),
            other => panic!("{other:?}"),
        }
        arrivals
    }

    #[tokio::test]
    async fn a_socket_hears_nothing_but_its_own_replies() {
        for remote in ["127.0.0.1", "::1"] {
            let (Some((one, mut of_one)), Some((other, mut of_other))) = (open(remote), open(remote)) else { continue };
            // What the other asked and was answered has come by before the one asks.
            for sequence in 1..=3 {
                assert_eq!(ask(&other, &mut of_other, sequence).await, 1, "{remote}");
            }
            assert_eq!(ask(&one, &mut of_one, 1).await, 1, "{remote}");
        }
    }
}
