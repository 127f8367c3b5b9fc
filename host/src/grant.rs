//! What a check lets its probe reach. Nothing is reachable without a grant.
//!
//! A grant reads `PROTOCOL:HOST:PORTS`, such as `tcp:db.internal:5432`. The host is a name (`db.internal`, `*.internal`),
//! an address (`10.0.0.7`, `[::1]`), a range of addresses (`10.0.0.0/8`, `[fd00::/8]`) or `*`; the ports are `443`,
//! `8000-8100`, `80,443` or `*`. `http:HOST` and `https:HOST` mean the usual port, and `resolve:HOST` a name look-up alone.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    str::FromStr,
};

use ipnet::IpNet;
use serde_json::Value;
use thiserror::Error;

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
    /// A name look-up that leads to no connection.
    Resolve,
}

impl Protocol {
    const ALL: [Protocol; 5] = [Protocol::Tcp, Protocol::Udp, Protocol::Http, Protocol::Https, Protocol::Resolve];

    fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Resolve => "resolve",
        }
    }

    /// The port meant when a grant names none (RFC 9110, section 4.2).
    fn usual_port(self) -> Option<u16> {
        match self {
            Protocol::Http => Some(80),
            Protocol::Https => Some(443),
            Protocol::Tcp | Protocol::Udp | Protocol::Resolve => None,
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
pub struct Grant {
    protocol: Protocol,
    host: Host,
    /// Empty for `resolve`, which has none.
    ports: Vec<RangeInclusive<u16>>,
}

/// Why a text is not a grant.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GrantError {
    /// It does not begin with a protocol and a colon.
    #[error(
        "`{0}` names no protocol that a grant can have; write one of tcp, udp, http, https, resolve, as in `tcp:db.internal:5432`"
    )]
    Protocol(String),
    /// The host is not a name, an address, a range or `*`.
    #[error(
        "`{0}` is not a host; write a name (`db.internal`, `*.internal`), an address (`10.0.0.7`, `[::1]`), a range (`10.0.0.0/8`) or `*`"
    )]
    Host(String),
    /// There must be ports, and there are none.
    #[error("`{0}` names no port; write one as in `tcp:db.internal:5432`, or `*` for all")]
    NoPort(String),
    /// The ports can't be read.
    #[error("`{0}` is not a port; write a number from 1 to 65535, a range (`8000-8100`), a list (`80,443`) or `*`")]
    Port(String),
    /// A look-up has no port.
    #[error("`{0}` names a port, which a look-up does not have; write `resolve:` and the name alone")]
    NeedlessPort(String),
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Grant, GrantError> {
        let (protocol, rest) = split_protocol(text)?;
        let (host, ports) = split_port(rest);
        let host = parse_host(host)?;
        Grant::new(protocol, host, ports.map(parse_ports).transpose()?, text)
    }
}

impl Grant {
    fn new(
        protocol: Protocol,
        host: Host,
        ports: Option<Vec<RangeInclusive<u16>>>,
        text: &str,
    ) -> Result<Grant, GrantError> {
        let ports = match (protocol, ports, protocol.usual_port()) {
            (Protocol::Resolve, None, _) => Vec::new(),
            (Protocol::Resolve, Some(_), _) => return Err(GrantError::NeedlessPort(text.into())),
            (_, Some(ports), _) => ports,
            (_, None, Some(usual)) => vec![usual..=usual],
            (_, None, None) => return Err(GrantError::NoPort(text.into())),
        };
        Ok(Grant { protocol, host, ports })
    }

    /// Fills a template of a probe's manifest with the settings of a check: `tcp:{host}:{port}`, or `url:{url}` for what
    /// a URL needs: of `http` or `https` for requests, of `ws` or `wss` for a connection of the guest's own. A template that names
    /// no port, though it needs one, takes it from the setting, which then reads `HOST:PORT`. A setting that is a list makes a
    /// grant of each element. Nothing if a setting it names is absent.
    ///
    /// The template is taken apart before it is filled, so no setting can widen what it grants: a host of `*` is refused.
    ///
    /// # Errors
    ///
    /// As for parsing a grant.
    pub fn from_template(template: &str, settings: &Value) -> Result<Vec<Grant>, GrantError> {
        if let Some(url) = template.strip_prefix("url:") {
            return fill(url, settings).iter().map(|url| Grant::of_url(url)).collect();
        }
        let (protocol, rest) = split_protocol(template)?;
        let (host, ports) = split_port(rest);
        let hosts = fill(host, settings);
        let Some(ports) = ports else {
            return hosts.iter().map(|host| Grant::of_place(protocol, host)).collect();
        };
        let mut grants = Vec::new();
        for ports in fill(ports, settings) {
            for host in &hosts {
                grants.push(Grant::new(protocol, one_host(host)?, Some(parse_ports(&ports)?), template)?);
            }
        }
        Ok(grants)
    }

