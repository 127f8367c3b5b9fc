//! Proving who one is: what is answered to each thing that a server asks for.

use std::fmt::{self, Write};

use md5::{Digest, Md5};
use probity_guest::scram::{Answered, Begun, Fault, Hash, Sha256};

use crate::{
    message::{Request, encode},
    saslprep::prepare,
};

/// The mechanism of SASL that is known here.
const MECHANISM: &str = Sha256::MECHANISM;

/// A login under way.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: Option<&'a str>,
    /// Whether nobody can overhear the password, or the operator does not mind.
    pub(crate) in_the_clear: bool,
    pub(crate) step: Step,
}

/// How far a login has come.
pub(crate) enum Step {
    /// Nothing was asked for; the text is a nonce for when it is needed.
    Fresh(String),
    Begun(Begun<Sha256>),
    Answered(Answered),
    /// A password was sent, or the server has proven itself.
    Proven,
}

/// Why a login is not gone on with. Each continues a sentence about the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoPassword,
    InTheClear,
    Mechanisms(Vec<String>),
    Method(u32),
    OutOfTurn,
    Scram(Fault),
}

impl Refusal {
    /// Whether it takes another setting to log in.
    pub(crate) fn is_permanent(&self) -> bool {
        match self {
            Self::OutOfTurn => false,
            Self::Scram(fault) => fault.is_permanent(),
            _ => true,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPassword => f.write_str("asks for a password; give one as `password`"),
            Self::InTheClear => f.write_str(
                "asks for the password in the clear, and the connection is not secure; have TLS by sslmode = \"require\", \
                 or allow it by sslmode = \"disable\"",
            ),
            Self::Mechanisms(offered) => {
                write!(f, "offers to log in by {}, and this probe by {}", offered.join(", "), MECHANISM)
            }
            Self::Method(number) => {
                let name = match number {
                    2 => "Kerberos",
                    7 | 8 => "GSSAPI",
                    9 => "SSPI",
                    _ => "an unknown method",
                };
                write!(f, "asks to log in by {name} (authentication {number}), which this probe can't")
            }
            Self::OutOfTurn => f.write_str("does not keep to the order of a login"),
            Self::Scram(fault) => fault.fmt(f),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Scram(fault)
    }
}

impl Login<'_> {
    /// The message that answers a request; `None` if it wants no answer.
    pub(crate) fn answer(&mut self, request: &Request) -> Result<Option<Vec<u8>>, Refusal> {
        let password = || self.password.ok_or(Refusal::NoPassword);
        let (step, answer) = match (&self.step, request) {
            // Who lets everybody in does not ask.
            (Step::Fresh(_) | Step::Proven, Request::Done) => return Ok(None),
            (Step::Fresh(_), Request::Cleartext) => {
                let password = password()?;
                if !self.in_the_clear {
                    return Err(Refusal::InTheClear);
                }
                (Step::Proven, Some(encode(b'p', &[password.as_bytes(), b"\0"].concat())))
            }
            (Step::Fresh(_), Request::Md5(salt)) => {
                let hash = salted_md5(self.user, password()?, *salt);
                (Step::Proven, Some(encode(b'p', &[hash.as_bytes(), b"\0"].concat())))
            }
            (Step::Fresh(nonce), Request::Sasl(offered)) => {
                password()?;
                if !offered.iter().any(|name| name == MECHANISM) {
                    return Err(Refusal::Mechanisms(offered.clone()));
                }
                let begun = Begun::new("", nonce);
                let first = begun.message();
                let length = (first.len() as u32).to_be_bytes();
                let body = [MECHANISM.as_bytes(), b"\0", &length, first.as_bytes()].concat();
                (Step::Begun(begun), Some(encode(b'p', &body)))
            }
            (Step::Begun(begun), Request::SaslContinue(challenge)) => {
                let (answered, message) = begun.answer(challenge, &prepare(password()?))?;
                (Step::Answered(answered), Some(encode(b'p', message.as_bytes())))
            }
            (Step::Answered(answered), Request::SaslFinal(last)) => {
                answered.verify(last)?;
                (Step::Proven, None)
            }
            (_, Request::Unknown(number)) => return Err(Refusal::Method(*number)),
            _ => return Err(Refusal::OutOfTurn),
        };
        self.step = step;
        Ok(answer)
    }
}

/// The password as it is sent hashed: `md5`, and the digest of a digest and a salt.
fn salted_md5(user: &str, password: &str, salt: [u8; 4]) -> String {
    let stored = hex(&Md5::digest([password.as_bytes(), user.as_bytes()].concat()));
    let salted = Md5::digest([stored.as_bytes(), &salt].concat());
    format!("md5{}", hex(&salted))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(password: Option<&str>, in_the_clear: bool) -> Login<'_> {
        Login { user: "probe", password, in_the_clear, step: Step::Fresh("rOprNGfwEbeRWgbNEkqO".to_owned()) }
    }

    /// The digest is that of an independent reckoning.
    #[test]
    fn a_password_is_sent_as_it_is_asked_for() {
        let answer = |request| login(Some("pw"), true).answer(&request);
        assert_eq!(answer(Request::Done), Ok(None));
        assert_eq!(answer(Request::Cleartext), Ok(Some(b"p\0\0\0\x07pw\0".to_vec())));
        let hashed = answer(Request::Md5([1, 2, 3, 4])).unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&hashed[5..]), "md5f4911f602cdb58f028e1e8a276336487\0");
        let first = answer(Request::Sasl(vec!["SCRAM-SHA-256-PLUS".to_owned(), "SCRAM-SHA-256".to_owned()]));
        let first = first.unwrap().unwrap();
        assert_eq!(first[5..], *b"SCRAM-SHA-256\0\0\0\0\x1cn,,n=,r=rOprNGfwEbeRWgbNEkqO");
    }

    #[test]
    fn what_can_not_be_answered_is_told() {
        let answer = |password, request| login(password, false).answer(&request);
        let other = vec!["OAUTHBEARER".to_owned()];
        assert_eq!(answer(None, Request::Md5([0; 4])), Err(Refusal::NoPassword));
        assert_eq!(answer(None, Request::Sasl(vec![MECHANISM.to_owned()])), Err(Refusal::NoPassword));
        assert_eq!(answer(Some("pw"), Request::Cleartext), Err(Refusal::InTheClear));
        assert_eq!(answer(Some("pw"), Request::Sasl(other.clone())), Err(Refusal::Mechanisms(other)));
        assert_eq!(answer(Some("pw"), Request::Unknown(7)), Err(Refusal::Method(7)));
        assert_eq!(answer(Some("pw"), Request::SaslFinal(Vec::new())), Err(Refusal::OutOfTurn));
    }

    /// Who is let in before the server has proven that it knows the password may be talking to anybody.
    #[test]
    fn a_server_must_prove_itself() {
        let mut login = login(Some("pencil"), false);
        login.answer(&Request::Sasl(vec![MECHANISM.to_owned()])).unwrap();
        assert_eq!(login.answer(&Request::Done), Err(Refusal::OutOfTurn));
        let challenge = b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1".to_vec();
        login.answer(&Request::SaslContinue(challenge)).unwrap();
        assert_eq!(login.answer(&Request::Done), Err(Refusal::OutOfTurn));
        let lie = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_vec();
        let refusal = login.answer(&Request::SaslFinal(lie)).unwrap_err();
        assert_eq!(refusal, Refusal::Scram(Fault::Signature));
        assert!(!refusal.is_permanent());
    }
}
