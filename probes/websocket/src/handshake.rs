//! The handshake that turns an HTTP/1.1 connection into a WebSocket (RFC 6455, section 4).

use probity_guest::{
    base64,
    text::{excerpt, first_line},
};

use crate::{accept::accept, settings::Settings};

/// Sent unless the operator names another: some servers refuse requests that do not say whose they are.
const USER_AGENT: &str = concat!("probity/", env!("CARGO_PKG_VERSION"));
/// Characters of a text of the target's that a verdict shows.
const SHOWN: usize = 120;

/// The client's part.
pub(crate) struct Request<'a> {
    settings: &'a Settings,
    key: String,
}

/// The server's part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    status: u16,
    /// The status and what the server calls it: `404 Not Found`.
    line: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

/// Why there is no WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Continues a sentence about the target.
    pub(crate) message: String,
    /// Whether it takes another setting to be let in.
    pub(crate) permanent: bool,
}

impl<'a> Request<'a> {
    /// `nonce` is drawn anew for each connection.
    pub(crate) fn new(settings: &'a Settings, nonce: &[u8; 16]) -> Self {
        Self { settings, key: base64::encode(nonce) }
    }

    /// What is sent. `traceparent` is empty if the run is not traced.
    pub(crate) fn head(&self, traceparent: &str) -> String {
        let Settings { url, headers, subprotocol, .. } = self.settings;
        let mut head = format!(
            "GET {} HTTP/1.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: {}\r\n",
            url.0.path_with_query(),
            self.key
        );
        let own = [
            ("host", url.0.authority()),
            ("user-agent", USER_AGENT),
            ("traceparent", traceparent),
            ("sec-websocket-protocol", subprotocol.as_deref().unwrap_or_default()),
        ];
        let own = own
            .into_iter()
            .filter(|(name, value)| !value.is_empty() && !headers.keys().any(|given| given.eq_ignore_ascii_case(name)));
        let given = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(given) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head + "\r\n"
    }

    /// The subprotocol that was agreed on, if the answer makes a WebSocket of the connection.
    pub(crate) fn agreed(&self, response: &Response) -> Result<Option<String>, Refusal> {
        let refuse = |message: String| Err(Refusal { message, permanent: false });
        let asked = self.settings.subprotocol.as_deref();
        match response.status {
            101 => {}
            401 | 403 => {
                let message = format!("refused the upgrade: {}; look to the credentials in `headers`", response.line);
                return Err(Refusal { message, permanent: true });
            }
            _ => return refuse(format!("refused the upgrade: {}", response.line)),
        }
        if !response.names("upgrade", "websocket") || !response.names("connection", "upgrade") {
            return refuse("switched protocols, but not to WebSocket".to_owned());
        }
        if response.header("sec-websocket-accept") != Some(&accept(&self.key)) {
            return refuse("does not speak WebSocket: it did not prove that it read the key".to_owned());
        }
        if let Some(extensions) = response.header("sec-websocket-extensions").filter(|value| !value.is_empty()) {
            return refuse(format!("uses extensions that nobody asked for: {}", excerpt(extensions.as_bytes(), SHOWN)));
        }
        match (asked, response.header("sec-websocket-protocol")) {
            (Some(asked), Some(given)) if asked == given => Ok(Some(given.to_owned())),
            (None, None) => Ok(None),
            (Some(asked), None) => refuse(format!("does not take the subprotocol {asked}")),
            (_, Some(given)) => {
                refuse(format!("speaks a subprotocol that nobody asked for: {}", excerpt(given.as_bytes(), SHOWN)))
            }
        }
    }
}

/// Where the head of an answer ends, once it has arrived as a whole.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    bytes.windows(END.len()).position(|window| window == END).map(|at| at + END.len())
}

impl Response {
    /// `None` if this is no head of an HTTP/1.1 answer.
    pub(crate) fn parse(head: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let line = lines.next()?.strip_prefix("HTTP/1.")?.get(1..)?.strip_prefix(' ')?;
        let status = line.get(..3)?.parse().ok()?;
        let mut headers = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let line = first_line(line.trim(), SHOWN);
        Some(Self { status, line, headers })
    }

