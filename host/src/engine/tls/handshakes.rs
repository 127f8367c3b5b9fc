//! The handshakes of one run, for its guest to ask about: `probity:probe/tls`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{HandshakeKind, ProtocolVersion, pki_types::ServerName};
use tokio::io;
use tokio_rustls::client;

use super::{
    Failure, certificate,
    contract::{ClientCertificate, Handshake, Host, Refusal, Verification},
    reason::{UNSHOWN, is_cut_off, plain, refusal, spoken},
    verifier::{Asked, Seen},
};
use crate::{engine::ctx::Ctx, identity::Identity};

/// Handshakes that are kept: those of a request and its redirects. What a guest wants to know of more, it asks in time.
const KEPT: usize = 4;
/// Certificates of a chain that are kept; chains that can be verified have two to four.
const CHAIN: usize = 8;

/// The handshakes of one run, or of an open connection. Clones share them.
#[derive(Clone, Default)]
pub(in crate::engine) struct Handshakes(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// From the latest, each with its number.
    latest: Vec<(u64, Handshake)>,
    count: u64,
    unverified: bool,
}

impl Handshakes {
    /// Whether a connection was made though nobody found out with whom.
    pub(in crate::engine) fn unverified(&self) -> bool {
        self.state().unverified
    }

    /// Takes down what came of a handshake; returns its number.
    ///
    /// # Errors
    ///
    /// The certificate was refused, whether the handshake went well or not.
    pub(super) fn take<S>(
        &self,
        name: &ServerName<'_>,
        came: &io::Result<client::TlsStream<S>>,
        seen: Seen,
        identity: &Identity,
    ) -> Result<u64, Failure> {
        let trusts_anybody = identity.insecure_skip_verify;
        let trusted = if identity.authorities.is_some() { "`ca_file`" } else { "this system" };
        let server_name = spoken(name);
        let chain: Vec<_> = seen.chain.iter().take(CHAIN).map(certificate::read).collect();
        let refused = match (&seen.judged, seen.chain.first(), chain.first()) {
            (Some(Err(error)), Some(der), Some(own)) => Some(refusal(error, &server_name, der, own, trusted)),
            _ => None,
        };
        let verification = match (&seen.judged, refused) {
            (None, _) => Verification::NotReached,
            (Some(_), refused) if trusts_anybody => Verification::Skipped(refused),
            (Some(_), Some(refused)) => Verification::Refused(refused),
            (Some(_), None) => Verification::Passed,
        };
        let why = match &verification {
            Verification::Refused(Refusal { message, .. }) => Some(message.clone()),
            _ => None,
        };
        let agreed = came.as_ref().ok().map(|stream| stream.get_ref().1);
        let handshake = Handshake {
            server_name,
            failure: why.clone().or_else(|| came.as_ref().err().map(|error| told(error, seen.client))),
            protocol: agreed.and_then(|agreed| agreed.protocol_version()).map(spelled),
            cipher_suite: agreed
                .and_then(|agreed| agreed.negotiated_cipher_suite())
                .and_then(|suite| suite.suite().as_str().map(str::to_owned)),
            alpn: agreed
                .and_then(|agreed| agreed.alpn_protocol())
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: agreed.is_some_and(|agreed| agreed.handshake_kind() == Some(HandshakeKind::Resumed)),
            client_certificate: seen.client.into(),
            verification,
            chain,
        };
        let mut state = self.state();
        state.unverified |= trusts_anybody && came.is_ok();
        state.count += 1;
        let number = state.count;
        state.latest.insert(0, (number, handshake));
        state.latest.truncate(KEPT);
        why.map_or(Ok(number), |why| Err(Failure::Refused(why)))
    }

    /// Takes down that the server gave up on a connection whose handshake seemed done.
    pub(super) fn gave_up(&self, number: u64, why: String) {
        if let Some((_, handshake)) = self.state().latest.iter_mut().find(|(other, _)| *other == number) {
            handshake.failure = Some(why);
        }
    }

    /// Whether the server of that handshake asked for a certificate, and the check has none.
    pub(super) fn asked_in_vain(&self, number: u64) -> bool {
        let not_given = |handshake: &Handshake| matches!(handshake.client_certificate, ClientCertificate::NotGiven);
        self.state().latest.iter().any(|(other, handshake)| *other == number && not_given(handshake))
    }

    /// The latest handshake first.
    pub(super) fn latest(&self) -> Vec<Handshake> {
        self.state().latest.iter().map(|(_, handshake)| handshake.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What went wrong with a handshake.
fn told(error: &io::Error, client: Asked) -> String {
    if client == Asked::InVain && is_cut_off(error) { UNSHOWN.to_owned() } else { plain(error) }
}

/// A version as OpenSSL and most others write it.
fn spelled(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

impl Host for Ctx {
    fn latest(&mut self) -> wasmtime::Result<Vec<Handshake>> {
        Ok(self.handshakes.latest())
    }
}
