//! URLs of `http` and `https`, and of `ws` and `wss`: taking them apart, and following a redirect from one to another.

use std::{error, fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use crate::settings::{Host, Port};

/// Two schemes that differ in TLS alone, and what to say where neither is.
#[derive(Debug, PartialEq, Eq)]
struct Schemes {
    plain: &'static str,
    secure: &'static str,
    expected: &'static str,
}

static HTTP: Schemes = Schemes { plain: "http", secure: "https", expected: "must begin with http:// or https://" };
static WEB_SOCKET: Schemes = Schemes { plain: "ws", secure: "wss", expected: "must begin with ws:// or wss://" };

/// An absolute `http` or `https` URL without a user name and without a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    schemes: &'static Schemes,
    secure: bool,
    authority: String,
    path_with_query: String,
}

/// The same with `ws` or `wss` (RFC 6455, section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketUrl(pub Url);

/// Why a text is not a [`Url`]; says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoUrl(&'static str);

impl Url {
    /// Whether it is `https` or `wss`.
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// Host in lower case, and port unless it is the scheme's usual one: `example.org`, `[::1]:8080`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.split_authority().0
    }

    /// The port that it names, or the scheme's usual one.
    pub fn port(&self) -> u16 {
        self.split_authority().1.parse().unwrap_or(usual_port(self.secure))
    }

    fn split_authority(&self) -> (&str, &str) {
        split_port(&self.authority)
    }

    /// At least `/`.
    pub fn path_with_query(&self) -> &str {
        &self.path_with_query
    }

    /// Whether both lead to the same server, so that what is secret for one is for the other.
    pub fn same_origin(&self, other: &Self) -> bool {
        (self.secure, &self.authority) == (other.secure, &other.authority)
    }

    /// The URL that a reference on this one's page means (RFC 3986, section 5.2).
    ///
    /// # Errors
    ///
    /// If the reference is absolute and no [`Url`], or holds a character that no URL may.
    pub fn join(&self, reference: &str) -> Result<Self, NoUrl> {
        let reference = reference.split('#').next().unwrap_or_default();
        if has_scheme(reference) {
            return Self::parse(reference, self.schemes);
        }
        if let Some(authority_and_path) = reference.strip_prefix("//") {
            return Self::parse(&format!("{}://{authority_and_path}", self.scheme()), self.schemes);
        }
        let (path, query) = split_query(&self.path_with_query);
        let path_with_query = match split_query(reference) {
            ("", None) => [path, query.unwrap_or_default()].concat(),
            ("", Some(query)) => [path, query].concat(),
            (absolute, query) if absolute.starts_with('/') => remove_dot_segments(absolute) + query.unwrap_or_default(),
            (relative, query) => {
                let folder = &path[..=path.rfind('/').unwrap_or_default()];
                remove_dot_segments(&[folder, relative].concat()) + query.unwrap_or_default()
            }
        };
        require_url_characters(&path_with_query)?;
        Ok(Self { path_with_query, ..self.clone() })
    }

    fn scheme(&self) -> &'static str {
        if self.secure { self.schemes.secure } else { self.schemes.plain }
    }

    fn parse(text: &str, schemes: &'static Schemes) -> Result<Self, NoUrl> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        let secure = scheme.eq_ignore_ascii_case(schemes.secure);
        let rest = rest.strip_prefix("//").filter(|_| secure || scheme.eq_ignore_ascii_case(schemes.plain));
        let rest = rest.ok_or(NoUrl(schemes.expected))?;
        require_url_characters(rest)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let slash = if path.starts_with('/') { "" } else { "/" };
        let authority = parse_authority(authority, secure)?;
        Ok(Self { schemes, secure, authority, path_with_query: [slash, path].concat() })
    }
}

impl FromStr for Url {
    type Err = NoUrl;

    fn from_str(text: &str) -> Result<Self, NoUrl> {
        Self::parse(text, &HTTP)
    }
}

impl FromStr for WebSocketUrl {
    type Err = NoUrl;

    fn from_str(text: &str) -> Result<Self, NoUrl> {
        Url::parse(text, &WEB_SOCKET).map(Self)
    }
}

/// Whether a reference is absolute: whether a colon comes before anything else that means something.
fn has_scheme(reference: &str) -> bool {
    reference.find([':', '/', '?']).is_some_and(|at| at > 0 && reference[at..].starts_with(':'))
}

/// The path, and the query with its question mark.
fn split_query(text: &str) -> (&str, Option<&str>) {
    match text.find('?') {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    }
}

fn require_url_characters(text: &str) -> Result<(), NoUrl> {
    let fine = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
    if text.bytes().all(fine) { Ok(()) } else { Err(NoUrl("holds a character that must be percent-encoded")) }
}

