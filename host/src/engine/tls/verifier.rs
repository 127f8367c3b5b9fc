//! Whether a server is who it should be, and what was seen on the way to that.
//!
//! The TLS library asks a verifier that all handshakes with one identity share, as it must be for sessions to be resumed. What
//! one handshake sees finds its way back to whoever does it through a task-local value: the library asks while it is polled.

use std::{cell::RefCell, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

use super::{certificate, contract::ClientCertificate};
use crate::identity::Identity;

tokio::task_local! {
    static SEEN: RefCell<Seen>;
}

/// What is seen in one handshake.
#[derive(Default)]
pub(super) struct Seen {
    /// The server's certificate, and those that vouch for it.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// What was made of them, once they came.
    pub(super) judged: Option<Result<(), Error>>,
    /// What became of the own certificate.
    pub(super) client: Asked,
}

/// Whether the server asked who is there, and what it was told.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum Asked {
    #[default]
    Not,
    InVain,
    AndGiven,
}

impl From<Asked> for ClientCertificate {
    fn from(asked: Asked) -> ClientCertificate {
        match asked {
            Asked::Not => ClientCertificate::NotAsked,
            Asked::InVain => ClientCertificate::NotGiven,
            Asked::AndGiven => ClientCertificate::Given,
        }
    }
}

impl Seen {
    /// Judges the certificates of an earlier session.
    pub(super) fn judge(&mut self, verifier: &Verifier, chain: &[CertificateDer<'_>], name: &ServerName<'_>) {
        let Some((own, others)) = chain.split_first() else { return };
        self.judged = Some(verifier.judge(own, others, name, UnixTime::now()));
        self.chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
    }
}

/// Does a handshake; returns what came of it and what was seen.
pub(super) async fn observe<T>(handshake: impl Future<Output = T>) -> (T, Seen) {
    SEEN.scope(RefCell::default(), async {
        let came = handshake.await;
        (came, SEEN.with(RefCell::take))
    })
    .await
}

/// Takes something down; nobody cares outside a handshake.
fn note(take_down: impl FnOnce(&mut Seen)) {
    let _ = SEEN.try_with(|seen| take_down(&mut seen.borrow_mut()));
}

/// Judges the certificates of servers.
#[derive(Debug)]
pub(super) struct Verifier {
    identity: Arc<Identity>,
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(
        identity: Arc<Identity>,
        roots: Arc<RootCertStore>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Verifier {
        Verifier { identity, roots, algorithms }
    }

    fn judge(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(own)?;
        let is_trusted_itself = self.identity.authorities.as_ref().is_some_and(|authorities| authorities.have(own));
        if is_trusted_itself {
            // The library takes no authority's certificate for a server's, but those who sign for themselves have just one.
            certificate::in_time(own, now)?;
        } else {
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, others, now, self.algorithms.all)?;
        }
        verify_server_name(&parsed, name)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.judge(own, others, name, now);
        note(|seen| {
            let chain = std::iter::once(own).chain(others);
            seen.chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
            seen.judged = Some(judged.clone());
        });
        if self.identity.insecure_skip_verify {
            return Ok(ServerCertVerified::assertion());
        }
        judged.map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What is shown to a server that asks who is there.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let fits = |own: &&Arc<CertifiedKey>| own.key.choose_scheme(schemes).is_some();
        let own = self.0.as_ref().filter(fits).cloned();
        note(|seen| seen.client = if own.is_some() { Asked::AndGiven } else { Asked::InVain });
        own
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// What a certificate that is trusted itself is refused for: that it is not its time.
pub(super) fn untimely(now: UnixTime, not_before: i64, not_after: i64) -> Option<CertificateError> {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let time = |seconds: i64| {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
    };
    if seconds > not_after {
        return Some(CertificateError::ExpiredContext { time: now, not_after: time(not_after) });
    }
    (seconds < not_before).then(|| CertificateError::NotValidYetContext { time: now, not_before: time(not_before) })
}
