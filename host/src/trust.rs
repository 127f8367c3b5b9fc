//! Which dropped components are trusted: those whose digest is pinned, those that are signed by a known key, and, unless the
//! operator says otherwise, all others.
//!
//! Signatures are those of minisign: Ed25519 over the BLAKE2b of the file, in a file beside it.

mod secret_key;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use minisign_verify::Signature;
use thiserror::Error;

pub use self::secret_key::{KeyError, SecretKey};

/// What is added to the name of a file to name its signature.
const SIGNATURE: &str = "sig";
/// What a trusted comment says before the name of the probe that a file is meant to be.
const PROBE: &str = "probe:";
/// Bytes of an algorithm's name, which precede a key's id in all that is written in base64.
const ALGORITHM: usize = 2;
/// Bytes of a key's id.
const ID: usize = 8;

/// What the operator trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Whether what is neither pinned nor signed is trusted too.
    pub allow_unlisted: bool,
    /// The digests that are pinned, in hexadecimal, by the names of their probes.
    pub digests: BTreeMap<String, BTreeSet<String>>,
    /// Whose signatures are trusted.
    pub keys: Vec<PublicKey>,
}

impl Default for Trust {
    fn default() -> Trust {
        Trust { allow_unlisted: true, digests: BTreeMap::new(), keys: Vec::new() }
    }
}

/// Why a component is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// Its digest is pinned.
    Pin,
    /// It is signed by this key.
    Key(KeyId),
    /// Whatever is not listed is.
    Nobody,
}

/// Why a component is not trusted, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Distrust {
    /// Others are pinned for this name.
    #[error(
        "it is not trusted: its digest is none of those pinned for `{probe}`; if it is meant, add to \
         [security.trust.digests]: \"{probe}\" = \"sha256:{digest}\""
    )]
    Unpinned {
        /// The name.
        probe: String,
        /// What it would take.
        digest: String,
    },
    /// It is neither pinned nor signed.
    #[error(
        "it is not trusted: it is neither signed nor pinned, and `security.trust.allow_unlisted` is false; sign it with \
         `probity sign`, or add to [security.trust.digests]: \"{probe}\" = \"sha256:{digest}\""
    )]
    Unlisted {
        /// The name.
        probe: String,
        /// What it would take.
        digest: String,
    },
    /// Its signature is of no use.
    #[error("it is not trusted: its signature, {probe}.wasm.{SIGNATURE}, {why}")]
    Signature {
        /// The name.
        probe: String,
        /// What is wrong with it.
        why: BadSignature,
    },
}

/// What is wrong with a signature.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadSignature {
    /// It can't be read.
    #[error("can't be read ({0})")]
    Unreadable(String),
    /// It is none.
    #[error("is not one of minisign; `probity sign` makes one")]
    Malformed,
    /// It was made by somebody else.
    #[error("is by the key {0}, which is none of `security.trust.keys`")]
    Stranger(KeyId),
    /// It was made in an old way.
    #[error("was made in the legacy mode of minisign, without hashing; sign the file again without `-l`")]
    Legacy,
    /// It is of something else.
    #[error("is not of this file: one of the two was changed")]
    Forged,
    /// It was made for another name.
    #[error("says that the file is the probe `{0}`; give the file that name, or sign it under this one")]
    Renamed(String),
}

impl Trust {
    /// Whether a component that was trusted for this reason, and can't be looked at any more, still is.
    #[must_use]
    pub fn holds(&self, voucher: Voucher, probe: &str, digest: &str) -> bool {
        match (self.digests.get(probe), voucher) {
            (Some(pinned), _) => pinned.contains(digest),
            (None, Voucher::Key(id)) if !self.keys.is_empty() => self.keys.iter().any(|key| key.id == id),
            (None, _) => self.allow_unlisted,
        }
    }

