//! The key that components are signed with, as minisign keeps it: in a text of base64, under a password or not.
//!
//! The format is that of <https://jedisct1.github.io/minisign/>, section "Secret key format".

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use blake2::{Blake2b, Blake2b512, Digest, digest::consts::U32};
use ring::signature::{Ed25519KeyPair, KeyPair};
use scrypt::{Params, scrypt};
use thiserror::Error;

use super::{ID, KeyId};

/// How keys and signatures of files that were hashed first are marked.
const ED25519: &[u8; 2] = b"Ed";
const PREHASHED: &[u8; 2] = b"ED";
/// How the way from a password to a cipher is marked, and that there is no password.
const SCRYPT: &[u8; 2] = b"Sc";
const PLAIN: &[u8; 2] = &[0, 0];
/// How the check sum is marked.
const BLAKE2B: &[u8; 2] = b"B2";

/// Bytes of a salt.
const SALT: usize = 32;
/// Bytes of a seed, and of a public key.
const SEED: usize = 32;
/// Bytes of the check sum.
const SUM: usize = 32;
/// Bytes of what a password protects: the key's id, the seed, the public key, and the check sum.
const PROTECTED: usize = ID + 2 * SEED + SUM;
/// Bytes of all: three marks, the salt, two limits, and what is protected.
const WHOLE: usize = 6 + SALT + 16 + PROTECTED;

/// How much work and how much memory a password takes, as libsodium has it: a second, and 256 MiB.
const WORK: u64 = 1 << 23;
const MEMORY: u64 = 1 << 28;
/// The most memory that a file can ask for: what minisign's own keys do.
const MOST_MEMORY: u64 = 1 << 30;
/// The block size of libsodium's scrypt.
const BLOCK: u64 = 8;

/// Why there is no key.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// The text is none.
    #[error("it is no secret key of minisign; `probity keygen` makes one")]
    Malformed,
    /// It is under a password, and none was given.
    #[error("it is under a password; give it with --password-file")]
    Locked,
    /// The password is not the one, or the file is damaged.
    #[error("the password is wrong, or the key is damaged")]
    Wrong,
    /// It asks for more memory than any password should take.
    #[error("its password takes more memory than 1 GiB")]
    Costly,
    /// The system has no random numbers.
    #[error("the system gives no random numbers ({0})")]
    Random(String),
}

/// A key to sign with. Its `Debug` shows its number alone.
pub struct SecretKey {
    id: KeyId,
    seed: [u8; SEED],
    pair: Ed25519KeyPair,
}

impl SecretKey {
    /// Makes a new one.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn generate() -> Result<SecretKey, KeyError> {
        let (mut id, mut seed) = ([0; ID], [0; SEED]);
        fill(&mut id)?;
        fill(&mut seed)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|error| KeyError::Random(error.to_string()))?;
        Ok(SecretKey { id: KeyId(id), seed, pair })
    }

    /// Reads it from the text of its file.
    ///
    /// # Errors
    ///
    /// It is none, or the password is not the one.
    pub fn read(text: &str, password: Option<&str>) -> Result<SecretKey, KeyError> {
        let bytes =
            text.lines().nth(1).and_then(|line| STANDARD.decode(line.trim()).ok()).ok_or(KeyError::Malformed)?;
        let bytes: [u8; WHOLE] = bytes.try_into().map_err(|_| KeyError::Malformed)?;
        let (marks, rest) = bytes.split_at(6);
        let (salt, rest) = rest.split_at(SALT);
        let (limits, protected) = rest.split_at(16);
        let mut protected: [u8; PROTECTED] = protected.try_into().map_err(|_| KeyError::Malformed)?;
        let locked = match (&marks[..2], &marks[2..4]) {
            (alike, kdf) if alike == ED25519 && kdf == SCRYPT => true,
            (alike, kdf) if alike == ED25519 && kdf == PLAIN => false,
            _ => return Err(KeyError::Malformed),
        };
        if locked {
            let number = |at: usize| limits[at..at + 8].try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
            cipher(&mut protected, password.ok_or(KeyError::Locked)?, salt, number(0), number(8))?;
        }
        let (id, key) = protected.split_at(ID);
        let (seed, key) = key.split_at(SEED);
        let (public, sum) = key.split_at(SEED);
        // Without a password, minisign writes no sum: then it is the two halves of the key that have to fit.
        if locked && *sum != check_sum(&protected) {
            return Err(KeyError::Wrong);
        }
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(|_| KeyError::Wrong)?;
        let known = |_| KeyError::Malformed;
        Ok(SecretKey { id: KeyId(id.try_into().map_err(known)?), seed: seed.try_into().map_err(known)?, pair })
    }

    /// The text of its file, under a password or not.
    ///
    /// # Errors
    ///
    /// The system has no random numbers, or not the memory that a password takes.
    pub fn write(&self, password: Option<&str>) -> Result<String, KeyError> {
        let mut protected = [0; PROTECTED];
        protected[..ID].copy_from_slice(&self.id.0);
        protected[ID..ID + SEED].copy_from_slice(&self.seed);
        protected[ID + SEED..ID + 2 * SEED].copy_from_slice(self.pair.public_key().as_ref());
        let sum = check_sum(&protected);
        protected[ID + 2 * SEED..].copy_from_slice(&sum);
        let (mut salt, mut limits) = ([0; SALT], [0; 16]);
        if let Some(password) = password {
            fill(&mut salt)?;
            limits[..8].copy_from_slice(&WORK.to_le_bytes());
            limits[8..].copy_from_slice(&MEMORY.to_le_bytes());
            cipher(&mut protected, password, &salt, WORK, MEMORY)?;
        }
        let kdf = if password.is_some() { SCRYPT } else { PLAIN };
        let bytes = [ED25519, kdf, BLAKE2B, &salt[..], &limits, &protected].concat();
        let kind = if password.is_some() { "encrypted" } else { "unencrypted" };
        Ok(format!("untrusted comment: probity {kind} secret key {}\n{}\n", self.id, STANDARD.encode(bytes)))
    }

    /// The public half, in base64.
    #[must_use]
    pub fn public(&self) -> String {
        STANDARD.encode([ED25519, &self.id.0[..], self.pair.public_key().as_ref()].concat())
    }

    /// What it is called by.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// A signature of these bytes, as a text. The comment, which is one line, is signed too.
    #[must_use]
    pub fn sign(&self, bytes: &[u8], comment: &str) -> String {
        let signature = self.pair.sign(&Blake2b512::digest(bytes));
        let global = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        let signature = STANDARD.encode([PREHASHED, &self.id.0[..], signature.as_ref()].concat());
        format!(
            "untrusted comment: signature by the key {}\n{signature}\ntrusted comment: {comment}\n{}\n",
            self.id,
            STANDARD.encode(global.as_ref())
        )
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.id)
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(bytes).map_err(|error| KeyError::Random(error.to_string()))
}

