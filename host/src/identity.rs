//! What a check trusts and shows when its probe speaks TLS.
//!
//! It is read, and found fit for use, when the config is; what it is made of is compared by digest, so that a hundred thousand
//! checks with the same authorities are told to be alike in no time.

use std::{
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName,
        pem::{self, PemObject},
    },
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// How a check's probe speaks TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Who vouches for servers; `None`: whom the system trusts.
    pub authorities: Option<Arc<Authorities>>,
    /// What is shown to servers that ask who is there.
    pub client: Option<Arc<ClientCertificate>>,
    /// The name that servers are asked for and must prove, in place of the one that is dialled.
    pub server_name: Option<ServerName<'static>>,
    /// The protocols that are offered to be spoken on top, the preferred one first; `None`: those that the probe's way of
    /// speaking implies.
    pub alpn: Option<Vec<String>>,
    /// Whether servers are believed whatever they show.
    pub insecure_skip_verify: bool,
}

/// Why a file can't be used. It quotes nothing of the file, which may be a key.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdentityError {
    /// It is not PEM.
    #[error("it is not PEM ({0}); write certificates and keys as `openssl x509` and `openssl pkey` do")]
    NotPem(String),
    /// It has no certificate.
    #[error("there is no certificate in it; it must have a `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// One of its certificates is none.
    #[error("certificate {number} in it can't be used ({why})")]
    Certificate {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// It has no key.
    #[error("there is no private key in it; it must have a `-----BEGIN PRIVATE KEY-----`")]
    NoKey,
    /// The key is encrypted, and nobody is there to give its password.
    #[error("the key in it is encrypted; decrypt it first, with `openssl pkey`")]
    Encrypted,
    /// The key is of no use.
    #[error("the key can't be used ({0}); take an RSA, ECDSA or Ed25519 key")]
    Key(String),
    /// It is another certificate's key.
    #[error("the key does not fit the certificate in `cert_file`; give the one that the certificate was made for")]
    Mismatch,
}

/// Who vouches for servers.
pub struct Authorities {
    digest: [u8; 32],
    store: Arc<RootCertStore>,
    /// Each certificate itself, by digest.
    certificates: BTreeSet<[u8; 32]>,
    /// They, as they were read.
    der: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Reads them from PEM.
    ///
    /// # Errors
    ///
    /// There is none, or one can't be used.
    pub fn read(pem: &[u8]) -> Result<Authorities, IdentityError> {
        let mut store = RootCertStore::empty();
        let mut certificates = BTreeSet::new();
        let mut digest = Sha256::new();
        let der = read_certificates(pem)?;
        for (number, certificate) in (1..).zip(der.iter().cloned()) {
            let own = Sha256::digest(&certificate);
            digest.update(own);
            certificates.insert(own.into());
            let unusable = |error: rustls::Error| IdentityError::Certificate { number, why: error.to_string() };
            store.add(certificate).map_err(unusable)?;
        }
        Ok(Authorities { digest: digest.finalize().into(), store: Arc::new(store), certificates, der })
    }

    /// They, as the TLS library wants them.
    #[must_use]
    pub fn store(&self) -> &Arc<RootCertStore> {
        &self.store
    }

    /// They, as they were read.
    #[must_use]
    pub fn der(&self) -> &[CertificateDer<'static>] {
        &self.der
    }

    /// Whether a certificate is itself one of theirs: a server's own that is trusted for what it is.
    #[must_use]
    pub fn have(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.contains::<[u8; 32]>(&Sha256::digest(certificate).into())
    }
}

/// A certificate to show, and its key. Its `Debug` shows neither.
pub struct ClientCertificate {
    digest: [u8; 32],
    certified: Arc<CertifiedKey>,
}

impl ClientCertificate {
    /// Reads the certificates, the own one first, from PEM.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        read_certificates(pem)
    }

    /// Takes a chain of certificates, and reads the key to the first of them from PEM.
    ///
    /// # Errors
    ///
    /// There is no key, it can't be used, or is that of another certificate.
    pub fn read_key(chain: Vec<CertificateDer<'static>>, pem: &[u8]) -> Result<ClientCertificate, IdentityError> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
            _ if is_encrypted(pem) => IdentityError::Encrypted,
            pem::Error::NoItemsFound => IdentityError::NoKey,
            error => IdentityError::NotPem(error.to_string()),
        })?;
        let mut digest = Sha256::new();
        chain.iter().for_each(|certificate| digest.update(certificate));
        digest.update(key.secret_der());
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => IdentityError::Mismatch,
            rustls::Error::InvalidCertificate(_) => IdentityError::Certificate { number: 1, why: error.to_string() },
            error => IdentityError::Key(error.to_string()),
        })?;
        Ok(ClientCertificate { digest: digest.finalize().into(), certified: Arc::new(certified) })
    }

    /// Both, as the TLS library wants them.
    #[must_use]
    pub fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }
}

