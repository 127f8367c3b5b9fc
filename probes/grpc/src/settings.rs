//! What the operator configures; settings.schema.json says what each setting means.

use std::collections::BTreeMap;

use probity_guest::{
    SettingProblem, base64, net,
    settings::{Host, Port, Span, escape},
    url::Url,
};
use serde::Deserialize;

/// The method that is called (github.com/grpc/grpc, doc/health-checking.md).
const METHOD: &str = "/grpc.health.v1.Health/Check";

/// Headers that the protocol, the probe or the runner has a use of its own for.
const RESERVED: [&str; 13] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: Host,
    port: Port,
    #[serde(default)]
    pub(crate) tls: bool,
    #[serde(default)]
    pub(crate) service: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    pub(crate) authority: Option<String>,
    pub(crate) degraded_after: Option<Span>,
}

/// One piece of metadata, fit to be sent.
pub(crate) struct Metadatum {
    /// In lower case.
    pub(crate) key: String,
    /// As it is sent: binary ones in base 64 without padding.
    pub(crate) value: String,
    /// What a binary one consists of.
    bytes: Option<Vec<u8>>,
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut problem = |pointer: &str, message: &str| problems.push(SettingProblem::new(pointer, message));
        if self.authority.as_deref().is_some_and(|authority| !is_authority(authority)) {
            problem("/authority", "not an authority; give a name, with a port or without: `orders.example.org:8443`");
        }
        for (key, value) in &self.metadata {
            if let Err(message) = Metadatum::read(key, value) {
                problem(&format!("/metadata/{}", escape(key)), message);
            }
        }
        problems
    }

    /// What is asked; `None` if that is no URL.
    pub(crate) fn url(&self) -> Option<Url> {
        let host = match net::literal(&self.host) {
            Some(address) if address.is_ipv6() => format!("[{address}]"),
            _ => self.host.to_ascii_lowercase(),
        };
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{host}:{}{METHOD}", self.port.0).parse().ok()
    }

    /// What is sent along, as far as it can be.
    pub(crate) fn metadata(&self) -> Vec<Metadatum> {
        self.metadata.iter().filter_map(|(key, value)| Metadatum::read(key, value).ok()).collect()
    }
}

fn is_authority(text: &str) -> bool {
    !text.contains(['/', '?', '#']) && format!("http://{text}/").parse::<Url>().is_ok()
}