    /// A grant of what a setting names alone: a host, with its port if the protocol can't do without.
    fn of_place(protocol: Protocol, place: &str) -> Result<Grant, GrantError> {
        if protocol == Protocol::Resolve || protocol.usual_port().is_some() {
            return Grant::new(protocol, one_host(place)?, None, place);
        }
        let (host, port) = split_port(place);
        let port = port.ok_or_else(|| GrantError::NoPort(place.into()))?;
        Grant::new(protocol, one_host(host)?, Some(vec![one_port(port)?]), place)
    }

    fn of_url(url: &str) -> Result<Grant, GrantError> {
        let uri: http::Uri = url.parse().map_err(|_| GrantError::Host(url.into()))?;
        let (protocol, usual) = match uri.scheme_str() {
            Some("http") => (Protocol::Http, 80),
            Some("https") => (Protocol::Https, 443),
            // RFC 6455, section 3.
            Some("ws") => (Protocol::Tcp, 80),
            Some("wss") => (Protocol::Tcp, 443),
            _ => return Err(GrantError::Protocol(url.into())),
        };
        let host = uri.host().ok_or_else(|| GrantError::Host(url.into()))?;
        let port = uri.port_u16().unwrap_or(usual);
        Grant::new(protocol, one_host(host)?, Some(vec![port..=port]), url)
    }

    fn covers(&self, target: &Target<'_>) -> bool {
        self.protocol == target.protocol
            && (self.ports.is_empty() || self.ports.iter().any(|range| range.contains(&target.port)))
            && match &self.host {
                Host::Net(net) => net.contains(&target.address),
                _ if only_by_address(target.address) => false,
                Host::Any => true,
                host => target.names.iter().any(|name| host.matches_name(name)),
            }
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
    /// The port that will be dialled.
    pub port: u16,
    /// The names that were resolved to this address in this run.
    pub names: &'a [String],
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
        if self.protocol.usual_port() == Some(self.port) {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All that a check lets its probe reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl FromIterator<Grant> for Grants {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        Grants(grants.into_iter().collect())
    }
}

impl Grants {
    /// Whether a name may be looked up: any grant that could lead to it allows that.
    #[must_use]
    pub fn allow_lookup(&self, name: &str) -> bool {
        self.0.iter().any(|grant| grant.host.matches_name(name))
    }

    /// Whether an address may be dialled.
    #[must_use]
    pub fn allow(&self, target: &Target<'_>) -> bool {
        self.0.iter().any(|grant| grant.covers(target))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.protocol)?;
        match &self.host {
            Host::Any => f.write_str("*")?,
            Host::Name(name) => f.write_str(name)?,
            Host::Under(suffix) => write!(f, "*{suffix}")?,
            Host::Net(net) => {
                let single = net.prefix_len() == net.max_prefix_len();
                match (net.addr(), single) {
                    (IpAddr::V4(address), true) => write!(f, "{address}")?,
                    (IpAddr::V6(address), true) => write!(f, "[{address}]")?,
                    (IpAddr::V4(_), false) => write!(f, "{net}")?,
                    (IpAddr::V6(_), false) => write!(f, "[{net}]")?,
                }
            }
        }
        let usual = self.protocol.usual_port();
        if self.ports.is_empty()
            || self.ports.iter().map(|range| Some(*range.start())).eq([usual])
                && usual.is_some()
                && self.ports.iter().all(|range| range.start() == range.end())
        {
            return Ok(());
        }
        let ports: Vec<String> = self
            .ports
            .iter()
            .map(|range| match (*range.start(), *range.end()) {
                (1, u16::MAX) => "*".into(),
                (first, last) if first == last => first.to_string(),
                (first, last) => format!("{first}-{last}"),
            })
            .collect();
        write!(f, ":{}", ports.join(","))
    }
}

fn split_protocol(text: &str) -> Result<(Protocol, &str), GrantError> {
    text.split_once(':')
        .and_then(|(word, rest)| {
            let protocol = Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == word)?;
            Some((protocol, rest))
        })
        .ok_or_else(|| GrantError::Protocol(text.into()))
}

/// Splits off what follows the last colon outside brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    let after_bracket = text.rfind(']').map_or(0, |at| at + 1);
    match text[after_bracket..].rfind(':') {
        Some(at) => (&text[..after_bracket + at], Some(&text[after_bracket + at + 1..])),
        None => (text, None),
    }
}