/// Whether there is an encrypted key in PEM: as PKCS #8 has it (RFC 7468, section 11), or with a header in the manner of RFC 1421,
/// section 4.6.1.1, as OpenSSL wrote keys before.
fn is_encrypted(pem: &[u8]) -> bool {
    pem.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).any(|line| {
        line == b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
            || line.strip_prefix(b"Proc-Type:").is_some_and(|kind| kind.ends_with(b",ENCRYPTED"))
    })
}

fn read_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|error| IdentityError::NotPem(error.to_string()))?;
    if certificates.is_empty() { Err(IdentityError::NoCertificate) } else { Ok(certificates) }
}

/// The roots that the system trusts. What can't be read of them is told in the log.
#[must_use]
pub fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("a trusted certificate of this system can't be read: {error}");
    }
    let mut roots = RootCertStore::empty();
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!(
            "this system has no trusted certificates, so no TLS target can be verified; install ca-certificates"
        );
    } else if unusable > 0 {
        tracing::debug!("{unusable} trusted certificates of this system are malformed");
    }
    roots
}

/// Both are what their digest says, and show no more than it.
macro_rules! known_by_digest {
    ($name:ident) => {
        impl PartialEq for $name {
            fn eq(&self, other: &$name) -> bool {
                self.digest == other.digest
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.digest.hash(state);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
known_by_digest!(Authorities);
known_by_digest!(ClientCertificate);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rcgen::{CertifiedKey as Generated, KeyPair, generate_simple_self_signed};

    use super::*;

    fn generate(name: &str) -> Generated<KeyPair> {
        generate_simple_self_signed([name.to_owned()]).unwrap()
    }

    #[test]
    fn authorities_are_known_by_what_they_are() {
        let (one, other) = (generate("a.test").cert, generate("a.test").cert);
        let read = |pem: String| Authorities::read(pem.as_bytes()).unwrap();
        assert_eq!(read(one.pem()), read(format!("a comment\n{}", one.pem())));
        assert_ne!(read(one.pem()), read(other.pem()));
        let both = read(one.pem() + &other.pem());
        assert!(both.have(one.der()) && both.have(other.der()) && !read(one.pem()).have(other.der()));
        assert_eq!(both.store().len(), 2);
    }

    #[test]
    fn a_key_must_fit_its_certificate() {
        let (own, other) = (generate("a.test"), generate("a.test"));
        let chain = ClientCertificate::read_chain(own.cert.pem().as_bytes()).unwrap();
        let read = |key: &str| ClientCertificate::read_key(chain.clone(), key.as_bytes());
        let key = own.signing_key.serialize_pem();
        let fits = read(&key).unwrap();
        assert_eq!(fits, read(&key).unwrap());
        assert_eq!(format!("{fits:?}"), "ClientCertificate { .. }");
        assert_eq!(read(&other.signing_key.serialize_pem()).unwrap_err(), IdentityError::Mismatch);
        for (text, error) in [("", IdentityError::NoKey), (&*own.cert.pem(), IdentityError::NoKey)] {
            assert_eq!(read(text).unwrap_err(), error);
        }
        for encrypted in [
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-256-CBC,5AB7\r\n\r\nAAAA\r\n\
             -----END RSA PRIVATE KEY-----\r\n",
        ] {
            assert_eq!(read(encrypted).unwrap_err(), IdentityError::Encrypted);
        }
        let garbled = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(matches!(read(garbled).unwrap_err(), IdentityError::Key(_)));
        let open = "-----BEGIN PRIVATE KEY-----\nAAAA\n";
        assert!(matches!(read(open).unwrap_err(), IdentityError::NotPem(_)));
    }

    #[test]
    fn a_file_without_certificates_is_none() {
        assert_eq!(Authorities::read(b"hello").unwrap_err(), IdentityError::NoCertificate);
        assert_eq!(ClientCertificate::read_chain(b"").unwrap_err(), IdentityError::NoCertificate);
        let empty = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Authorities::read(empty).unwrap_err(), IdentityError::Certificate { number: 1, .. }));
    }
}
