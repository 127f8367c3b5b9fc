//! How a server greets, and how a client answers: `HandshakeV10`, `SSLRequest` and `HandshakeResponse41`.

use crate::packet::Cursor;

/// The version of the protocol that every server of this century greets with.
const VERSION: u8 = 10;
/// What MariaDB writes before its own version, for the sake of old replicas.
const DISGUISE: &str = "5.5.5-";
/// Bytes that a client may send in one packet, by its own account: 16 MiB, as others say.
const MOST_SENT: u32 = 1 << 24;
/// The character set `utf8mb4_general_ci`.
const UTF8: u8 = 45;

/// Capabilities that both sides tell each other of.
const LONG_PASSWORD: u32 = 1;
const WITH_DATABASE: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const TLS: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGINS: u32 = 1 << 19;

/// A server's greeting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) version: String,
    capabilities: u32,
    /// What a hashed password is salted with.
    pub(crate) salt: Vec<u8>,
    /// How the server would have a client log in.
    pub(crate) plugin: String,
}

impl Greeting {
    /// `None` if it is none.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        if cursor.byte()? != VERSION {
            return None;
        }
        let version = String::from_utf8_lossy(cursor.text()).into_owned();
        let _connection = cursor.number(4)?;
        let mut salt = cursor.bytes(8)?.to_vec();
        let _filler = cursor.byte()?;
        let low = cursor.number(2)?;
        let _character_set_and_status = cursor.number(3)?;
        let capabilities = (low | cursor.number(2)? << 16) as u32;
        let salted = usize::from(cursor.byte()?);
        let _reserved = cursor.bytes(10)?;
        // It ends with a NUL, which is no part of it.
        let more = cursor.bytes(salted.saturating_sub(8).max(13))?;
        salt.extend(more.strip_suffix(b"\0").unwrap_or(more));
        let plugin = String::from_utf8_lossy(cursor.text()).into_owned();
        let version = version.strip_prefix(DISGUISE).map(str::to_owned).unwrap_or(version);
        Some(Self { version, capabilities, salt, plugin })
    }

    pub(crate) fn offers_tls(&self) -> bool {
        self.capabilities & TLS != 0
    }
}

/// Asks for TLS, after which the whole answer comes.
pub(crate) fn tls_request(has_database: bool) -> Vec<u8> {
    start(true, has_database)
}

/// What a client answers.
pub(crate) struct Response<'a> {
    pub(crate) user: &'a str,
    pub(crate) database: Option<&'a str>,
    pub(crate) secure: bool,
    pub(crate) plugin: &'a str,
    /// The password in the way of the plugin: 255 bytes at most.
    pub(crate) proof: &'a [u8],
}

impl Response<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut response = start(self.secure, self.database.is_some());
        response.extend(self.user.as_bytes());
        response.extend([0, self.proof.len() as u8]);
        response.extend(self.proof);
        for text in self.database.into_iter().chain([self.plugin]) {
            response.extend(text.as_bytes());
            response.push(0);
        }
        response
    }
}

/// What both begin with.
fn start(secure: bool, has_database: bool) -> Vec<u8> {
    let mut capabilities = LONG_PASSWORD | PROTOCOL_41 | SECURE_CONNECTION | PLUGINS;
    if secure {
        capabilities |= TLS;
    }
    if has_database {
        capabilities |= WITH_DATABASE;
    }
    let mut start = capabilities.to_le_bytes().to_vec();
    start.extend(MOST_SENT.to_le_bytes());
    start.push(UTF8);
    start.extend([0; 23]);
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(version: &str, high: u8, plugin: &str) -> Vec<u8> {
        let mut payload = [b"\x0a", version.as_bytes(), b"\0\x07\0\0\0saltsalt\0\xff\xff\x2d\x02\0"].concat();
        payload.extend([high, 0, 21]);
        payload.extend([0; 10]);
        payload.extend(b"andpepperand\0");
        payload.extend(plugin.as_bytes());
        payload.push(0);
        payload
    }

    #[test]
    fn greetings_are_read() {
        let read = Greeting::parse(&greeting("8.0.36", 0x08, "caching_sha2_password")).unwrap();
        assert_eq!((read.version.as_str(), read.plugin.as_str()), ("8.0.36", "caching_sha2_password"));
        assert_eq!(read.salt, b"saltsaltandpepperand");
        assert!(read.offers_tls());
        let mariadb = Greeting::parse(&greeting("5.5.5-10.11.14-MariaDB", 0, "")).unwrap();
        assert_eq!((mariadb.version.as_str(), mariadb.plugin.as_str()), ("10.11.14-MariaDB", ""));
    }

    #[test]
    fn what_is_no_greeting_is_refused() {
        let whole = greeting("8.0.36", 0, "");
        for length in 0..whole.len() - 1 {
            assert_eq!(Greeting::parse(&whole[..length]), None, "{length}");
        }
        assert_eq!(Greeting::parse(b"\x09old"), None);
        assert_eq!(Greeting::parse(b"SSH-2.0-OpenSSH"), None);
    }

    #[test]
    fn the_answer_is_as_documented() {
        let mut response = Response { user: "probe", database: None, secure: false, plugin: "p", proof: b"xyz" };
        let plain = response.encode();
        assert_eq!(plain[..9], [0x01, 0x82, 0x08, 0, 0, 0, 0, 1, 45]);
        assert_eq!(plain[32..], *b"probe\0\x03xyzp\0");
        response.database = Some("orders");
        response.secure = true;
        assert_eq!(tls_request(true)[..4], [0x09, 0x8a, 0x08, 0]);
        assert_eq!(response.encode()[..32], tls_request(true));
        assert_eq!(response.encode()[32..], *b"probe\0\x03xyzorders\0p\0");
    }
}
