//! Proving who one is: what is answered to each thing that a server asks for.

use std::fmt;

use probity_guest::text::excerpt;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::{complaint::Complaint, packet::Cursor};

/// How MySQL 5 and MariaDB have a client log in.
pub(crate) const NATIVE: &str = "mysql_native_password";
/// How MySQL 8 does.
const CACHING: &str = "caching_sha2_password";
/// Ways to log in by which the password goes as it is.
const CLEAR: [&str; 2] = ["mysql_clear_password", "sha256_password"];
/// Bytes of a salt that are hashed; MariaDB may send more for other plugins.
const SALT: usize = 20;
/// Characters of a text of the server's that a verdict shows.
const SHOWN: usize = 60;

/// What a server says to somebody who logs in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Welcome,
    Refused(Complaint),
    /// Log in by this plugin, with this salt.
    Switch(String, Vec<u8>),
    /// Something between the plugins of both sides.
    More(Vec<u8>),
}

impl Reply {
    /// `None` if it is none.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        Some(match cursor.byte()? {
            0x00 => Self::Welcome,
            0x01 => Self::More(cursor.0.to_vec()),
            0xfe => {
                let plugin = String::from_utf8_lossy(cursor.text()).into_owned();
                Self::Switch(plugin, cursor.0.strip_suffix(b"\0").unwrap_or(cursor.0).to_vec())
            }
            _ => Self::Refused(Complaint::parse(payload)?),
        })
    }
}

/// A login under way.
pub(crate) struct Login<'a> {
    /// Empty if there is none.
    password: &'a str,
    secure: bool,
    plugin: String,
    switched: bool,
}

/// Why a login is not gone on with. Each continues a sentence about the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The plugin wants the password as it is, over a connection that everybody can read.
    InTheClear(String),
    Plugin(String),
    OutOfTurn,
}

impl Refusal {
    /// Whether it takes another setting to log in.
    pub(crate) fn is_permanent(&self) -> bool {
        // What MySQL 8 does not know the hash of, it knows once somebody else has logged in.
        match self {
            Self::InTheClear(plugin) => plugin != CACHING,
            Self::Plugin(_) => true,
            Self::OutOfTurn => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTheClear(plugin) if plugin == CACHING => write!(
                f,
                "does not have the password in its cache ({CACHING}), and so asks for it as it is, which goes over TLS alone; \
                 have TLS by tls = \"require\""
            ),
            Self::InTheClear(plugin) => write!(
                f,
                "asks for the password as it is ({plugin}), which goes over TLS alone; have TLS by tls = \"require\""
            ),
            Self::Plugin(plugin) if plugin.is_empty() => {
                f.write_str("asks to log in as before MySQL 4.1, which this probe can't")
            }
            Self::Plugin(plugin) => {
                write!(f, "asks to log in by {}, which this probe can't", excerpt(plugin.as_bytes(), SHOWN))
            }
            Self::OutOfTurn => f.write_str("does not keep to the order of a login"),
        }
    }
}

impl<'a> Login<'a> {
    /// A login as a server would have it that greeted with this plugin.
    pub(crate) fn new(password: &'a str, secure: bool, plugin: &str) -> Self {
        // Whoever wants something else says so once he knows who it is that logs in.
        let plugin = if plugin == CACHING { CACHING } else { NATIVE };
        Self { password, secure, plugin: plugin.to_owned(), switched: false }
    }

    pub(crate) fn plugin(&self) -> &str {
        &self.plugin
    }

    /// What is sent by the plugin: at the start, and after a switch.
    pub(crate) fn proof(&self, salt: &[u8]) -> Result<Vec<u8>, Refusal> {
        let salt = &salt[..salt.len().min(SALT)];
        match self.plugin.as_str() {
            NATIVE | CACHING if self.password.is_empty() => Ok(Vec::new()),
            NATIVE => Ok(native(self.password, salt)),
            CACHING => Ok(caching(self.password, salt)),
            plugin if CLEAR.contains(&plugin) => self.as_it_is(),
            plugin => Err(Refusal::Plugin(plugin.to_owned())),
        }
    }

    /// The payload that answers a reply; `None` if it wants no answer.
    pub(crate) fn answer(&mut self, reply: &Reply) -> Result<Option<Vec<u8>>, Refusal> {
        /// The server's cache knows the password.
        const FAST: &[u8] = b"\x03";
        /// It does not, so the password is to be sent.
        const FULL: &[u8] = b"\x04";
        match reply {
            Reply::Switch(plugin, salt) if !self.switched => {
                self.switched = true;
                self.plugin.clone_from(plugin);
                self.proof(salt).map(Some)
            }
            Reply::More(what) if self.plugin == CACHING && what == FAST => Ok(None),
            Reply::More(what) if self.plugin == CACHING && what == FULL => self.as_it_is().map(Some),
            _ => Err(Refusal::OutOfTurn),
        }
    }

