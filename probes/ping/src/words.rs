//! What may come back in place of a reply, in words.

use std::{fmt, net::IpAddr};

/// What somebody said of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Unreachable { by: IpAddr, code: u8 },
    TimeExceeded { by: IpAddr },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unreachable { by, code } => match reason(by, code) {
                Some(reason) => write!(f, "{by} says: {reason}"),
                None => write!(f, "{by} says: unreachable, code {code}"),
            },
            Self::TimeExceeded { by } => write!(f, "{by} says: too many routers on the way, or a circle"),
        }
    }
}

/// Why a destination can't be reached: the codes of ICMP (RFC 792, RFC 1122, section 3.2.2.1, RFC 1812, section 5.2.7.1) and of
/// ICMPv6 (RFC 4443, section 3.1). Who says so speaks the protocol of the destination.
fn reason(by: IpAddr, code: u8) -> Option<&'static str> {
    Some(match (by.is_ipv4(), code) {
        (true, 0) => "network unreachable",
        (true, 1) => "host unreachable",
        (true, 2) => "protocol unreachable",
        (true, 3) => "port unreachable",
        (true, 4) => "too large a packet, which must not be cut",
        (true, 5) => "source route failed",
        (true, 6) => "network unknown",
        (true, 7) => "host unknown",
        (true, 8) => "source host isolated",
        (true, 9) => "network prohibited",
        (true, 10) => "host prohibited",
        (true, 11) => "network unreachable for this type of service",
        (true, 12) => "host unreachable for this type of service",
        (true, 13) => "communication prohibited",
        (true, 14) => "host precedence violation",
        (true, 15) => "precedence cutoff",
        (false, 0) => "no route to the destination",
        (false, 1) => "communication prohibited",
        (false, 2) => "beyond the scope of the source address",
        (false, 3) => "address unreachable",
        (false, 4) => "port unreachable",
        (false, 5) => "source address failed the policy",
        (false, 6) => "route to the destination rejected",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn codes_mean_other_things_in_either_protocol() {
        let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
        for (by, code, told) in [
            (v4, 1, "127.0.0.1 says: host unreachable"),
            (v6, 1, "::1 says: communication prohibited"),
            (v4, 16, "127.0.0.1 says: unreachable, code 16"),
            (v6, 7, "::1 says: unreachable, code 7"),
        ] {
            assert_eq!(Trouble::Unreachable { by, code }.to_string(), told);
        }
    }
}