    /// Judges a component by the name of its probe, its digest in hexadecimal, its bytes, and what lies beside it as its
    /// signature, if anything does.
    ///
    /// # Errors
    ///
    /// It is not trusted.
    pub fn judge(
        &self,
        probe: &str,
        digest: &str,
        bytes: &[u8],
        signature: Option<Result<&str, &str>>,
    ) -> Result<Voucher, Distrust> {
        let named = || (probe.to_owned(), digest.to_owned());
        if let Some(pinned) = self.digests.get(probe) {
            if pinned.contains(digest) {
                return Ok(Voucher::Pin);
            }
            let (probe, digest) = named();
            return Err(Distrust::Unpinned { probe, digest });
        }
        match signature {
            // Without keys there is nobody whose signature could count.
            Some(signature) if !self.keys.is_empty() => {
                let verified = signature.map_err(|why| BadSignature::Unreadable(why.to_owned()));
                let verified = verified.and_then(|text| verify(&self.keys, bytes, text)).and_then(|(id, comment)| {
                    let meant = comment.split_whitespace().find_map(|word| word.strip_prefix(PROBE));
                    meant
                        .filter(|meant| *meant != probe)
                        .map_or(Ok(Voucher::Key(id)), |meant| Err(BadSignature::Renamed(meant.into())))
                });
                verified.map_err(|why| Distrust::Signature { probe: probe.to_owned(), why })
            }
            _ if self.allow_unlisted => Ok(Voucher::Nobody),
            _ => {
                let (probe, digest) = named();
                Err(Distrust::Unlisted { probe, digest })
            }
        }
    }
}

/// Where the signature of a file is.
#[must_use]
pub fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{SIGNATURE}"));
    name.into()
}

/// What a signature says of itself, which may be a lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Whose it says it is.
    pub by: KeyId,
    /// Its trusted comment.
    pub comment: String,
}

/// What a signature says of itself, without a key to verify it by.
///
/// # Errors
///
/// It is none of minisign.
pub fn signed(signature: &str) -> Result<Signed, BadSignature> {
    parse(signature).map(|(by, parsed)| Signed { by, comment: parsed.trusted_comment().to_owned() })
}

fn parse(signature: &str) -> Result<(KeyId, Signature), BadSignature> {
    let parsed = Signature::decode(signature).map_err(|_| BadSignature::Malformed)?;
    let by = signature.lines().nth(1).and_then(KeyId::read).ok_or(BadSignature::Malformed)?;
    Ok((by, parsed))
}

/// Verifies that a signature is by one of the keys, and of these bytes; returns which, and its trusted comment.
///
/// # Errors
///
/// What is wrong with it.
pub fn verify(keys: &[PublicKey], bytes: &[u8], signature: &str) -> Result<(KeyId, String), BadSignature> {
    let (by, parsed) = parse(signature)?;
    let key = keys.iter().find(|key| key.id == by).ok_or(BadSignature::Stranger(by))?;
    match key.key.verify(bytes, &parsed, false) {
        Ok(()) => Ok((by, parsed.trusted_comment().to_owned())),
        Err(minisign_verify::Error::UnexpectedAlgorithm) => Err(BadSignature::Legacy),
        Err(_) => Err(BadSignature::Forged),
    }
}

/// The number that a key is called by. It is no part of its security.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; ID]);

impl KeyId {
    /// That of a key or a signature, as it is written in base64.
    fn read(base64: &str) -> Option<KeyId> {
        let bytes = STANDARD.decode(base64.trim()).ok()?;
        bytes.get(ALGORITHM..ALGORITHM + ID)?.try_into().ok().map(KeyId)
    }
}

impl fmt::Display for KeyId {
    /// As minisign writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that signatures are verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// What it is called by.
    pub id: KeyId,
    key: minisign_verify::PublicKey,
}

/// A text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is no public key of minisign, which has 56 letters and begins with RW; `probity keygen` makes one")]
pub struct NoPublicKey;

impl FromStr for PublicKey {
    type Err = NoPublicKey;