fn parse_ports(text: &str) -> Result<Vec<RangeInclusive<u16>>, GrantError> {
    let bad = || GrantError::Port(text.into());
    text.split(',')
        .map(|part| match part.split_once('-') {
            _ if part == "*" => Ok(1..=u16::MAX),
            Some((first, last)) => {
                let (first, last) =
                    (*one_port(first).map_err(|_| bad())?.start(), *one_port(last).map_err(|_| bad())?.end());
                if first <= last { Ok(first..=last) } else { Err(bad()) }
            }
            None => one_port(part).map_err(|_| bad()),
        })
        .collect()
}

/// A port, and nothing wider.
fn one_port(text: &str) -> Result<RangeInclusive<u16>, GrantError> {
    let port = text.parse::<u16>().ok().filter(|port| *port > 0);
    port.map(|port| port..=port).ok_or_else(|| GrantError::Port(text.into()))
}

fn parse_host(text: &str) -> Result<Host, GrantError> {
    if text == "*" {
        return Ok(Host::Any);
    }
    if let Some(suffix) = text.strip_prefix('*') {
        let under = suffix.strip_prefix('.').filter(|name| is_name(name));
        return under
            .map_or_else(|| Err(GrantError::Host(text.into())), |_| Ok(Host::Under(suffix.to_ascii_lowercase())));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(net) = bare.parse::<IpNet>() {
        return Ok(Host::Net(net.trunc()));
    }
    one_host(text)
}

/// A name or an address, and nothing wider.
fn one_host(text: &str) -> Result<Host, GrantError> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(Host::Net(IpNet::from(address.to_canonical())));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    if is_name(name) { Ok(Host::Name(name.to_ascii_lowercase())) } else { Err(GrantError::Host(text.into())) }
}

/// Whether this can be a host name (RFC 1123, and the underscore that people use), and not a mistyped address.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let numeric = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 253 && text.split('.').all(label) && !text.split('.').next_back().is_some_and(numeric)
}