fn parse_authority(text: &str, secure: bool) -> Result<String, NoUrl> {
    if text.contains('@') {
        return Err(NoUrl("must not hold a user name or password; send them as the header `authorization`"));
    }
    let (host, port) = split_port(text);
    if host.is_empty() {
        return Err(NoUrl("names no host"));
    }
    if Host::parse(host).is_none() {
        return Err(NoUrl("must name a host by its name or its address, such as db.internal or [::1]"));
    }
    let mut authority = host.to_ascii_lowercase();
    if !port.is_empty() {
        let Port(port) = Port::parse(port).ok_or(NoUrl("has a port that is not from 1 to 65535"))?;
        if port != usual_port(secure) {
            authority = format!("{authority}:{port}");
        }
    }
    Ok(authority)
}

/// Host and port; no port is an empty text.
fn split_port(authority: &str) -> (&str, &str) {
    // The colons within an IPv6 address are in brackets.
    let after_address = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[after_address..].find(':') {
        Some(colon) => (&authority[..after_address + colon], &authority[after_address + colon + 1..]),
        None => (authority, ""),
    }
}

/// The port where an URL names none (RFC 9110, section 4.2; RFC 6455, section 3).
fn usual_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// A path without its `.` and `..` (RFC 3986, section 5.2.4). `path` begins with a slash.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    ["/", &kept.join("/")].concat()
}

/// Without the query, which may hold a secret.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, _) = split_query(&self.path_with_query);
        write!(f, "{}://{}{path}", self.scheme(), self.authority)
    }
}

impl fmt::Display for NoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the URL {}", self.0)
    }
}

impl error::Error for NoUrl {}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UrlVisitor;

        impl Visitor<'_> for UrlVisitor {
            type Value = Url;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL such as \"https://example.org/health\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Url, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(UrlVisitor)
    }
}

impl<'de> Deserialize<'de> for WebSocketUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UrlVisitor;

        impl Visitor<'_> for UrlVisitor {
            type Value = WebSocketUrl;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL such as \"wss://example.org/feed\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<WebSocketUrl, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(UrlVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn urls_are_taken_apart() {
        for (text, secure, authority, path_with_query) in [
            ("http://example.org", false, "example.org", "/"),
            ("HTTPS://Example.ORG:443/a?b=c#d", true, "example.org", "/a?b=c"),
            ("http://[::1]:8080?q", false, "[::1]:8080", "/?q"),
            ("https://[2001:db8::1]", true, "[2001:db8::1]", "/"),
            ("http://example.org:/", false, "example.org", "/"),
            ("https://example.org:80/a%20b", true, "example.org:80", "/a%20b"),
        ] {
            let url = url(text);
            assert_eq!(
                (url.secure(), url.authority(), url.path_with_query()),
                (secure, authority, path_with_query),
                "{text}"
            );
        }
    }

    #[test]
    fn a_web_socket_has_schemes_of_its_own() {
        for (text, secure, host, port) in [
            ("ws://Feed.example", false, "feed.example", 80),
            ("WSS://feed.example/live?x", true, "feed.example", 443),
            ("ws://[::1]:8080/", false, "[::1]", 8080),
        ] {
            let WebSocketUrl(url) = text.parse().unwrap();
            assert_eq!((url.secure(), url.host(), url.port()), (secure, host, port), "{text}");
        }
        assert_eq!("wss://a/b?c".parse::<WebSocketUrl>().unwrap().0.to_string(), "wss://a/b");
        for text in ["http://a/", "wsx://a/", "a"] {
            let refusal = text.parse::<WebSocketUrl>().unwrap_err();
            assert_eq!(refusal.to_string(), "the URL must begin with ws:// or wss://", "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "example.org",
            "ftp://example.org/",
            "http:/example.org",
            "http://",
            "http:///path",
            "http://:80",
            "http://user:password@example.org/",
            "http://example.org:0",
            "http://example.org:65536",
            "http://example.org:http",
            "http://example.org/a b",
            "http://example.org/ä",
            "http://exa\nmple.org/",
            "http://example..org/",
            "http://10.0.0.256/",
            "http://[::1/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    /// The examples of RFC 3986, section 5.4, as far as they are http.
    #[test]
    fn references_are_joined() {
        let base = url("http://a/b/c/d;p?q");
        for (reference, joined) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("g;x", "http://a/b/c/g;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("https://b/g", "https://b/g"),
            ("g?at=a:b", "http://a/b/c/g?at=a:b"),
        ] {
            assert_eq!(base.join(reference), Ok(url(joined)), "{reference}");
        }
        for reference in ["mailto:a@b", "ftp://b/", "a b", "//"] {
            assert!(base.join(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn a_query_is_not_shown() {
        assert_eq!(url("https://a:8443/b?token=secret").to_string(), "https://a:8443/b");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let at = url("https://a/b");
        assert!(at.same_origin(&url("https://A:443/c")));
        for other in ["http://a/b", "https://b/b", "https://a:8443/b"] {
            assert!(!at.same_origin(&url(other)), "{other}");
        }
    }
}