    /// Reads it from base64, or from the text of a file with a comment above.
    fn from_str(text: &str) -> Result<PublicKey, NoPublicKey> {
        let base64 = text.trim().lines().last().unwrap_or_default().trim();
        let key = minisign_verify::PublicKey::from_base64(base64).map_err(|_| NoPublicKey)?;
        Ok(PublicKey { id: KeyId::read(base64).ok_or(NoPublicKey)?, key })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &[u8] = b"a component";
    const DIGEST: &str = "d1";

    fn key() -> SecretKey {
        SecretKey::generate().unwrap()
    }

    fn trusting(keys: &[&SecretKey], allow_unlisted: bool) -> Trust {
        let keys = keys.iter().map(|key| key.public().parse().unwrap()).collect();
        let digests = [("pinned".to_owned(), [DIGEST.to_owned()].into())].into();
        Trust { allow_unlisted, digests, keys }
    }

    fn signed(key: &SecretKey, comment: &str) -> String {
        key.sign(FILE, comment)
    }

    #[test]
    fn what_is_pinned_is_trusted_and_nothing_else_of_that_name() {
        let own = key();
        let trust = trusting(&[&own], true);
        let judge = |digest: &str, signature: Option<&str>| trust.judge("pinned", digest, FILE, signature.map(Ok));
        assert_eq!(judge(DIGEST, None), Ok(Voucher::Pin));
        for signature in [None, Some(&*signed(&own, ""))] {
            let why = judge("d2", signature).unwrap_err().to_string();
            assert!(why.ends_with("add to [security.trust.digests]: \"pinned\" = \"sha256:d2\""), "{why}");
        }
    }

    #[test]
    fn what_is_signed_is_trusted_if_it_is_signed_well() {
        let (own, other) = (key(), key());
        let trust = trusting(&[&own], false);
        let judge = |signature: &str| {
            trust.judge("a", DIGEST, FILE, Some(Ok(signature))).map_err(|distrust| match distrust {
                Distrust::Signature { why, .. } => why,
                other => unreachable!("{other}"),
            })
        };
        assert_eq!(judge(&signed(&own, "timestamp:1 file:a.wasm probe:a")), Ok(Voucher::Key(own.id())));
        assert_eq!(judge(&signed(&own, "of another tool")), Ok(Voucher::Key(own.id())));
        assert_eq!(judge(&signed(&own, "probe:b")), Err(BadSignature::Renamed("b".into())));
        assert_eq!(
            judge(&signed(&other, "")),
            Err(BadSignature::Stranger(other.public().parse::<PublicKey>().unwrap().id))
        );
        assert_eq!(judge(&signed(&own, "x").replace("comment: x", "comment: y")), Err(BadSignature::Forged));
        assert_eq!(judge(&own.sign(b"another component", "")), Err(BadSignature::Forged));
        assert_eq!(judge("hello"), Err(BadSignature::Malformed));
        let unreadable = trust.judge("a", DIGEST, FILE, Some(Err("no"))).unwrap_err().to_string();
        assert!(unreadable.contains("a.wasm.sig, can't be read (no)"), "{unreadable}");
    }

    #[test]
    fn what_is_neither_is_trusted_as_the_operator_says() {
        let (own, other) = (key(), key());
        for (keys, allow_unlisted, signature, trusted) in [
            (&[][..], true, None, true),
            (&[], false, None, false),
            (&[], true, Some(signed(&other, "")), true),
            (&[], false, Some(signed(&other, "")), false),
            (&[&own], true, None, true),
            // Somebody's signature that is not good is worse than none.
            (&[&own], true, Some(signed(&other, "")), false),
            (&[&own], true, Some("hello".into()), false),
        ] {
            let trust = trusting(keys, allow_unlisted);
            let judged = trust.judge("a", DIGEST, FILE, signature.as_deref().map(Ok));
            assert_eq!(judged.is_ok(), trusted, "{allow_unlisted} {signature:?}: {judged:?}");
        }
    }

    #[test]
    fn what_runs_is_trusted_for_as_long_as_its_reason_holds() {
        let (own, other) = (key(), key());
        let (none, ours) = (trusting(&[], true), trusting(&[&own, &other], false));
        for (trust, voucher, probe, holds) in [
            (&none, Voucher::Nobody, "a", true),
            (&none, Voucher::Pin, "a", true),
            (&none, Voucher::Key(own.id()), "a", true),
            (&ours, Voucher::Nobody, "a", false),
            (&ours, Voucher::Pin, "a", false),
            (&ours, Voucher::Key(own.id()), "a", true),
            (&ours, Voucher::Key(key().id()), "a", false),
            (&none, Voucher::Nobody, "pinned", false),
            (&ours, Voucher::Key(own.id()), "pinned", false),
        ] {
            assert_eq!(trust.holds(voucher, probe, "d2"), holds, "{voucher:?} {probe}");
        }
        assert!(ours.holds(Voucher::Nobody, "pinned", DIGEST));
    }

    #[test]
    fn a_public_key_is_read_with_its_comment_or_without() {
        let text = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        let key: PublicKey = text.parse().unwrap();
        assert_eq!(key.id.to_string(), "E7620F1842B4E81F");
        assert_eq!(format!("untrusted comment: mine\n{text}\n").parse(), Ok(key));
        for text in ["", "RW", &text[1..], &text.replace("RW", "AA")] {
            assert_eq!(text.parse::<PublicKey>(), Err(NoPublicKey), "{text}");
        }
    }
}