/// That of a key, by which a wrong password is found out.
fn check_sum(protected: &[u8; PROTECTED]) -> [u8; SUM] {
    let mut sum = Blake2b::<U32>::new();
    sum.update(ED25519);
    sum.update(&protected[..ID + 2 * SEED]);
    sum.finalize().into()
}

/// Puts what is protected under a password, or takes it out.
fn cipher(
    protected: &mut [u8; PROTECTED],
    password: &str,
    salt: &[u8],
    work: u64,
    memory: u64,
) -> Result<(), KeyError> {
    let mut stream = [0; PROTECTED];
    let params = params(work, memory)?;
    scrypt(password.as_bytes(), salt, &params, &mut stream).map_err(|_| KeyError::Malformed)?;
    protected.iter_mut().zip(stream).for_each(|(byte, other)| *byte ^= other);
    Ok(())
}

/// What libsodium makes of the two limits: as much memory as they allow, and the rest of the work in parallel.
fn params(work: u64, memory: u64) -> Result<Params, KeyError> {
    if memory > MOST_MEMORY {
        return Err(KeyError::Costly);
    }
    let work = work.max(1 << 15);
    let by_work = work < memory / 32;
    let most = if by_work { work / (4 * BLOCK) } else { memory / (128 * BLOCK) };
    // The largest power of two that is not above it.
    let log_n = most.checked_ilog2().filter(|log_n| *log_n > 0).ok_or(KeyError::Malformed)?;
    let parallel = if by_work { 1 } else { ((work / 4) >> log_n).min((1 << 30) - 1) / BLOCK };
    let log_n = u8::try_from(log_n).map_err(|_| KeyError::Malformed)?;
    let parallel = u32::try_from(parallel.max(1)).map_err(|_| KeyError::Malformed)?;
    // Each lane costs as much time as the first.
    if parallel > 64 {
        return Err(KeyError::Costly);
    }
    Params::new(log_n, BLOCK as u32, parallel).map_err(|_| KeyError::Malformed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = SecretKey::generate().unwrap();
        let text = key.write(None).unwrap();
        let again = SecretKey::read(&text, None).unwrap();
        assert_eq!((again.public(), again.sign(b"x", "y")), (key.public(), key.sign(b"x", "y")));
        assert_eq!(format!("{key:?}"), format!("SecretKey({})", key.id()));
        for (text, error) in
            [("", KeyError::Malformed), ("a\nb", KeyError::Malformed), (&*key.public(), KeyError::Malformed)]
        {
            assert_eq!(SecretKey::read(text, None).unwrap_err(), error);
        }
        let mut bytes = STANDARD.decode(text.lines().nth(1).unwrap()).unwrap();
        bytes[WHOLE - SUM - 1] ^= 1;
        let damaged = format!("comment\n{}\n", STANDARD.encode(&bytes));
        assert_eq!(SecretKey::read(&damaged, None).unwrap_err(), KeyError::Wrong);
    }

    #[test]
    fn a_password_opens_it_and_no_other() {
        let key = SecretKey::generate().unwrap();
        let text = key.write(Some("open sesame")).unwrap();
        assert_eq!(SecretKey::read(&text, Some("open sesame")).unwrap().public(), key.public());
        assert_eq!(SecretKey::read(&text, Some("open simsim")).unwrap_err(), KeyError::Wrong);
        assert_eq!(SecretKey::read(&text, None).unwrap_err(), KeyError::Locked);
    }

    #[test]
    fn the_limits_of_libsodium_come_to_its_parameters() {
        // minisign's own: "sensitive"; the second is that of rsign.
        for (work, memory, log_n, parallel) in [
            (1 << 25, 1 << 30, 20, 1),
            (1 << 20, 1 << 25, 15, 1),
            (1 << 15, 1 << 30, 10, 1),
            (1 << 25, 1 << 25, 15, 32),
        ] {
            let params = params(work, memory).unwrap();
            assert_eq!((params.log_n(), params.r(), params.p()), (log_n, 8, parallel), "{work} {memory}");
        }
        assert_eq!(params(1 << 25, 1 << 31).unwrap_err(), KeyError::Costly);
        assert_eq!(params(u64::MAX, 1 << 10).unwrap_err(), KeyError::Malformed);
    }
}
