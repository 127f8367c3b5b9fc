//! What the operator lays down for all checks, whatever each of them is granted.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use thiserror::Error;

use super::canonical;

/// What holds for all checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether a check is granted what its own settings name, as its probe's manifest says.
    pub implicit_grants: bool,
    /// The addresses that no check reaches, by whatever grant.
    pub deny: Vec<Range>,
    /// Whether probes see time in steps of a millisecond.
    pub coarse_clocks: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { implicit_grants: true, deny: Vec::new(), coarse_clocks: false }
    }
}

impl Policy {
    /// The range that denies an address to everybody, if one does.
    pub(super) fn denying(&self, address: IpAddr) -> Option<&Range> {
        self.deny.iter().find(|range| range.covers(address))
    }
}

/// Addresses that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// Those between two, as a network has them; or one alone.
    Net(IpNet),
    /// Those that have a name of their own.
    Named(&'static Named),
}

/// Addresses that are known by a word.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    word: &'static str,
    nets: &'static [&'static str],
}

/// The words.
const NAMED: [Named; 3] = [
    // RFC 1122, section 3.2.1.3, and RFC 4291, section 2.5.3. Linux takes "no address" for this machine as well.
    Named { word: "loopback", nets: &["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"] },
    // RFC 1918; RFC 6598, between a provider and its customers; RFC 4193.
    Named { word: "private", nets: &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"] },
    // RFC 3927, and RFC 4291, section 2.5.6.
    Named { word: "link-local", nets: &["169.254.0.0/16", "fe80::/10"] },
];

impl Range {
    fn covers(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        match self {
            Range::Net(net) => net.contains(&address),
            Range::Named(named) => {
                named.nets.iter().any(|net| net.parse::<IpNet>().is_ok_and(|net| net.contains(&address)))
            }
        }
    }
}

/// Why a text is no range of addresses.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "`{0}` is no range of addresses; write `loopback`, `private`, `link-local`, an address or a range such as `10.0.0.0/8`"
)]
pub struct NoRange(String);

impl FromStr for Range {
    type Err = NoRange;

    fn from_str(text: &str) -> Result<Range, NoRange> {
        if let Some(named) = NAMED.iter().find(|named| named.word == text) {
            return Ok(Range::Named(named));
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let net = bare.parse::<IpNet>().or_else(|_| bare.parse::<IpAddr>().map(|one| IpNet::from(canonical(one))));
        net.map(|net| Range::Net(net.trunc())).map_err(|_| NoRange(text.into()))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Range::Named(named) => f.write_str(named.word),
            Range::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            Range::Net(net) => net.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn denied(range: &str, address: &str) -> bool {
        let policy = Policy { deny: vec![range.parse().unwrap()], ..Policy::default() };
        policy.denying(address.parse().unwrap()).is_some()
    }

    #[test]
    fn ranges_are_read_and_written() {
        for text in ["loopback", "private", "link-local", "10.0.0.0/8", "192.0.2.7", "fd00::/8", "2001:db8::1"] {
            assert_eq!(text.parse::<Range>().unwrap().to_string(), text);
        }
        assert_eq!("[::ffff:10.0.0.7]".parse::<Range>().unwrap().to_string(), "10.0.0.7");
        assert_eq!("10.1.2.3/8".parse::<Range>().unwrap().to_string(), "10.0.0.0/8");
        for text in ["", "public", "10.0.0.0/33", "db.internal", "*"] {
            let error = text.parse::<Range>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is no range of addresses; write `loopback`")), "{error}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_covered() {
        for (range, inside, outside) in [
            ("loopback", &["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"][..], "128.0.0.1"),
            (
                "private",
                &["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.100.0.1", "fd12::1", "::ffff:10.0.0.1"],
                "172.32.0.1",
            ),
            ("link-local", &["169.254.169.254", "fe80::1"], "169.253.0.1"),
            ("10.0.0.0/8", &["10.1.2.3", "::ffff:10.1.2.3"], "11.0.0.1"),
        ] {
            for address in inside {
                assert!(denied(range, address), "{range} {address}");
            }
            assert!(!denied(range, outside), "{range} {outside}");
        }
    }
}
