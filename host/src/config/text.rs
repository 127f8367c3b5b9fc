//! Everything that is written as one text: names, descriptions, addresses, paths, grants, tokens.

use std::{net::SocketAddr, path::PathBuf};

use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::{Flaw, Scalar};
use crate::{
    grant::Grant,
    name::{LONGEST as LONGEST_NAME, is_name},
};

/// The name of a check or a probe.
pub(super) struct Name;

impl Scalar for Name {
    type Value = String;

    fn parse(&self, value: &DeValue<'_>) -> Result<String, Flaw> {
        value.as_str().filter(|text| is_name(text)).map(str::to_owned).ok_or_else(|| {
            let letters = "lower-case letters, digits, `-`, `_` and `.`";
            Flaw::Not(format!("1 to {LONGEST_NAME} {letters}"))
        })
    }

    fn schema(&self) -> Value {
        let pattern = format!("^[a-z0-9._-]{{1,{LONGEST_NAME}}}$");
        json!({ "type": "string", "pattern": pattern, "not": { "enum": [".", ".."] } })
    }
}

/// One line for people, up to this many characters.
pub(super) struct Line(pub(super) usize);

impl Scalar for Line {
    type Value = String;

    fn parse(&self, value: &DeValue<'_>) -> Result<String, Flaw> {
        let fits = |text: &&str| (1..=self.0).contains(&text.chars().count());
        let plain = |text: &&str| !text.chars().any(char::is_control);
        let text = value.as_str().filter(fits).filter(plain);
        text.map(str::to_owned).ok_or_else(|| Flaw::Not(format!("one line of 1 to {} characters, in quotes", self.0)))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": self.0, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" })
    }
}

/// Some lines, up to this many bytes.
pub(super) struct Prose(pub(super) usize);

impl Scalar for Prose {
    type Value = String;

    fn parse(&self, value: &DeValue<'_>) -> Result<String, Flaw> {
        let text = value.as_str().filter(|text| (1..=self.0).contains(&text.len()));
        text.map(str::to_owned).ok_or_else(|| Flaw::Not(format!("a text of 1 to {} bytes", self.0)))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": self.0 })
    }
}

/// One of these words.
pub(super) struct Choice(pub(super) &'static [&'static str]);

impl Scalar for Choice {
    type Value = &'static str;

    fn parse(&self, value: &DeValue<'_>) -> Result<&'static str, Flaw> {
        let chosen = self.0.iter().copied().find(|word| value.as_str() == Some(word));
        chosen.ok_or_else(|| {
            let words: Vec<String> = self.0.iter().map(|word| format!("\"{word}\"")).collect();
            Flaw::Not(words.join(" or "))
        })
    }

    fn schema(&self) -> Value {
        json!({ "enum": self.0 })
    }
}

/// An IP address and a port.
pub(super) struct Address;

impl Scalar for Address {
    type Value = SocketAddr;

    fn parse(&self, value: &DeValue<'_>) -> Result<SocketAddr, Flaw> {
        let address = value.as_str().and_then(|text| text.parse().ok());
        address.ok_or_else(|| Flaw::Not("an IP address and a port".into()))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": "^.+:[0-9]+$" })
    }
}

/// A file or a folder.
pub(super) struct FilePath;

impl Scalar for FilePath {
    type Value = PathBuf;

    fn parse(&self, value: &DeValue<'_>) -> Result<PathBuf, Flaw> {
        let text = value.as_str().filter(|text| !text.is_empty() && !text.contains('\0'));
        text.map(PathBuf::from).ok_or_else(|| Flaw::Not("a path, in quotes".into()))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// What a probe may reach.
pub(super) struct Allowed;

impl Scalar for Allowed {
    type Value = Grant;
    const SHOWN_BY_FLAW: bool = true;

    fn parse(&self, value: &DeValue<'_>) -> Result<Grant, Flaw> {
        let text = value
            .as_str()
            .ok_or_else(|| Flaw::Because(r#"a grant is a text, such as "tcp:db.internal:5432""#.into()))?;
        text.parse().map_err(|error: crate::grant::GrantError| Flaw::Because(error.to_string()))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": "^(tcp|udp|http|https|icmp|resolve|system|check):.+$" })
    }
}

/// Whom a server must prove to be.
pub(super) struct ServerIdentity;

impl Scalar for ServerIdentity {
    type Value = ServerName<'static>;

    fn parse(&self, value: &DeValue<'_>) -> Result<ServerName<'static>, Flaw> {
        let name = value.as_str().and_then(|text| ServerName::try_from(text.to_owned()).ok());
        name.ok_or_else(|| Flaw::Not("the name of a host or an IP address, without a port".into()))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// The name of a protocol that is spoken over TLS (RFC 7301): those that are registered are of visible ASCII.
pub(super) struct Protocol;

impl Scalar for Protocol {
    type Value = String;

    fn parse(&self, value: &DeValue<'_>) -> Result<String, Flaw> {
        let fits = |text: &&str| (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        value.as_str().filter(fits).map(str::to_owned).ok_or_else(|| {
            Flaw::Not("names of protocols as they are registered for ALPN, of 1 to 255 visible letters".into())
        })
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": "^[!-~]{1,255}$" })
    }
}

/// Where a page of the web comes from, as browsers write it (RFC 6454, section 6.2).
pub(super) struct WebOrigin;

impl Scalar for WebOrigin {
    type Value = String;

    fn parse(&self, value: &DeValue<'_>) -> Result<String, Flaw> {
        let is_origin = |text: &&str| {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
            let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_:[]".contains(&byte);
            !host.is_empty() && host.bytes().all(letters)
        };
        let origin = value.as_str().filter(is_origin).map(str::to_owned);
        origin.ok_or_else(|| {
            Flaw::Not("origins as browsers write them: scheme and host in lower case, and no path".into())
        })
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": "^https?://[a-z0-9._:\\[\\]-]+$" })
    }
}

/// A secret, or what is to be filled in for it.
pub(super) struct Token;

impl Scalar for Token {
    type Value = String;
    const SECRET: bool = true;

    fn parse(&self, value: &DeValue<'_>) -> Result<String, Flaw> {
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| Flaw::Not("a text".into()))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_a_name() {
        for text in ["primary-db", "a", "0_.-", "..."] {
            assert!(is_name(text), "{text}");
        }
        for text in ["", ".", "..", "A", "a b", "é", "a/b", "a\n"] {
            assert!(!is_name(text), "{text}");
        }
        assert!(is_name(&"a".repeat(100)) && !is_name(&"a".repeat(101)));
    }
}
