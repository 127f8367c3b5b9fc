//! What a check lets its probe reach. Nothing is reachable without a grant.
//!
//! A grant reads `PROTOCOL:HOST:PORTS`, such as `tcp:db.internal:5432`. The host is a name (`db.internal`, `*.internal`),
//! an address (`10.0.0.7`, `[::1]`), a range of addresses (`10.0.0.0/8`, `[fd00::/8]`) or `*`; the ports are `443`,
//! `8000-8100`, `80,443` or `*`. `http:HOST` and `https:HOST` mean the usual port; `icmp:HOST` is an echo, which has no port,
//! and `resolve:HOST` a name look-up alone. `system:PART` is a look at this machine: its `disk`, its `memory` or its `cpu`.
//! `tls` lets it speak TLS, with what the check shows and trusts, over the connections that it is granted. `check:NAME` lets it read
//! how another check stands ([`checks`]).

mod checks;
mod display;
mod parse;
mod policy;
#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    sync::Arc,
};

use ipnet::IpNet;

use self::checks::Readable;
pub use self::{
    parse::GrantError,
    policy::{NoRange, Policy, Range},
};

/// What a grant begins with that is about this machine.
const SYSTEM: &str = "system";
/// The grant to speak TLS.
const TLS: &str = "tls";
/// What a grant begins with that lets other checks be read.
const CHECK: &str = "check:";

/// What travels under a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A TCP connection of the guest's own.
    Tcp,
    /// UDP datagrams, either way.
    Udp,
    /// A request through `wasi:http`, in the clear.
    Http,
    /// A request through `wasi:http`, over TLS.
    Https,
    /// Echo requests, and what comes back.
    Icmp,
    /// A name look-up that leads to no connection.
    Resolve,
}

impl Protocol {
    const ALL: [Protocol; 6] =
        [Protocol::Tcp, Protocol::Udp, Protocol::Http, Protocol::Https, Protocol::Icmp, Protocol::Resolve];

    fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Icmp => "icmp",
            Protocol::Resolve => "resolve",
        }
    }

    fn has_ports(self) -> bool {
        !matches!(self, Protocol::Icmp | Protocol::Resolve)
    }

    /// The port meant when a grant names none (RFC 9110, section 4.2).
    fn usual_port(self) -> Option<u16> {
        match self {
            Protocol::Http => Some(80),
            Protocol::Https => Some(443),
            Protocol::Tcp | Protocol::Udp | Protocol::Icmp | Protocol::Resolve => None,
        }
    }
}

/// What can be looked at of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Its file systems: how much they hold, not what.
    Disk,
    /// How much memory there is, and is left.
    Memory,
    /// What its processors do.
    Cpu,
}

impl Part {
    const ALL: [Part; 3] = [Part::Disk, Part::Memory, Part::Cpu];

    fn as_str(self) -> &'static str {
        match self {
            Part::Disk => "disk",
            Part::Memory => "memory",
            Part::Cpu => "cpu",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// Everything but the addresses that must be granted as addresses.
    Any,
    /// One name, in lower case.
    Name(String),
    /// Every name that ends so; begins with a dot.
    Under(String),
    Net(IpNet),
}

/// One thing that a probe may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant(Reach);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reach {
    Network {
        protocol: Protocol,
        host: Host,
        /// Empty for a protocol that has none.
        ports: Vec<RangeInclusive<u16>>,
    },
    System(Part),
    Tls,
    Checks(Readable),
}

impl Grant {
    /// The check that it lets be read, if it is one check.
    #[must_use]
    pub fn check(&self) -> Option<&str> {
        self.checks()?.only_check()
    }

    /// The group whose checks it lets be read, if it is one group.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.checks()?.only_group()
    }

    /// Whether it is about this machine.
    #[must_use]
    pub fn is_of_system(&self) -> bool {
        matches!(self.0, Reach::System(_))
    }

    fn checks(&self) -> Option<&Readable> {
        match &self.0 {
            Reach::Checks(readable) => Some(readable),
            Reach::Network { .. } | Reach::System(_) | Reach::Tls => None,
        }
    }

    fn covers(&self, target: &Target<'_>) -> bool {
        let Reach::Network { protocol, host, ports } = &self.0 else {
            return false;
        };
        *protocol == target.protocol
            && target.port.is_none_or(|port| ports.iter().any(|range| range.contains(&port)))
            && match host {
                Host::Net(net) => net.contains(&target.address),
                _ if only_by_address(target.address) => false,
                Host::Any => true,
                host => target.names.iter().any(|name| host.matches_name(name)),
            }
    }

    /// Whether it could lead to something of this name.
    fn matches_name(&self, name: &str) -> bool {
        matches!(&self.0, Reach::Network { host, .. } if host.matches_name(name))
    }
}

impl Host {
    fn matches_name(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        match self {
            Host::Any => true,
            Host::Name(granted) => *granted == name,
            Host::Under(suffix) => name.len() > suffix.len() && name.ends_with(suffix.as_str()),
            Host::Net(_) => false,
        }
    }
}

