//! Where a target is, in one setting.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

use super::{Host, Port};

/// A host and its port as a setting: `db.internal:5432`, `10.0.0.7:53` or `[::1]:53`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address; one of IPv6 has brackets.
    pub host: String,
    /// The port there.
    pub port: Port,
}

impl Endpoint {
    /// Reads an endpoint from text; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        // What has colons but no brackets could be meant in two ways.
        let is_plain = bare.is_some() == host.contains(':');
        (is_plain && Host::parse(host).is_some()).then_some(Self { host: host.to_owned(), port: Port::parse(port)? })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port.0)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EndpointVisitor;

        impl Visitor<'_> for EndpointVisitor {
            type Value = Endpoint;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a host and a port such as \"node.internal:6881\" or \"[::1]:6881\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Endpoint, E> {
                Endpoint::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(EndpointVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_and_shown() {
        for text in ["node.internal:6881", "10.0.0.7:1", "[::1]:65535"] {
            assert_eq!(Endpoint::parse(text).map(|endpoint| endpoint.to_string()).as_deref(), Some(text));
        }
        for text in
            ["", "node", ":6881", "node:", "node:0", "node:65536", "node:*", "::1:6881", "[]:1", "[a]:1", "[::1]"]
        {
            assert_eq!(Endpoint::parse(text), None, "{text}");
        }
    }
}
