//! Names, addresses, and what the sandbox's network says of them.

mod nonblocking;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{
    Attempt, Cause, Error,
    bindings::wasi::sockets::{
        instance_network::instance_network,
        ip_name_lookup::resolve_addresses,
        network::{ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress},
    },
    clock::Deadline,
    tcp,
};

pub use self::nonblocking::{dial_async, resolve_async};

/// Addresses of one name that are tried: more would leave each too little of the time.
const MOST_TRIED: usize = 8;

/// The addresses of `host`, which is a name or an address itself (IPv6 with or without brackets), in the resolver's order; at
/// least one.
///
/// # Errors
///
/// [`Cause::Unresolvable`], [`Cause::ResolverFailed`], [`Cause::TimedOut`], [`Cause::Denied`] or [`Cause::Runner`].
pub fn resolve(host: &str, deadline: Deadline) -> Result<Vec<IpAddr>, Error> {
    if let Some(address) = literal(host) {
        return Ok(vec![address]);
    }
    look_up(host, deadline).map_err(|cause| Error::new(format!("resolving {host}"), cause))
}

/// The address that `host` is, if it is no name.
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

fn look_up(name: &str, deadline: Deadline) -> Result<Vec<IpAddr>, Cause> {
    let answers = resolve_addresses(&instance_network(), name)?;
    let mut addresses = Vec::new();
    let next = || deadline.until(|| answers.subscribe(), || unless_blocked(answers.resolve_next_address()));
    while let Some(address) = next()? {
        addresses.push(from_wasi(address));
    }
    if addresses.is_empty() { Err(Cause::Unresolvable) } else { Ok(addresses) }
}

/// Tells what is not done yet from what has failed.
pub(crate) fn unless_blocked<T>(result: Result<T, ErrorCode>) -> Result<Option<T>, ErrorCode> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(ErrorCode::WouldBlock) => Ok(None),
        Err(code) => Err(code),
    }
}

/// Resolves `host` and connects to one of its addresses, as the phases `resolve` and `connect`.
///
/// # Errors
///
/// Those of [`resolve`] and of [`connect`].
pub fn dial(attempt: &mut Attempt, host: &str, port: u16) -> Result<tcp::Stream, Error> {
    let addresses = attempt.phase("resolve", |deadline| resolve(host, deadline))?;
    attempt.phase("connect", |deadline| connect(host, &addresses, port, deadline))
}

/// Connects to the first of `addresses` that lets it. Eight at most are tried in turn, each for an equal share of the time
/// left.
///
/// # Errors
///
/// Why the only address failed, or [`Cause::Each`] of several. If one of them was denied that is [`Cause::Denied`], whatever
/// the others said: the target might have answered there.
pub fn connect(host: &str, addresses: &[IpAddr], port: u16, deadline: Deadline) -> Result<tcp::Stream, Error> {
    in_turn(host, addresses, port, deadline, tcp::Stream::connect)
}

/// Tries an attempt with one address after another, as [`connect`] does.
///
/// # Errors
///
/// As for [`connect`].
pub fn in_turn<T>(
    host: &str,
    addresses: &[IpAddr],
    port: u16,
    deadline: Deadline,
    mut attempt: impl FnMut(SocketAddr, Deadline) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut failures = Vec::new();
    let addresses = &addresses[..addresses.len().min(MOST_TRIED)];
    for (left, address) in (1..=addresses.len()).rev().zip(addresses) {
        let target = SocketAddr::new(*address, port);
        match attempt(target, deadline.share(left)) {
            Ok(done) => return Ok(done),
            Err(error) => failures.push((target, error)),
        }
    }
    Err(combine(host, port, failures))
}

/// One error for all that went wrong with the addresses of a host.
fn combine(host: &str, port: u16, mut failures: Vec<(SocketAddr, Error)>) -> Error {
    let telling = failures.iter().position(|(_, error)| error.cause == Cause::Denied);
    let only = if failures.len() == 1 { Some(0) } else { telling };
    match only {
        Some(index) => failures.swap_remove(index).1,
        None => Error::new(
            format!("trying {host}:{port}"),
            Cause::Each(failures.into_iter().map(|(address, error)| (address, error.cause)).collect()),
        ),
    }
}