impl Metadatum {
    /// Reads what an operator writes; the error says what is wrong with it (gRPC over HTTP/2, "Custom-Metadata").
    fn read(key: &str, value: &str) -> Result<Self, &'static str> {
        let key = key.to_ascii_lowercase();
        let is_fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
        if key.is_empty() || !key.bytes().all(is_fine) {
            return Err("not a key; it may have letters, digits and `_-.`");
        }
        if key.starts_with("grpc-") {
            return Err("keys that begin with `grpc-` are the protocol's own; take another one");
        }
        if key == "host" {
            return Err("say this in the setting `authority`");
        }
        if RESERVED.contains(&key.as_str()) {
            return Err("this is no metadata but part of the request, which the probe sees to; leave it out");
        }
        if key.ends_with("-bin") {
            let bare = value.trim_end_matches('=');
            let padded = format!("{bare}{}", &"==="[..(4 - bare.len() % 4) % 4]);
            let bytes = base64::decode(&padded).filter(|bytes| !bytes.is_empty());
            let bytes = bytes.ok_or("not base 64, which the value of a key that ends in `-bin` must be")?;
            return Ok(Self { key, value: bare.to_owned(), bytes: Some(bytes) });
        }
        if value.is_empty() || !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(
                "a value must be of printable ASCII; for anything else take a key that ends in `-bin`, and base 64",
            );
        }
        Ok(Self { key, value: value.to_owned(), bytes: None })
    }

    /// What must not be shown, should the server repeat it: all of the value, and of credentials also what comes after their
    /// scheme (`Bearer 1234`).
    pub(crate) fn secrets(self) -> impl Iterator<Item = Vec<u8>> {
        let credentials = self.value.split_once(' ').map(|(_, credentials)| credentials.trim().as_bytes().to_vec());
        [Some(self.value.into_bytes()), credentials, self.bytes].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::{self, parse};

    use super::*;

    fn json(more: &str) -> String {
        format!(r#"{{ "host": "Orders.internal", "port": 50051{more} }}"#)
    }

    fn settings(more: &str) -> Settings {
        parse(&json(more)).unwrap()
    }

    fn pointers(more: &str) -> Vec<String> {
        settings::pointers(&json(more), Settings::problems)
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        assert_eq!(pointers(""), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#""authority": """#, "/authority"),
            (r#""authority": "a/b""#, "/authority"),
            (r#""authority": "user@a""#, "/authority"),
            (r#""authority": "a:0""#, "/authority"),
            (r#""metadata": { "a b": "c" }"#, "/metadata/a b"),
            (r#""metadata": { "a/b": "c" }"#, "/metadata/a~1b"),
            (r#""metadata": { "": "c" }"#, "/metadata/"),
            (r#""metadata": { ":path": "c" }"#, "/metadata/:path"),
            (r#""metadata": { "Grpc-Timeout": "1S" }"#, "/metadata/Grpc-Timeout"),
            (r#""metadata": { "Host": "a" }"#, "/metadata/Host"),
            (r#""metadata": { "te": "trailers" }"#, "/metadata/te"),
            (r#""metadata": { "a": "" }"#, "/metadata/a"),
            (r#""metadata": { "a": "b\r\nc: d" }"#, "/metadata/a"),
            (r#""metadata": { "a": "ä" }"#, "/metadata/a"),
            (r#""metadata": { "a-bin": "Z" }"#, "/metadata/a-bin"),
            (r#""metadata": { "a-bin": "" }"#, "/metadata/a-bin"),
            (r#""metadata": { "a-BIN": "Zm-v" }"#, "/metadata/a-BIN"),
        ] {
            assert_eq!(pointers(&format!(", {wrong}")), [pointer], "{wrong}");
        }
        for host in ["", "a/b", "a:80", "http://a", "user@a", "a b", "a?b", "a#b", "[::1"] {
            let json = format!(r#"{{ "host": "{host}", "port": 1 }}"#);
            assert_eq!(settings::pointers(&json, Settings::problems), ["/host"], "{host}");
        }
    }

    #[test]
    fn a_url_is_made_of_host_and_port() {
        let url = |more: &str| settings(more).url().unwrap().to_string();
        assert_eq!(url(""), "http://orders.internal:50051/grpc.health.v1.Health/Check");
        assert_eq!(url(r#", "tls": true"#), "https://orders.internal:50051/grpc.health.v1.Health/Check");
        for host in ["::1", "[::1]"] {
            let settings: Settings = parse(&format!(r#"{{ "host": "{host}", "port": 80 }}"#)).unwrap();
            assert_eq!(settings.url().unwrap().host(), "[::1]");
        }
    }

    #[test]
    fn metadata_is_made_fit_to_be_sent_and_its_secrets_are_known() {
        let settings = settings(
            r#", "metadata": { "Authorization": "Bearer abc", "a-bin": "Zm8=", "b-bin": "Zm8", "c_1.2": "x" }"#,
        );
        assert_eq!(settings.problems(), []);
        let metadata = settings.metadata();
        let sent: Vec<_> =
            metadata.iter().map(|metadatum| (metadatum.key.as_str(), metadatum.value.as_str())).collect();
        assert_eq!(sent, [("authorization", "Bearer abc"), ("a-bin", "Zm8"), ("b-bin", "Zm8"), ("c_1.2", "x")]);
        let secrets: Vec<_> = metadata.into_iter().flat_map(Metadatum::secrets).collect();
        assert_eq!(secrets, [&b"Bearer abc"[..], b"abc", b"Zm8", b"fo", b"Zm8", b"fo", b"x"]);
    }
}
