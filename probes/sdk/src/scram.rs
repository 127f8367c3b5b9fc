//! SCRAM (RFC 5802, and RFC 7677 for SHA-256), the client's side: each proves to the other that it knows the password.

use std::{fmt, marker::PhantomData};

use hmac::{EagerHash, Hmac, KeyInit, Mac, digest::Key};
use sha2::Digest;
pub use sha2::{Sha256, Sha512};

use crate::base64;

/// What the first message begins with: no channel binding, no other identity.
const NO_BINDING: &str = "n,,";
/// What a server can say of a login that it refuses (RFC 5802, section 7).
const REFUSALS: [&str; 11] = [
    "invalid-encoding",
    "extensions-not-supported",
    "invalid-proof",
    "channel-bindings-dont-match",
    "server-does-support-channel-binding",
    "channel-binding-not-supported",
    "unsupported-channel-binding-type",
    "unknown-user",
    "invalid-username-encoding",
    "no-resources",
    "other-error",
];

/// A hash that SCRAM is done with.
pub trait Hash: EagerHash {
    /// How the mechanism is called that uses it.
    const MECHANISM: &'static str;
    /// Rounds of hashing that a server may ask for: servers do with 4,096 unless told otherwise, and so many take three
    /// quarters of the fuel that a run has unless told otherwise.
    const MOST_ROUNDS: u32;
}

impl Hash for Sha256 {
    const MECHANISM: &'static str = "SCRAM-SHA-256";
    const MOST_ROUNDS: u32 = 50_000;
}

impl Hash for Sha512 {
    const MECHANISM: &'static str = "SCRAM-SHA-512";
    const MOST_ROUNDS: u32 = 30_000;
}

/// How a server failed to do its part. Each continues a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What it said is none of the mechanism's messages.
    Malformed,
    /// It answered somebody else.
    Nonce,
    /// It asks for more rounds of hashing than are done.
    Rounds {
        /// By which mechanism.
        mechanism: &'static str,
        /// So many it asks for.
        asked: u32,
        /// So many are done.
        most: u32,
    },
    /// It refused the login by the mechanism's own means; the text is one of the standard's words, such as `unknown-user`.
    Refused(&'static str),
    /// It does not know the password either.
    Signature,
}

impl Fault {
    /// Whether it takes other credentials to log in.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused("unknown-user" | "invalid-proof" | "invalid-username-encoding"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("does not keep to SCRAM"),
            Self::Nonce => f.write_str("does not keep to SCRAM: it answered another client's challenge"),
            Self::Rounds { mechanism, asked, most } => {
                write!(f, "asks for {asked} rounds of {mechanism}; this probe does {most} at most")
            }
            Self::Refused(why) => write!(f, "refused the login: {why}"),
            Self::Signature => {
                f.write_str("did not prove that it knows the password: this may not be the right server")
            }
        }
    }
}

/// A login that has begun.
#[derive(Debug, PartialEq, Eq)]
pub struct Begun<D> {
    /// The first message, without what is said of channel binding.
    bare: String,
    nonce: String,
    hash: PhantomData<D>,
}

/// A login whose challenge was answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    signature: Vec<u8>,
}

impl<D: Hash> Begun<D> {
    /// A login as `user`, which is empty where the server knows it already. `nonce` is drawn anew for each login, of printable
    /// ASCII without a comma.
    pub fn new(user: &str, nonce: &str) -> Self {
        // The first, lest what stands for a comma be escaped as well.
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { bare: format!("n={user},r={nonce}"), nonce: nonce.to_owned(), hash: PhantomData }
    }

    /// The first message.
    pub fn message(&self) -> String {
        format!("{NO_BINDING}{}", self.bare)
    }

    /// The answer to the server's challenge. `password` is hashed as it is: where a server has it prepared, it must have been.
    ///
    /// # Errors
    ///
    /// All but [`Fault::Signature`].
    pub fn answer(&self, challenge: &[u8], password: &str) -> Result<(Answered, String), Fault> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| Fault::Malformed)?;
        unless_refused(challenge)?;
        let mut parts = challenge.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or(Fault::Malformed);
        let nonce = part("r=")?;
        let salt = base64::decode(part("s=")?).ok_or(Fault::Malformed)?;
        let rounds: u32 = part("i=")?.parse().map_err(|_| Fault::Malformed)?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(Fault::Nonce);
        }
        if rounds == 0 {
            return Err(Fault::Malformed);
        }
        if rounds > D::MOST_ROUNDS {
            return Err(Fault::Rounds { mechanism: D::MECHANISM, asked: rounds, most: D::MOST_ROUNDS });
        }

        let mut salted = vec![0; <D as Digest>::output_size()];
        pbkdf2::pbkdf2_hmac::<D>(password.as_bytes(), &salt, rounds, &mut salted);
        let last = format!("c={},r={nonce}", base64::encode(NO_BINDING.as_bytes()));
        let signed = format!("{},{challenge},{last}", self.bare);
        let client_key = hmac::<D>(&salted, b"Client Key");
        let mut proof = hmac::<D>(&D::digest(&client_key), signed.as_bytes());
        for (byte, key) in proof.iter_mut().zip(client_key) {
            *byte ^= key;
        }
        let signature = hmac::<D>(&hmac::<D>(&salted, b"Server Key"), signed.as_bytes());
        Ok((Answered { signature }, format!("{last},p={}", base64::encode(&proof))))
    }
}

