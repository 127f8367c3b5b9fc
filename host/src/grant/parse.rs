//! Grants from text: what an operator writes, and what a manifest's templates make of a check's settings.

use std::{net::IpAddr, ops::RangeInclusive, str::FromStr};

use ipnet::IpNet;
use serde_json::Value;
use thiserror::Error;

use super::{
    CHECK, Grant, Host, Part, Protocol, Reach, SYSTEM, TLS,
    checks::{GROUP, Readable},
};

/// Why a text is not a grant.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GrantError {
    /// It does not begin with a protocol and a colon.
    #[error(
        "`{0}` names no protocol that a grant can have; write one of tcp, udp, http, https, icmp, resolve, system, check, as in \
         `tcp:db.internal:5432`, or `tls`"
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
    /// There are ports, and there must be none.
    #[error("`{text}` names a port, and there are none in `{protocol}`; write `{protocol}:` and the host alone")]
    NeedlessPort {
        /// The grant.
        text: String,
        /// What it is for.
        protocol: Protocol,
    },
    /// There is no such part of this machine.
    #[error(
        "`{0}` is no part of a system that can be looked at; write one of `system:disk`, `system:memory`, `system:cpu`"
    )]
    Part(String),
    /// It names no check and no group.
    #[error(
        "`{0}` is not a check; write its name (`check:orders-db`), how it begins (`check:orders-*`), a group \
         (`check:group/storage`) or `check:*`"
    )]
    Check(String),
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Grant, GrantError> {
        if let Some(grant) = without_place(text) {
            return grant;
        }
        if let Some(readable) = text.strip_prefix(CHECK) {
            return Readable::parse(readable).map(|readable| Grant(Reach::Checks(readable)));
        }
        let (protocol, rest) = split_protocol(text)?;
        let (host, ports) = split_port(rest);
        let host = parse_host(host)?;
        network(protocol, host, ports.map(parse_ports).transpose()?, text)
    }
}

impl Grant {
    /// Fills a template of a probe's manifest with the settings of a check: `tcp:{host}:{port}`, or `url:{url}` for what
    /// a URL needs: of `http` or `https` for requests, of `ws` or `wss` for a connection of the guest's own. A template that names
    /// no port, though it needs one, takes it from the setting, which then reads `HOST:PORT`. A setting that is a list makes a
    /// grant of each element. Nothing if a setting it names is absent.
    ///
    /// Where it leads is only taken from what the operator has `written`: neither what the template says outright nor a default of
    /// the probe's own opens anything. A port may be one of the `usual` settings, with the probe's defaults. What a template wants
    /// of this machine (`system:disk`), or TLS, names no place, and whether it is granted is for the caller to say.
    ///
    /// The template is taken apart before it is filled, so no setting can widen what it grants: a host of `*` is refused.
    ///
    /// # Errors
    ///
    /// As for parsing a grant.
    pub fn from_template(template: &str, written: &Value, usual: &Value) -> Result<Vec<Grant>, GrantError> {
        if let Some(grant) = without_place(template) {
            return grant.map(|grant| vec![grant]);
        }
        if let Some(readable) = template.strip_prefix(CHECK) {
            return of_checks(readable, written);
        }
        if let Some(url) = template.strip_prefix("url:") {
            return named(url, written).iter().map(|url| of_url(url)).collect();
        }
        let (protocol, rest) = split_protocol(template)?;
        let (host, ports) = split_port(rest);
        let hosts = named(host, written);
        let Some(ports) = ports else {
            return hosts.iter().map(|host| of_place(protocol, host)).collect();
        };
        let mut grants = Vec::new();
        for ports in fill(ports, usual) {
            for host in &hosts {
                grants.push(network(protocol, one_host(host)?, Some(parse_ports(&ports)?), template)?);
            }
        }
        Ok(grants)
    }
}

fn network(
    protocol: Protocol,
    host: Host,
    ports: Option<Vec<RangeInclusive<u16>>>,
    text: &str,
) -> Result<Grant, GrantError> {
    let ports = match (protocol.has_ports(), ports, protocol.usual_port()) {
        (false, None, _) => Vec::new(),
        (false, Some(_), _) => return Err(GrantError::NeedlessPort { text: text.into(), protocol }),
        (true, Some(ports), _) => ports,
        (true, None, Some(usual)) => vec![usual..=usual],
        (true, None, None) => return Err(GrantError::NoPort(text.into())),
    };
    Ok(Grant(Reach::Network { protocol, host, ports }))
}

/// A grant that leads nowhere else: of this machine, or of TLS over what other grants lead to. `None` if this is another.
fn without_place(text: &str) -> Option<Result<Grant, GrantError>> {
    if text == TLS {
        return Some(Ok(Grant(Reach::Tls)));
    }
    let word = text.strip_prefix(SYSTEM)?.strip_prefix(':')?;
    let part = Part::ALL.into_iter().find(|part| part.as_str() == word);
    Some(part.map(|part| Grant(Reach::System(part))).ok_or_else(|| GrantError::Part(text.into())))
}

/// Fills what follows `check:` in a template: with names of checks, or of groups.
fn of_checks(template: &str, settings: &Value) -> Result<Vec<Grant>, GrantError> {
    let grant = |readable: Result<Readable, GrantError>| readable.map(|readable| Grant(Reach::Checks(readable)));
    match template.strip_prefix(GROUP) {
        Some(group) => named(group, settings).iter().map(|group| grant(Readable::group(group))).collect(),
        None => named(template, settings).iter().map(|name| grant(Readable::check(name))).collect(),
    }
}

/// A grant of what a setting names alone: a host, with its port if the protocol can't do without.
fn of_place(protocol: Protocol, place: &str) -> Result<Grant, GrantError> {
    if !protocol.has_ports() || protocol.usual_port().is_some() {
        return network(protocol, one_host(place)?, None, place);
    }
    let (host, port) = split_port(place);
    let port = port.ok_or_else(|| GrantError::NoPort(place.into()))?;
    network(protocol, one_host(host)?, Some(vec![one_port(port)?]), place)
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
    network(protocol, one_host(host)?, Some(vec![port..=port]), url)
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

/// The same as [`named`], but that any other text stands for itself.
fn fill(text: &str, settings: &Value) -> Vec<String> {
    if setting(text).is_some() { named(text, settings) } else { vec![text.into()] }
}

/// The name of the setting that stands in a template as `{name}`.
fn setting(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}')
}

/// What the setting says that a template names as `{name}`: each of its elements, if it is a list, and nothing if it is absent, or
/// if that is not what the text is.
fn named(text: &str, settings: &Value) -> Vec<String> {
    let Some(name) = setting(text) else {
        return Vec::new();
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