    fn as_it_is(&self) -> Result<Vec<u8>, Refusal> {
        if !self.secure {
            return Err(Refusal::InTheClear(self.plugin.clone()));
        }
        Ok([self.password.as_bytes(), b"\0"].concat())
    }
}

/// SHA1(password) XOR SHA1(salt, SHA1(SHA1(password))).
fn native(password: &str, salt: &[u8]) -> Vec<u8> {
    let once = Sha1::digest(password);
    let mask = Sha1::new().chain_update(salt).chain_update(Sha1::digest(once)).finalize();
    once.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect()
}

/// SHA256(password) XOR SHA256(SHA256(SHA256(password)), salt).
fn caching(password: &str, salt: &[u8]) -> Vec<u8> {
    let once = Sha256::digest(password);
    let mask = Sha256::new().chain_update(Sha256::digest(once)).chain_update(salt).finalize();
    once.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALTY: &[u8] = b"saltsaltandpepperandmuch more";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The hashes are those of an independent reckoning.
    #[test]
    fn a_password_is_hashed_as_the_server_would_have_it() {
        let proof = |password, plugin| hex(&Login::new(password, false, plugin).proof(SALTY).unwrap());
        assert_eq!(proof("pw", NATIVE), "680ff1b879d104ce8a92682c459bc40ef2d8982d");
        assert_eq!(proof("pw", ""), "680ff1b879d104ce8a92682c459bc40ef2d8982d");
        assert_eq!(proof("pw", "client_ed25519"), "680ff1b879d104ce8a92682c459bc40ef2d8982d");
        assert_eq!(proof("pw", CACHING), "ec76eb964a91ea6e2c2714781b32db152cd5830557be141a4eaeb3417e64e984");
        assert_eq!(proof("", NATIVE), "");
        assert_eq!(proof("", CACHING), "");
    }

    #[test]
    fn a_login_goes_the_way_that_the_server_wants() {
        let switch =
            |plugin: &str| Reply::parse(&[b"\xfe", plugin.as_bytes(), b"\0", &SALTY[..20], b"\0"].concat()).unwrap();
        let more = |what: &[u8]| Reply::parse(&[b"\x01", what].concat()).unwrap();

        let mut login = Login::new("pw", false, CACHING);
        assert_eq!(login.answer(&more(b"\x03")), Ok(None));
        let refusal = login.answer(&more(b"\x04")).unwrap_err();
        assert_eq!(refusal, Refusal::InTheClear(CACHING.to_owned()));
        assert!(!refusal.is_permanent());
        assert_eq!(Login::new("pw", true, CACHING).answer(&more(b"\x04")), Ok(Some(b"pw\0".to_vec())));
        assert_eq!(
            login.answer(&switch(NATIVE)).unwrap().map(|proof| hex(&proof)).as_deref(),
            Some("680ff1b879d104ce8a92682c459bc40ef2d8982d")
        );
        assert_eq!(login.answer(&switch(NATIVE)), Err(Refusal::OutOfTurn));
        assert_eq!(login.answer(&more(b"\x03")), Err(Refusal::OutOfTurn));

        let answer = |secure, plugin| Login::new("pw", secure, NATIVE).answer(&switch(plugin));
        assert_eq!(answer(true, "mysql_clear_password"), Ok(Some(b"pw\0".to_vec())));
        let refusal = answer(false, "sha256_password").unwrap_err();
        assert_eq!(refusal, Refusal::InTheClear("sha256_password".to_owned()));
        assert!(refusal.is_permanent());
        assert_eq!(answer(true, "client_ed25519"), Err(Refusal::Plugin("client_ed25519".to_owned())));
        assert_eq!(answer(true, ""), Err(Refusal::Plugin(String::new())));
    }

    #[test]
    fn replies_are_read() {
        assert_eq!(Reply::parse(b"\0\0\0\x02\0\0\0"), Some(Reply::Welcome));
        assert_eq!(Reply::parse(b"\xfe"), Some(Reply::Switch(String::new(), Vec::new())));
        assert!(matches!(Reply::parse(b"\xff\x15\x04#28000no"), Some(Reply::Refused(_))));
        assert_eq!(Reply::parse(b"\xff"), None);
        assert_eq!(Reply::parse(b"2"), None);
        assert_eq!(Reply::parse(b""), None);
    }
}
