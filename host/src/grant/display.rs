//! Grants as text, as an operator would write them.

use std::{fmt, net::IpAddr, ops::RangeInclusive};

use super::{CHECK, Grant, Host, Part, Protocol, Reach, TLS, Target, only_by_address};

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reach::System(part) => part.fmt(f),
            Reach::Tls => f.write_str(TLS),
            Reach::Checks(readable) => write!(f, "{CHECK}{readable}"),
            Reach::Network { protocol, host, ports } => {
                write!(f, "{protocol}:{host}")?;
                let is_usual = protocol.usual_port().is_some_and(|usual| *ports == [usual..=usual]);
                if ports.is_empty() || is_usual {
                    return Ok(());
                }
                write!(f, ":{}", ports.iter().map(range).collect::<Vec<_>>().join(","))
            }
        }
    }
}

fn range(ports: &RangeInclusive<u16>) -> String {
    match (*ports.start(), *ports.end()) {
        (1, u16::MAX) => "*".into(),
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Any => f.write_str("*"),
            Host::Name(name) => f.write_str(name),
            Host::Under(suffix) => write!(f, "*{suffix}"),
            Host::Net(net) => {
                let single = net.prefix_len() == net.max_prefix_len();
                match (net.addr(), single) {
                    (IpAddr::V4(address), true) => write!(f, "{address}"),
                    (IpAddr::V6(address), true) => write!(f, "[{address}]"),
                    (IpAddr::V4(_), false) => write!(f, "{net}"),
                    (IpAddr::V6(_), false) => write!(f, "[{net}]"),
                }
            }
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Part {
    /// The grant that allows a look at it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", super::SYSTEM, self.as_str())
    }
}

impl fmt::Display for Target<'_> {
    /// The grant that would allow it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_name = self.names.first().filter(|_| !only_by_address(self.address));
        write!(f, "{}:", self.protocol)?;
        match (by_name, self.address) {
            (Some(name), _) => write!(f, "{name}")?,
            (None, IpAddr::V4(address)) => write!(f, "{address}")?,
            (None, IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        match self.port.filter(|port| self.protocol.usual_port() != Some(*port)) {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}