    fn header(&self, name: &str) -> Option<&String> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Whether a header that is a list of words has this one, in whatever case.
    fn names(&self, header: &str, word: &str) -> bool {
        let values = self.headers.iter().filter(|(name, _)| name == header);
        values.flat_map(|(_, value)| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    /// The nonce of RFC 6455, section 1.3.
    const NONCE: &[u8; 16] = b"the sample nonce";

    fn settings(more: &str) -> Settings {
        parse(&format!(r#"{{ "url": "wss://feed.example:8443/live?x=1" {more} }}"#)).unwrap()
    }

    #[test]
    fn a_request_says_what_it_must_and_what_it_is_told() {
        let settings = settings(r#", "headers": { "Host": "other", "x-team": "orders" }, "subprotocol": "mqtt""#);
        assert_eq!(
            Request::new(&settings, NONCE).head("00-1-2-01"),
            format!(
                "GET /live?x=1 HTTP/1.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n\
                 sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nuser-agent: {USER_AGENT}\r\ntraceparent: 00-1-2-01\r\n\
                 sec-websocket-protocol: mqtt\r\nHost: other\r\nx-team: orders\r\n\r\n"
            )
        );
        let plain = self::settings("");
        assert!(Request::new(&plain, NONCE).head("").contains("\r\nhost: feed.example:8443\r\n"));
    }

    fn answer(asked: &str, head: &str) -> Result<Option<String>, Refusal> {
        let settings = settings(asked);
        let response = Response::parse(head.replace('\n', "\r\n").as_bytes()).unwrap();
        Request::new(&settings, NONCE).agreed(&response)
    }

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\nUpgrade: WebSocket\nConnection: keep-alive, Upgrade\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n";

    #[test]
    fn an_answer_is_taken_or_refused() {
        let mqtt = r#", "subprotocol": "mqtt""#;
        let with = |line: &str| format!("{GOOD}{line}\n\n");
        assert_eq!(answer("", &with("")), Ok(None));
        assert_eq!(answer(mqtt, &with("Sec-WebSocket-Protocol: mqtt")), Ok(Some("mqtt".to_owned())));
        for (asked, head, permanent, part) in [
            ("", "HTTP/1.1 200 OK\n\n".to_owned(), false, "refused the upgrade: 200 OK"),
            ("", "HTTP/1.1 404\n\n".to_owned(), false, "refused the upgrade: 404"),
            ("", "HTTP/1.1 401 Unauthorized\n\n".to_owned(), true, "401 Unauthorized; look to the credentials"),
            ("", "HTTP/1.0 403 Forbidden\n\n".to_owned(), true, "403 Forbidden"),
            ("", GOOD.replace("WebSocket\n", "h2c\n"), false, "not to WebSocket"),
            ("", GOOD.replace("keep-alive, Upgrade", "close"), false, "not to WebSocket"),
            ("", GOOD.replace("s3pP", "S3pP"), false, "did not prove"),
            ("", with("sec-websocket-extensions: permessage-deflate"), false, "nobody asked for: \"permessage"),
            ("", with("sec-websocket-protocol: mqtt"), false, "subprotocol that nobody asked for: \"mqtt\""),
            (mqtt, with("sec-websocket-protocol: soap"), false, "nobody asked for: \"soap\""),
            (mqtt, with(""), false, "does not take the subprotocol mqtt"),
        ] {
            let refusal = answer(asked, &head).unwrap_err();
            assert!(refusal.message.contains(part) && refusal.permanent == permanent, "{head}: {refusal:?}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in ["", "\r\n\r\n", "220 mail.example ESMTP\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/2 101\r\n\r\n"] {
            assert_eq!(Response::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Response::parse(b"HTTP/1.1 101 x\r\nno header\r\n\r\n"), None);
        assert_eq!(Response::parse(b"HTTP/1.1 101 \xff\r\n\r\n").map(|response| response.status), Some(101));
    }

    #[test]
    fn the_end_of_a_head_is_found() {
        assert_eq!(head_end(b"HTTP/1.1 101 x\r\n\r\n\x8a\x00"), Some(18));
        assert_eq!(head_end(b"HTTP/1.1 101 x\r\n"), None);
    }
}
