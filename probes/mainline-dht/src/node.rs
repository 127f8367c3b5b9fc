//! Nodes, as others tell of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::id::{self, Id};

/// A node of the DHT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) id: Id,
    pub(crate) address: SocketAddr,
}

/// Bytes of an IPv4 address and a port.
const V4: usize = 6;
/// Bytes of an IPv6 address and a port.
const V6: usize = 18;

/// Reads "compact node info" (BEP 5): 26 bytes each. What can't be a node's address is left out.
pub(crate) fn read_v4(bytes: &[u8]) -> impl Iterator<Item = Node> {
    bytes.chunks_exact(id::BYTES + V4).filter_map(read)
}

/// The same for IPv6 (BEP 32): 38 bytes each.
pub(crate) fn read_v6(bytes: &[u8]) -> impl Iterator<Item = Node> {
    bytes.chunks_exact(id::BYTES + V6).filter_map(read)
}

fn read(bytes: &[u8]) -> Option<Node> {
    let (id, address) = bytes.split_at_checked(id::BYTES)?;
    Some(Node { id: Id::read(id)?, address: read_address(address).filter(is_somewhere)? })
}

/// Reads an address and a port, in network order.
pub(crate) fn read_address(bytes: &[u8]) -> Option<SocketAddr> {
    let (address, port) = bytes.split_at_checked(bytes.len().checked_sub(2)?)?;
    let address: IpAddr = match address.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?).into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_be_bytes(port.try_into().ok()?)))
}

/// Whether a datagram to this address could reach one node.
fn is_somewhere(address: &SocketAddr) -> bool {
    let ip = address.ip();
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Whether a node may tell of another: it must be of the same family, and of a private network only if the teller is.
pub(crate) fn may_tell_of(teller: SocketAddr, other: SocketAddr) -> bool {
    teller.is_ipv4() == other.is_ipv4() && (is_private(teller.ip()) || !is_private(other.ip()))
}

/// Whether an address means something within a network, or a machine, alone (RFC 1918, RFC 4193, RFC 3927, RFC 4291).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => {
            let v4 = ip.to_ipv4_mapped().is_some_and(|ip| is_private(ip.into()));
            v4 || ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
    }
}

/// Writes compact node info of those of a family.
pub(crate) fn write(nodes: impl Iterator<Item = Node>) -> Vec<u8> {
    let mut written = Vec::new();
    for node in nodes {
        written.extend(node.id.0);
        match node.address.ip() {
            IpAddr::V4(address) => written.extend(address.octets()),
            IpAddr::V6(address) => written.extend(address.octets()),
        }
        written.extend(node.address.port().to_be_bytes());
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(address: &str) -> Node {
        Node { id: Id([7; id::BYTES]), address: address.parse().unwrap() }
    }

    #[test]
    fn what_is_written_is_read() {
        let (v4, v6) = ([node("127.0.0.1:1"), node("10.0.0.7:65535")], [node("[::1]:6881"), node("[fd00::7]:1")]);
        assert_eq!(read_v4(&write(v4.into_iter())).collect::<Vec<_>>(), v4);
        assert_eq!(read_v6(&write(v6.into_iter())).collect::<Vec<_>>(), v6);
        assert_eq!(read_v4(&[7; 51]).count(), 1, "what is cut is left out");
    }

    #[test]
    fn nobody_outside_tells_of_what_is_inside() {
        for (teller, other, may) in [
            ("192.0.2.1:1", "192.0.2.2:1", true),
            ("192.0.2.1:1", "10.0.0.7:1", false),
            ("192.0.2.1:1", "127.0.0.1:1", false),
            ("192.0.2.1:1", "169.254.169.254:80", false),
            ("10.0.0.7:1", "10.0.0.8:1", true),
            ("10.0.0.7:1", "192.0.2.2:1", true),
            ("127.0.0.1:1", "[::1]:1", false),
            ("[2001:db8::1]:1", "[fd00::7]:1", false),
            ("[2001:db8::1]:1", "[::ffff:10.0.0.7]:1", false),
            ("[fd00::7]:1", "[fd00::8]:1", true),
        ] {
            assert_eq!(may_tell_of(teller.parse().unwrap(), other.parse().unwrap()), may, "{teller} {other}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_left_out() {
        for address in ["127.0.0.1:0", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1"] {
            assert_eq!(read_v4(&write([node(address)].into_iter())).count(), 0, "{address}");
        }
        for address in ["[::]:1", "[ff02::1]:1", "[::1]:0"] {
            assert_eq!(read_v6(&write([node(address)].into_iter())).count(), 0, "{address}");
        }
        for bytes in [&[][..], &[1], &[1; 5], &[1; 7]] {
            assert_eq!(read_address(bytes), None, "{bytes:?}");
        }
    }
}