/// Addresses at which a cloud hands out credentials, or which mean this very machine in disguise: no name and no wildcard
/// leads there. Link-local (RFC 3927, RFC 4291) covers 169.254.169.254; EC2's metadata has a unique local address too.
fn only_by_address(address: IpAddr) -> bool {
    const EC2_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(address) => {
            address.is_link_local() || address.is_unspecified() || address.is_broadcast() || address.is_multicast()
        }
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || address.is_unspecified()
                || address.is_multicast()
                || address == EC2_METADATA
        }
    }
}

/// What a probe is about to reach, after all names are resolved.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// What is to travel.
    pub protocol: Protocol,
    /// The address that will be dialled; IPv4 within IPv6 must have been unwrapped.
    pub address: IpAddr,
    /// The port that will be dialled; `None` for a protocol that has none.
    pub port: Option<u16>,
    /// The names that were resolved to this address in this run.
    pub names: &'a [String],
}

/// Why something may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// No grant leads there.
    NotGranted,
    /// The operator denies it to all checks.
    Denied(&'a Range),
}

/// Where the operator says what may be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granter {
    /// In a check, of its probe.
    #[default]
    Check,
    /// In `[probe]`, of all that is examined for others.
    Probing,
    /// In a sink, of its hook.
    Sink,
}

/// All that a check lets its probe reach, or a sink its hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    granted: Vec<Grant>,
    policy: Arc<Policy>,
    granter: Granter,
}

impl Grants {
    /// What is granted, as far as the policy of all checks lets it be.
    pub fn new(granted: impl IntoIterator<Item = Grant>, policy: Arc<Policy>) -> Grants {
        Grants { granted: granted.into_iter().collect(), policy, granter: Granter::default() }
    }

    /// The same, as they are said there.
    #[must_use]
    pub fn said_in(self, granter: Granter) -> Grants {
        Grants { granter, ..self }
    }

    /// Where they are said.
    #[must_use]
    pub fn granter(&self) -> Granter {
        self.granter
    }

    /// Whether a name may be looked up: any grant that could lead to it allows that.
    #[must_use]
    pub fn allow_lookup(&self, name: &str) -> bool {
        self.granted.iter().any(|grant| grant.matches_name(name))
    }

    /// Whether an address may be dialled, or heard.
    ///
    /// # Errors
    ///
    /// Why not. What is not granted is told as such even if it is denied as well: that is what has to change first.
    pub fn allow(&self, target: &Target<'_>) -> Result<(), Refusal<'_>> {
        if !self.granted.iter().any(|grant| grant.covers(target)) {
            return Err(Refusal::NotGranted);
        }
        self.policy.denying(target.address).map_or(Ok(()), |range| Err(Refusal::Denied(range)))
    }

    /// Whether the probe is to see time in coarse steps.
    #[must_use]
    pub fn coarse_clocks(&self) -> bool {
        self.policy.coarse_clocks
    }

    /// Whether a part of this machine may be looked at.
    #[must_use]
    pub fn allow_look(&self, part: Part) -> bool {
        self.granted.iter().any(|grant| grant.0 == Reach::System(part))
    }

    /// Whether TLS may be spoken by `wasi:tls`.
    #[must_use]
    pub fn allow_tls(&self) -> bool {
        self.granted.iter().any(|grant| grant.0 == Reach::Tls)
    }

    /// Whether another check may be read, which is in this group.
    #[must_use]
    pub fn allow_check(&self, name: &str, group: Option<&str>) -> bool {
        self.granted.iter().filter_map(Grant::checks).any(|readable| readable.covers(name, group))
    }

    /// Whether all checks of a group may be read.
    #[must_use]
    pub fn allow_group(&self, group: &str) -> bool {
        self.granted.iter().filter_map(Grant::checks).any(|readable| readable.covers_group(group))
    }
}

/// The grant that would allow speaking TLS.
#[must_use]
pub fn for_tls() -> String {
    TLS.to_owned()
}

/// The grant that would allow dialling whatever a name leads to.
#[must_use]
pub fn for_name(protocol: Protocol, name: &str, port: u16) -> String {
    let name = name.to_ascii_lowercase();
    if protocol.usual_port() == Some(port) { format!("{protocol}:{name}") } else { format!("{protocol}:{name}:{port}") }
}

/// The grant that would allow reading another check.
#[must_use]
pub fn for_check(name: &str) -> String {
    format!("{CHECK}{name}")
}

/// The grant that would allow reading all checks of a group.
#[must_use]
pub fn for_group(group: &str) -> String {
    format!("{CHECK}{}{group}", checks::GROUP)
}

/// Unwraps an IPv4 address written as IPv6, so that one policy decides on both.
#[must_use]
pub fn canonical(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        // `::a.b.c.d`, long deprecated (RFC 4291, section 2.5.5.1), but some systems still route it.
        IpAddr::V6(v6) if v6.segments()[..6] == [0; 6] && v6.segments()[6] != 0 => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        address => address,
    }
}
