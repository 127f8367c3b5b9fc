//! Where a target is, without its port.

use std::{fmt, net::IpAddr, ops::Deref};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// Bytes of a name (RFC 1035, section 2.3.4, less what is not written).
const MOST_NAME: usize = 253;
/// Bytes of a label, which is what is between two dots (as before).
const MOST_LABEL: usize = 63;

/// The name or the address of a host as a setting: `db.internal`, `10.0.0.7`, `::1` or `[::1]`. It is one that a check can be
/// granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

/// Why a text is no [`Host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoHost {
    /// It is neither a name nor an address.
    Neither,
    /// It means another host on each network that this machine is in, and which of them can't be said.
    LinkLocal,
}

impl Host {
    /// Reads a host from text; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    fn read(text: &str) -> Result<Self, NoHost> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        match bare.unwrap_or(text).parse() {
            Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => Err(NoHost::LinkLocal),
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) if is_name(text.strip_suffix('.').unwrap_or(text)) => Ok(Self(text.to_owned())),
            Err(_) => Err(NoHost::Neither),
        }
    }
}

/// Whether this can be the name of a host (RFC 1123, section 2.1, and the underscore that people use), and is no mistyped address.
fn is_name(text: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| (1..=MOST_LABEL).contains(&label.len()) && label.bytes().all(is_fine);
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= MOST_NAME && text.split('.').all(is_label) && !text.rsplit('.').next().is_some_and(is_number)
}

impl Deref for Host {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HostVisitor;

        impl Visitor<'_> for HostVisitor {
            type Value = Host;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or an address and nothing else, such as \"db.internal\", \"10.0.0.7\" or \"::1\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Host, E> {
                Host::read(text).map_err(|why| match why {
                    NoHost::Neither => E::invalid_value(Unexpected::Str(text), &self),
                    NoHost::LinkLocal => E::custom(
                        "a link-local address leads nowhere without a zone, which can't be told; give another address",
                    ),
                })
            }
        }

        deserializer.deserialize_str(HostVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse;

    #[test]
    fn hosts_are_names_and_addresses_and_nothing_else() {
        for host in ["a", "db.internal", "DB.internal.", "_x-1.a", "10.0.0.7", "::1", "[::1]", "169.254.1.1", "1.a"] {
            assert_eq!(Host::parse(host).as_deref(), Some(host));
        }
        let (label, long) = ("a".repeat(64), ["a".repeat(62).as_str(); 5].join("."));
        for wrong in [
            "",
            ".",
            "a..b",
            ".a",
            "db.internal:5432",
            "http://x",
            "a/b",
            "a b",
            "user@x",
            "[::1",
            "::1]",
            "[a]",
            "::1%eth0",
            "fe80::1",
            "[fe80::1]",
            "10.0.0.256",
            "7",
            "*",
            "*.a",
            "10.0.0.0/8",
            "bücher.example",
            &label,
            &long,
        ] {
            assert_eq!(Host::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_says_what_is_right() {
        let message = |json: &str| parse::<Host>(json).unwrap_err().message;
        assert_eq!(
            message(r#""db.internal:5432""#),
            r#"invalid value: string "db.internal:5432", expected a name or an address and nothing else, such as "db.internal", "10.0.0.7" or "::1""#
        );
        assert!(message(r#""fe80::1""#).ends_with("give another address"));
    }
}