impl From<ErrorCode> for Cause {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::AccessDenied => Self::Denied,
            ErrorCode::NameUnresolvable => Self::Unresolvable,
            ErrorCode::TemporaryResolverFailure | ErrorCode::PermanentResolverFailure => Self::ResolverFailed,
            ErrorCode::ConnectionRefused => Self::Refused,
            ErrorCode::RemoteUnreachable => Self::Unreachable,
            ErrorCode::ConnectionReset => Self::Broken("connection reset".to_owned()),
            ErrorCode::ConnectionAborted => Self::Broken("connection aborted".to_owned()),
            ErrorCode::Timeout => Self::Broken("given up by the system".to_owned()),
            ErrorCode::NotSupported => Self::Unsupported("this kind of socket".to_owned()),
            other => Self::Runner(other.name().to_owned()),
        }
    }
}

/// The family of sockets that reach an address.
pub(crate) fn family(address: SocketAddr) -> IpAddressFamily {
    if address.is_ipv4() { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 }
}

/// The unspecified address and port, from which the system picks the local end of a socket that reaches `remote`.
pub(crate) fn any_local(remote: SocketAddr) -> IpSocketAddress {
    let unspecified = if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    to_wasi(SocketAddr::new(unspecified, 0))
}

pub(crate) fn to_wasi(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(address) => {
            let [a, b, c, d] = address.ip().octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port: address.port(), address: (a, b, c, d) })
        }
        SocketAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.ip().segments();
            IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port: address.port(),
                flow_info: address.flowinfo(),
                address: (a, b, c, d, e, f, g, h),
                scope_id: address.scope_id(),
            })
        }
    }
}

pub(crate) fn socket_from_wasi(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(v4) => SocketAddr::new(from_wasi(IpAddress::Ipv4(v4.address)), v4.port),
        // A flow or a scope that a datagram came with does not make its sender another.
        IpSocketAddress::Ipv6(v6) => SocketAddr::new(from_wasi(IpAddress::Ipv6(v6.address)), v6.port),
    }
}

pub(crate) fn to_wasi_address(address: IpAddr) -> IpAddress {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            IpAddress::Ipv4((a, b, c, d))
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.segments();
            IpAddress::Ipv6((a, b, c, d, e, f, g, h))
        }
    }
}

pub(crate) fn from_wasi(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => Ipv6Addr::new(a, b, c, d, e, f, g, h).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn failed(address: IpAddr, cause: Cause) -> (SocketAddr, Error) {
        let target = SocketAddr::new(address, 80);
        (target, Error::new(format!("connecting to {target}"), cause))
    }

    #[test]
    fn an_address_is_told_from_a_name() {
        assert_eq!(literal("127.0.0.1"), Some(V4));
        assert_eq!(literal("[::1]"), Some(V6));
        assert_eq!(literal("::1"), Some(V6));
        assert_eq!(literal("localhost"), None);
        assert_eq!(literal("[::1"), None);
    }

    #[test]
    fn one_failure_speaks_for_itself() {
        let error = combine("localhost", 80, vec![failed(V4, Cause::Refused)]);
        assert_eq!(error.to_string(), "connection refused while connecting to 127.0.0.1:80");
    }

    #[test]
    fn several_failures_are_all_told() {
        let error = combine("localhost", 80, vec![failed(V6, Cause::Unreachable), failed(V4, Cause::Refused)]);
        assert_eq!(
            error.to_string(),
            "all addresses failed ([::1]:80: host unreachable; 127.0.0.1:80: connection refused) while trying localhost:80"
        );
    }

    #[test]
    fn a_denial_outweighs_other_failures() {
        let error = combine("localhost", 80, vec![failed(V6, Cause::Refused), failed(V4, Cause::Denied)]);
        assert_eq!(error, Error::new("connecting to 127.0.0.1:80", Cause::Denied));
    }
}