impl Answered {
    /// Holds the server's last message to what only who knows the password could say.
    ///
    /// # Errors
    ///
    /// [`Fault::Signature`], [`Fault::Refused`] or [`Fault::Malformed`].
    pub fn verify(&self, last: &[u8]) -> Result<(), Fault> {
        let last = std::str::from_utf8(last).map_err(|_| Fault::Malformed)?;
        unless_refused(last)?;
        match last.strip_prefix("v=").and_then(|signature| base64::decode(first_part(signature))) {
            Some(signature) if signature == self.signature => Ok(()),
            Some(_) => Err(Fault::Signature),
            None => Err(Fault::Malformed),
        }
    }
}

/// Tells any other message from one that refuses the login.
fn unless_refused(message: &str) -> Result<(), Fault> {
    let Some(why) = message.strip_prefix("e=") else { return Ok(()) };
    let known = REFUSALS.into_iter().find(|refusal| *refusal == first_part(why));
    Err(known.map_or(Fault::Malformed, Fault::Refused))
}

/// Up to the comma that ends it.
fn first_part(text: &str) -> &str {
    text.split(',').next().unwrap_or_default()
}

fn hmac<D: Hash>(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key is filled up with zeros to the length of the hash's block (RFC 2104), which is longer than its output.
    let mut block = Key::<Hmac<D>>::default();
    block[..key.len()].copy_from_slice(key);
    Hmac::<D>::new(&block).chain_update(text).finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const CHALLENGE: &[u8] = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    /// The example of RFC 7677, section 3.
    #[test]
    fn a_login_goes_as_the_standard_has_it() {
        let begun = Begun::<Sha256>::new("user", NONCE);
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
        for malformed in [b"".as_slice(), b"e=", b"e=hunter2", b"v=!", b"\xff"] {
            assert_eq!(answered.verify(malformed), Err(Fault::Malformed));
        }
        for refused in [b"e=invalid-proof".as_slice(), b"e=invalid-proof,x=y"] {
            assert_eq!(answered.verify(refused), Err(Fault::Refused("invalid-proof")));
        }
    }

    /// The same with SHA-512, for which no standard has an example: reckoned with `hashlib` and `hmac` of Python's.
    #[test]
    fn a_login_with_the_longer_hash_is_the_same() {
        let begun = Begun::<Sha512>::new("user", NONCE);
        let (answered, message) = begun.answer(CHALLENGE, "pencil").unwrap();
        assert_eq!(
            message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ=="
        );
        assert_eq!(
            answered
                .verify(b"v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="),
            Ok(())
        );
    }

    #[test]
    fn a_name_is_escaped() {
        assert_eq!(Begun::<Sha256>::new("a=b,c", "x").message(), "n,,n=a=3Db=2Cc,r=x");
    }

    #[test]
    fn a_challenge_that_is_none_is_refused() {
        let begun = Begun::<Sha256>::new("", NONCE);
        let answer = |challenge: &str| begun.answer(challenge.as_bytes(), "pencil").map(drop);
        for challenge in [
            "",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z",
            "m=ext,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=0",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=-1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W2,i=1",
        ] {
            assert_eq!(answer(challenge), Err(Fault::Malformed));
        }
        assert_eq!(answer("e=unknown-user"), Err(Fault::Refused("unknown-user")));
        assert_eq!(answer("r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=1"), Err(Fault::Nonce));
        assert_eq!(answer("r=else,s=W22Z,i=1"), Err(Fault::Nonce));
        let rounds = "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4000000000";
        assert_eq!(
            answer(rounds),
            Err(Fault::Rounds { mechanism: "SCRAM-SHA-256", asked: 4_000_000_000, most: 50_000 })
        );
    }
}
