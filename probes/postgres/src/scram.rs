//! SCRAM-SHA-256 (RFC 5802 and RFC 7677), the client's side: each proves to the other that it knows the password.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use probity_guest::{base64, text::excerpt};
use sha2::{Digest, Sha256};

use crate::saslprep::prepare;

/// How the mechanism is called.
pub(crate) const MECHANISM: &str = "SCRAM-SHA-256";
/// Rounds of hashing that a server may ask for. PostgreSQL does with 4,096 unless told otherwise; so many take three quarters
/// of the fuel that a run has unless told otherwise.
const MOST_ROUNDS: u32 = 50_000;
/// Characters of a text of the server's that a verdict shows.
const SHOWN: usize = 120;
/// What the first message begins with: no channel binding, no other identity.
const NO_BINDING: &str = "n,,";

/// How a server failed to do its part. Each continues a sentence about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text is none of the mechanism's.
    Malformed(Vec<u8>),
    /// It answered somebody else.
    Nonce,
    Rounds(u32),
    /// It does not know the password either.
    Signature,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => write!(f, "does not keep to {MECHANISM}: it answered {}", excerpt(text, SHOWN)),
            Self::Nonce => write!(f, "does not keep to {MECHANISM}: it answered another client's challenge"),
            Self::Rounds(rounds) => {
                write!(f, "asks for {rounds} rounds of {MECHANISM}; this probe does {MOST_ROUNDS} at most")
            }
            Self::Signature => {
                f.write_str("did not prove that it knows the password: this may not be the right server")
            }
        }
    }
}

/// A login that has begun.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The first message, without what is said of channel binding.
    bare: String,
    nonce: String,
}

/// A login whose challenge was answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    signature: [u8; 32],
}

impl Begun {
    /// PostgreSQL knows the user's name already, and takes none here. `nonce` is drawn anew for each login, and has no comma.
    pub(crate) fn new(name: &str, nonce: &str) -> Self {
        Self { bare: format!("n={name},r={nonce}"), nonce: nonce.to_owned() }
    }

    /// The first message.
    pub(crate) fn message(&self) -> String {
        format!("{NO_BINDING}{}", self.bare)
    }

    /// The answer to the server's challenge.
    pub(crate) fn answer(&self, challenge: &[u8], password: &str) -> Result<(Answered, String), Fault> {
        let malformed = || Fault::Malformed(challenge.to_vec());
        let challenge = std::str::from_utf8(challenge).map_err(|_| malformed())?;
        let mut parts = challenge.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or_else(malformed);
        let nonce = part("r=")?;
        let salt = base64::decode(part("s=")?).ok_or_else(malformed)?;
        let rounds: u32 = part("i=")?.parse().map_err(|_| malformed())?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(Fault::Nonce);
        }
        if rounds == 0 {
            return Err(malformed());
        }
        if rounds > MOST_ROUNDS {
            return Err(Fault::Rounds(rounds));
        }

        let salted: [u8; 32] = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(prepare(password).as_bytes(), &salt, rounds);
        let last = format!("c={},r={nonce}", base64::encode(NO_BINDING.as_bytes()));
        let signed = format!("{},{challenge},{last}", self.bare);
        let client_key = hmac(&salted, b"Client Key");
        let mut proof = hmac(&Sha256::digest(client_key).into(), signed.as_bytes());
        for (byte, key) in proof.iter_mut().zip(client_key) {
            *byte ^= key;
        }
        let signature = hmac(&hmac(&salted, b"Server Key"), signed.as_bytes());
        Ok((Answered { signature }, format!("{last},p={}", base64::encode(&proof))))
    }
}

impl Answered {
    /// Holds the server's last message to what only who knows the password could say.
    pub(crate) fn verify(&self, last: &[u8]) -> Result<(), Fault> {
        let text = std::str::from_utf8(last).ok().and_then(|text| text.strip_prefix("v="));
        let signature = text.and_then(|text| base64::decode(text.split(',').next().unwrap_or_default()));
        match signature {
            Some(signature) if signature == self.signature => Ok(()),
            Some(_) => Err(Fault::Signature),
            None => Err(Fault::Malformed(last.to_vec())),
        }
    }
}

fn hmac(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    // A key is filled up with zeros to the length of the hash's block (RFC 2104).
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    Hmac::<Sha256>::new(&block.into()).chain_update(text).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const CHALLENGE: &[u8] = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    /// The example of RFC 7677, section 3.
    #[test]
    fn a_login_goes_as_the_standard_has_it() {
        let begun = Begun::new("user", NONCE);
        assert_eq!(begun.message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (answered, message) = begun.answer(CHALLENGE, "pencil").unwrap();
        assert_eq!(
            message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(answered.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
        assert_eq!(answered.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,x=y"), Ok(()));

        assert_eq!(answered.verify(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Err(Fault::Signature));
        assert_eq!(answered.verify(b"v="), Err(Fault::Signature));
        for malformed in [b"".as_slice(), b"e=other-error", b"v=!", b"\xff"] {
            assert_eq!(answered.verify(malformed), Err(Fault::Malformed(malformed.to_vec())));
        }
    }

    #[test]
    fn a_challenge_that_is_none_is_refused() {
        let begun = Begun::new("", NONCE);
        let answer = |challenge: &str| begun.answer(challenge.as_bytes(), "pencil").map(drop);
        for challenge in [
            "",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z",
            "m=ext,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=0",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=-1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W2,i=1",
        ] {
            assert_eq!(answer(challenge), Err(Fault::Malformed(challenge.as_bytes().to_vec())));
        }
        assert_eq!(answer("r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=1"), Err(Fault::Nonce));
        assert_eq!(answer("r=else,s=W22Z,i=1"), Err(Fault::Nonce));
        assert_eq!(answer("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4000000000"), Err(Fault::Rounds(4_000_000_000)));
    }
}
