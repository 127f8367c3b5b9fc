//! Tokens that let somebody ask for something: their scopes, and what is kept of them.
//!
//! Of a token only its SHA-256 is kept. That is enough because a token is no password: with 128 random bits nobody finds it
//! by trying, however fast each try is, and a slow hash would only make every request slow.

use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use toml::de::DeValue;

use super::kind::{Flaw, Scalar};

/// What a hash begins with, so that another kind can be told from it one day.
const SHA256: &str = "sha256:";

/// What somebody may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To read what is behind a token.
    Read,
    /// To report what happened to a check's target.
    Report,
    /// To change anything else: connections, circuits, modes; and to have checks run.
    Control,
    /// Everything.
    Admin,
}

impl Scope {
    /// The words for all of them, in their order.
    pub const WORDS: [&'static str; 4] = ["read", "report", "control", "admin"];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Scope::WORDS[self as usize]
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// All there are.
    pub const ALL: Scopes = Scopes(1 << Scope::Admin as u8);

    /// Those of these words; what is no scope is left out.
    #[must_use]
    pub fn of(words: &[&str]) -> Scopes {
        let all = [Scope::Read, Scope::Report, Scope::Control, Scope::Admin];
        let named = all.into_iter().filter(|scope| words.contains(&scope.as_str()));
        Scopes(named.fold(0, |bits, scope| bits | scope.bit()))
    }

    /// Whether this may be asked for.
    #[must_use]
    pub fn allow(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }
}

/// What is kept of a token. Its `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// That of this token.
    #[must_use]
    pub fn of(token: &str) -> TokenDigest {
        TokenDigest(Sha256::digest(token).into())
    }

    /// Reads what [`Display`](fmt::Display) writes.
    fn read(text: &str) -> Option<TokenDigest> {
        let digits = text.strip_prefix(SHA256).filter(|digits| digits.len() == 64 && digits.is_ascii())?;
        let mut digest = [0; 32];
        for (at, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(TokenDigest(digest))
    }

    /// Whether they are the same; how long it takes tells nothing.
    #[must_use]
    pub fn is(&self, other: &TokenDigest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for TokenDigest {
    /// As it is written in the config.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHA256)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(***)")
    }
}

/// A token that the config knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownToken {
    /// What it is called.
    pub name: String,
    /// What is kept of it.
    pub digest: TokenDigest,
    /// What it is good for.
    pub scopes: Scopes,
}

/// What is kept of a token, as it is written.
pub(super) struct TokenHash;

impl Scalar for TokenHash {
    type Value = TokenDigest;
    // It may be the token itself that somebody wrote here.
    const SHOWN_BY_FLAW: bool = true;

    fn parse(&self, value: &DeValue<'_>) -> Result<TokenDigest, Flaw> {
        value.as_str().and_then(TokenDigest::read).ok_or_else(|| {
            Flaw::Because("must be `sha256:` and 64 hexadecimal digits, as `probity hash-token` writes it".into())
        })
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": format!("^{SHA256}[0-9a-fA-F]{{64}}$") })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_hash_is_that_of_its_token_and_no_other() {
        // As `printf hello | sha256sum` has it.
        let written = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let digest = TokenDigest::of("hello");
        assert_eq!(digest.to_string(), written);
        assert!(TokenDigest::read(written).unwrap().is(&digest) && !TokenDigest::of("Hello").is(&digest));
        assert_eq!(format!("{digest:?}"), "TokenDigest(***)");
        for text in
            ["", "hello", &written[7..], &written[..70], &written.replace('2', "g"), &written.replace("2c", "é")]
        {
            assert!(TokenDigest::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn admin_is_everything_and_no_other_scope_is_another() {
        let all = [Scope::Read, Scope::Report, Scope::Control, Scope::Admin];
        for scope in all {
            assert!(Scopes::ALL.allow(scope) && !Scopes::default().allow(scope));
            let alone = Scopes::of(&[scope.as_str()]);
            for other in all {
                assert_eq!(alone.allow(other), scope == other || scope == Scope::Admin, "{scope:?} {other:?}");
            }
        }
        let two = Scopes::of(&["read", "report"]);
        assert!(two.allow(Scope::Read) && two.allow(Scope::Report) && !two.allow(Scope::Control));
    }
}