/// Puts a setting in the place of `{name}`, if that is what the text is: each of its elements, if it is a list, and nothing if it
/// is absent. Any other text stands for itself.
fn fill(text: &str, settings: &Value) -> Vec<String> {
    let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        return vec![text.into()];
    };
    let word = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match settings.get(name) {
        Some(Value::Array(elements)) => elements.iter().filter_map(word).collect(),
        Some(value) => word(value).into_iter().collect(),
        None => Vec::new(),
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grants(texts: &[&str]) -> Grants {
        texts.iter().map(|text| text.parse::<Grant>().unwrap()).collect()
    }

    fn allows(grants: &Grants, protocol: Protocol, address: &str, port: u16, names: &[&str]) -> bool {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let address = canonical(address.parse().unwrap());
        grants.allow(&Target { protocol, address, port, names: &names })
    }

    #[test]
    fn grants_are_read_and_written() {
        for text in [
            "tcp:db.internal:5432",
            "tcp:*.internal:5432,6432",
            "udp:*:53",
            "udp:10.0.0.0/8:*",
            "tcp:[::1]:8000-8100",
            "tcp:[fd00::/8]:1",
            "http:api.example.com",
            "https:*.example.com:8443",
            "resolve:localhost",
        ] {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
        assert_eq!("https:A.example.COM.:443".parse::<Grant>().unwrap().to_string(), "https:a.example.com");
    }

    #[test]
    fn what_is_not_a_grant_says_why() {
        for (text, part) in [
            ("db.internal:5432", "names no protocol"),
            ("ftp:db:21", "names no protocol"),
            ("tcp:db.internal", "names no port"),
            ("tcp:db.internal:0", "is not a port"),
            ("tcp:db.internal:70000", "is not a port"),
            ("tcp:db.internal:9-1", "is not a port"),
            ("tcp:a b:1", "is not a host"),
            ("tcp:*x.com:1", "is not a host"),
            ("tcp::1", "is not a host"),
            ("tcp:10.0.0.300:1", "is not a host"),
            ("tcp:2130706433:80", "is not a host"),
            ("resolve:a:53", "names a port"),
        ] {
            let error = text.parse::<Grant>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_address_decides_and_the_name_it_came_from() {
        use Protocol::*;
        let granted = grants(&["tcp:db.internal:5432", "tcp:10.1.0.0/16:1-9", "http:*.example.com"]);
        assert!(allows(&granted, Tcp, "192.0.2.1", 5432, &["DB.internal."]));
        assert!(!allows(&granted, Tcp, "192.0.2.1", 5432, &[]), "an address the name was not resolved to");
        assert!(!allows(&granted, Tcp, "192.0.2.1", 5433, &["db.internal"]));
        assert!(!allows(&granted, Udp, "192.0.2.1", 5432, &["db.internal"]));
        assert!(allows(&granted, Tcp, "::ffff:10.1.2.3", 9, &[]), "IPv4 within IPv6 is IPv4");
        assert!(!allows(&granted, Tcp, "10.2.2.3", 9, &[]));
        assert!(allows(&granted, Http, "192.0.2.1", 80, &["a.example.com"]));
        assert!(!allows(&granted, Http, "192.0.2.1", 80, &["example.com"]));
        assert!(!allows(&granted, Http, "192.0.2.1", 80, &["a.example.com.evil.org"]));
        assert!(granted.allow_lookup("db.internal") && !granted.allow_lookup("other"));
    }

    #[test]
    fn credentials_of_a_cloud_are_reached_by_address_alone() {
        use Protocol::Tcp;
        let wide = grants(&["tcp:*:*", "tcp:evil.example:80"]);
        for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::"] {
            assert!(!allows(&wide, Tcp, address, 80, &["evil.example"]), "{address}");
        }
        assert!(allows(&wide, Tcp, "127.0.0.1", 80, &[]));
        assert!(allows(&grants(&["tcp:169.254.169.254:80"]), Tcp, "169.254.169.254", 80, &[]));
    }

    #[test]
    fn a_refusal_names_the_grant_that_would_allow_it() {
        let names = ["db.internal".to_owned()];
        let target = |protocol, address: &str, port, names| {
            Target { protocol, address: address.parse().unwrap(), port, names }.to_string()
        };
        assert_eq!(target(Protocol::Tcp, "192.0.2.1", 5432, &names), "tcp:db.internal:5432");
        assert_eq!(target(Protocol::Tcp, "192.0.2.1", 5432, &[]), "tcp:192.0.2.1:5432");
        assert_eq!(target(Protocol::Udp, "::1", 53, &[]), "udp:[::1]:53");
        assert_eq!(target(Protocol::Https, "192.0.2.1", 443, &names), "https:db.internal");
        assert_eq!(target(Protocol::Tcp, "169.254.169.254", 80, &names), "tcp:169.254.169.254:80");
    }

    #[test]
    fn templates_are_filled_from_settings_and_never_widened() {
        let settings = json!({ "host": "DB", "port": 5432, "v6": "::1", "any": "*", "url": "https://a.b:8443/x?y", "list": [], "none": [true],
                    "hosts": ["a", "b"], "places": ["DB:1", "[::1]:2"], "wide": ["*:1"], "ports": ["a:*"], "bare": ["a"] });
        let filled = |template: &str| {
            let grants = Grant::from_template(template, &settings)?;
            Ok::<_, GrantError>(grants.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(filled("tcp:{host}:{port}"), Ok(vec!["tcp:db:5432".into()]));
        assert_eq!(filled("udp:{v6}:53"), Ok(vec!["udp:[::1]:53".into()]));
        assert_eq!(filled("url:{url}"), Ok(vec!["https:a.b:8443".into()]));
        for (url, granted) in [
            ("https://a.b/", "https:a.b"),
            ("http://[::1]/", "http:[::1]"),
            ("ws://a.b/feed", "tcp:a.b:80"),
            ("wss://A.b", "tcp:a.b:443"),
            ("wss://10.0.0.7:8443/", "tcp:10.0.0.7:8443"),
        ] {
            let grant = Grant::from_template("url:{url}", &json!({ "url": url })).unwrap();
            assert_eq!(grant, [granted.parse().unwrap()], "{url}");
        }
        assert!(Grant::from_template("url:{url}", &json!({ "url": "wss://*/" })).is_err());
        assert_eq!(filled("tcp:{absent}:{port}"), Ok(Vec::new()));
        assert_eq!(filled("tcp:{host}:{list}"), Ok(Vec::new()));
        assert_eq!(filled("resolve:{host}"), Ok(vec!["resolve:db".into()]));
        assert!(filled("tcp:{any}:{port}").is_err());
        assert_eq!(filled("tcp:{hosts}:{port}"), Ok(vec!["tcp:a:5432".into(), "tcp:b:5432".into()]));
        assert_eq!(filled("udp:{places}"), Ok(vec!["udp:db:1".into(), "udp:[::1]:2".into()]));
        assert_eq!(filled("udp:{none}"), Ok(Vec::new()));
        for (template, part) in
            [("udp:{wide}", "is not a host"), ("udp:{ports}", "is not a port"), ("udp:{bare}", "names no port")]
        {
            let error = filled(template).unwrap_err().to_string();
            assert!(error.contains(part), "{template}: {error}");
        }
    }
}
