//! TLS as guests get it: for `wasi:http` requests and for `wasi:tls` alike, as their check has it configured.
//!
//! `wasi:tls` wraps a stream that the guest has already; what that stream leads to was decided when it was dialled. Beside that it
//! takes a grant of its own, since it shows whatever certificate the check has.

mod certificate;
mod gathered;
mod handshakes;
mod reason;
mod verifier;

use std::{
    collections::HashMap,
    future,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    task::{Context, Poll, ready},
};

use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::io::{self, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client;
use wasmtime_wasi_tls::{Error, TlsProvider, TlsStream, TlsTransport};

use self::{
    gathered::Gathered,
    reason::{is_cut_off, plain},
    verifier::{Asked, Shown, Verifier, observe},
};
pub(super) use self::{
    handshakes::Handshakes,
    reason::{UNSHOWN, alert, of_alert},
};
use super::{bindings::tls as contract, refusals::Refusals};
use crate::{
    grant::{self, Grants},
    identity::{Identity, system_roots},
};

/// What is offered for `https`: HTTP/2 where the server speaks it.
const HTTP: [&str; 2] = ["h2", "http/1.1"];
/// What is offered where nothing else will do, so that a server which speaks both does not choose the other.
const HTTP2: [&str; 1] = ["h2"];

/// How TLS is spoken with each identity that is in use, so that roots are read once and sessions are resumed.
#[derive(Default)]
pub(super) struct Configurations {
    system: System,
    known: Mutex<HashMap<Arc<Identity>, Weak<Settings>>>,
}

/// The roots that the system trusts. They are read when they are first needed: most runners never speak TLS.
type System = Arc<OnceLock<Arc<RootCertStore>>>;

impl Configurations {
    /// How TLS is spoken with this identity: what others with the same have, as long as there are any.
    pub(super) fn of(&self, identity: &Arc<Identity>) -> Tls {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(settings) = known.get(identity).and_then(Weak::upgrade) {
            return Tls(settings);
        }
        known.retain(|_, settings| settings.strong_count() > 0);
        let settings =
            Settings { identity: Arc::clone(identity), system: Arc::clone(&self.system), made: OnceLock::new() };
        let settings = Arc::new(settings);
        known.insert(Arc::clone(identity), Arc::downgrade(&settings));
        Tls(settings)
    }
}

/// How a check speaks TLS. All checks with the same identity share it.
#[derive(Clone)]
pub struct Tls(Arc<Settings>);

struct Settings {
    identity: Arc<Identity>,
    system: System,
    made: OnceLock<Made>,
}

/// What the TLS library is given. They differ in what is negotiated on top (ALPN, RFC 7301): a raw stream carries whatever the
/// guest speaks.
struct Made {
    http: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    raw: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
}

/// What a connection is for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// A request.
    Http,
    /// A request that is sent by HTTP/2 or not at all.
    Http2,
    /// Whatever the guest does with it.
    Stream,
}

impl Settings {
    fn made(&self) -> &Made {
        self.made.get_or_init(|| {
            let roots = match &self.identity.authorities {
                Some(authorities) => Arc::clone(authorities.store()),
                None => Arc::clone(self.system.get_or_init(|| Arc::new(system_roots()))),
            };
            let provider = Arc::new(ring::default_provider());
            let algorithms = provider.signature_verification_algorithms;
            let verifier = Arc::new(Verifier::new(Arc::clone(&self.identity), roots, algorithms));
            let shown = Shown(self.identity.client.as_ref().map(|client| Arc::clone(client.certified())));
            let raw = ClientConfig::builder()
                .dangerous()
                .with_custom_certificate_verifier(Arc::<Verifier>::clone(&verifier))
                .with_client_cert_resolver(Arc::new(shown));
            let offering = |usual: &[&str]| {
                let mut config = raw.clone();
                // A session is resumed by whoever speaks the same.
                config.resumption = rustls::client::Resumption::default();
                config.alpn_protocols = match &self.identity.alpn {
                    Some(chosen) => chosen.iter().map(|name| name.as_bytes().to_vec()).collect(),
                    None => usual.iter().map(|name| name.as_bytes().to_vec()).collect(),
                };
                Arc::new(config)
            };
            Made { http: offering(&HTTP), http2: offering(&HTTP2), raw: offering(&[]), verifier }
        })
    }
}

/// Why there is no secure connection.
pub(super) enum Failure {
    /// The server's certificate was refused; the text says why.
    Refused(String),
    /// The server left without a word after it asked for a certificate that the check does not have.
    Unshown,
    /// Anything else.
    Broken(io::Error),
}

/// One run's way to speak TLS. What it comes to is taken down.
#[derive(Clone)]
pub(super) struct Speaker {
    tls: Tls,
    handshakes: Handshakes,
    grants: Arc<Grants>,
    refusals: Refusals,
}

impl Speaker {
    pub(super) fn new(tls: Tls, handshakes: Handshakes, grants: Arc<Grants>, refusals: Refusals) -> Speaker {
        Speaker { tls, handshakes, grants, refusals }
    }

    /// The protocols that the operator has offered, if that is not left to the purpose.
    pub(super) fn alpn(&self) -> Option<&[String]> {
        self.tls.0.identity.alpn.as_deref()
    }

    /// Shakes hands with the server that was dialled as `name`, or as the check says in place of that. The number is that under
    /// which the handshake was taken down.
    pub(super) async fn connect<S>(
        &self,
        purpose: Purpose,
        name: ServerName<'static>,
        transport: S,
    ) -> Result<(client::TlsStream<S>, u64), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let settings = &self.tls.0;
        let name = settings.identity.server_name.clone().unwrap_or(name);
        let made = settings.made();
        let config = match purpose {
            Purpose::Http => &made.http,
            Purpose::Http2 => &made.http2,
            Purpose::Stream => &made.raw,
        };
        let connecting = tokio_rustls::TlsConnector::from(Arc::clone(config)).connect(name.clone(), transport);
        let (came, mut seen) = observe(connecting).await;
        if let (Ok(stream), None) = (&came, &seen.judged) {
            // An earlier session was taken up. What was well then may have expired since.
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            seen.judge(&made.verifier, chain, &name);
        }
        let unshown = seen.client == Asked::InVain;
        let number = self.handshakes.take(&name, &came, seen, &settings.identity)?;
        came.map(|stream| (stream, number))
            .map_err(|error| if unshown && is_cut_off(&error) { Failure::Unshown } else { Failure::Broken(error) })
    }

    /// Whether the server of that handshake asked for a certificate, and the check has none.
    pub(super) fn asked_in_vain(&self, number: u64) -> bool {
        self.handshakes.asked_in_vain(number)
    }
}

type Handshake = Pin<Box<dyn Future<Output = Result<Box<dyn TlsStream>, Error>> + Send>>;

impl TlsProvider for Speaker {
    fn connect(&self, server_name: String, transport: Box<dyn TlsTransport>) -> Handshake {
        if !self.grants.allow_tls() {
            self.refusals.add(grant::for_tls());
            return Box::pin(future::ready(Err(Error::msg("the check does not let its probe speak TLS"))));
        }
        let speaker = self.clone();
        Box::pin(async move {
            let name = ServerName::try_from(server_name.as_str())
                .map_err(|_| Error::msg(format!("`{}` can be no server's name", server_name.escape_debug())))?
                .to_owned();
            let secured = speaker.connect(Purpose::Stream, name, Gathered(transport)).await;
            let (stream, number) = secured.map_err(|failure| match failure {
                Failure::Refused(why) => Error::msg(why),
                Failure::Unshown => Error::msg(UNSHOWN),
                Failure::Broken(error) => Error::msg(plain(&error)),
            })?;
            let may_leave = speaker.asked_in_vain(number);
            Ok(Box::new(Secure { stream, number, may_leave, handshakes: speaker.handshakes }) as Box<dyn TlsStream>)
        })
    }
}

/// A stream whose handshake is done.
struct Secure {
    stream: client::TlsStream<Gathered<Box<dyn TlsTransport>>>,
    number: u64,
    /// Whether the server asked for a certificate in vain, and has not been heard since: if it leaves, it is for that.
    may_leave: bool,
    handshakes: Handshakes,
}

impl TlsStream for Secure {}

impl AsyncRead for Secure {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let came = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        let is_over = match &came {
            Ok(()) => buffer.filled().len() == before && buffer.remaining() > 0,
            Err(error) => is_cut_off(error),
        };
        if std::mem::take(&mut self.may_leave) && is_over {
            self.handshakes.gave_up(self.number, UNSHOWN.to_owned());
        }
        Poll::Ready(came.map_err(|error| {
            let why = plain(&error);
            if alert(&error).is_some() {
                self.handshakes.gave_up(self.number, why.clone());
            }
            io::Error::new(error.kind(), why)
        }))
    }
}

impl AsyncWrite for Secure {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::{ALL_VERSIONS, ServerConfig, SupportedProtocolVersion, pki_types::PrivateKeyDer, version::TLS12};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio_rustls::TlsAcceptor;

    use super::{
        contract::{ClientCertificate, Verification},
        *,
    };
    use crate::identity::Authorities;

    /// A server for `a.test`, and an identity that trusts it.
    fn server() -> (TlsAcceptor, Identity) {
        server_of(ALL_VERSIONS)
    }

    fn server_of(versions: &[&'static SupportedProtocolVersion]) -> (TlsAcceptor, Identity) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_protocol_versions(versions).with_no_client_auth();
        let mut config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
        config.alpn_protocols = vec![b"imap".to_vec()];
        let authorities = Some(Arc::new(Authorities::read(cert.pem().as_bytes()).unwrap()));
        (Arc::new(config).into(), Identity { authorities, ..Identity::default() })
    }

    /// Shakes hands once, and hears a word; returns what was taken down.
    async fn shake_hands(server: &TlsAcceptor, tls: &Tls, name: &str) -> (bool, contract::Handshake, Handshakes) {
        let handshakes = Handshakes::default();
        let speaker = Speaker::new(tls.clone(), handshakes.clone(), Arc::default(), Refusals::default());
        let (near, far) = tokio::io::duplex(64 * 1024);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let serve = async {
            if let Ok(mut stream) = server.accept(far).await {
                // Whoever refused is gone.
                let _ = stream.write_all(b"!").await;
                let _ = stream.flush().await;
            }
        };
        let ask = async {
            match speaker.connect(Purpose::Stream, name, near).await {
                // What the session is resumed by comes before the first word.
                Ok((mut stream, _)) => stream.read_u8().await.is_ok(),
                Err(_) => false,
            }
        };
        let (is_secure, ()) = tokio::join!(ask, serve);
        let latest = handshakes.latest().remove(0);
        (is_secure, latest, handshakes)
    }

    #[tokio::test]
    async fn sessions_are_resumed_and_their_certificates_judged_anew() {
        let (server, identity) = server();
        let tls = Configurations::default().of(&Arc::new(identity));
        for is_resumed in [false, true] {
            let (is_secure, seen, handshakes) = shake_hands(&server, &tls, "a.test").await;
            assert!(is_secure && !handshakes.unverified(), "{seen:?}");
            assert_eq!((seen.resumed, seen.protocol.as_deref()), (is_resumed, Some("TLSv1.3")), "{seen:?}");
            assert!(matches!(seen.verification, Verification::Passed), "{seen:?}");
            assert!(matches!(seen.client_certificate, ClientCertificate::NotAsked), "{seen:?}");
            assert_eq!(seen.chain[0].names, ["a.test"]);
        }
    }

    #[tokio::test]
    async fn what_was_refused_is_told_all_the_same() {
        let (server, identity) = server();
        let all = Configurations::default();
        let (is_secure, seen, handshakes) = shake_hands(&server, &all.of(&Arc::new(identity.clone())), "b.test").await;
        assert!(!is_secure && !handshakes.unverified());
        assert_eq!(seen.failure.as_deref(), Some("the certificate is not for b.test but for a.test"));
        assert!(matches!(seen.verification, Verification::Refused(_)), "{seen:?}");
        assert_eq!(seen.chain.len(), 1);

        let credulous = Identity { insecure_skip_verify: true, ..identity.clone() };
        let (is_secure, seen, handshakes) = shake_hands(&server, &all.of(&Arc::new(credulous)), "b.test").await;
        assert!(is_secure && handshakes.unverified());
        assert!(matches!(seen.verification, Verification::Skipped(Some(_))), "{seen:?}");

        let server_name = ServerName::try_from("a.test".to_owned()).ok();
        let told = Identity { server_name, alpn: Some(vec!["imap".to_owned()]), ..identity };
        let (is_secure, seen, _) = shake_hands(&server, &all.of(&Arc::new(told)), "b.test").await;
        assert!(is_secure && seen.server_name == "a.test" && seen.alpn.as_deref() == Some("imap"), "{seen:?}");
    }

    /// A transport that counts what is written to it.
    struct Counting(DuplexStream, Arc<AtomicUsize>);

    impl AsyncRead for Counting {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Counting {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.1.fetch_add(1, Relaxed);
            Pin::new(&mut self.0).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn a_flight_is_written_in_one_piece() {
        // The second one of TLS 1.2 is three records: a key, a change of ciphers, and the end (RFC 5246, section 7.3).
        let (server, identity) = server_of(&[&TLS12]);
        let tls = Configurations::default().of(&Arc::new(identity));
        let grants = Arc::new(Grants::new(["tls".parse().unwrap()], Arc::default()));
        let speaker = Speaker::new(tls, Handshakes::default(), grants, Refusals::default());
        let (near, far) = io::duplex(64 * 1024);
        let writes = Arc::<AtomicUsize>::default();
        let connecting = TlsProvider::connect(&speaker, "a.test".into(), Box::new(Counting(near, Arc::clone(&writes))));
        let (near, far) = tokio::join!(connecting, server.accept(far));
        assert!(near.is_ok() && far.is_ok());
        assert_eq!(writes.load(Relaxed), 2);
    }

    #[test]
    fn one_configuration_serves_all_with_the_same_identity() {
        let all = Configurations::default();
        let named = |name: &str| {
            let server_name = ServerName::try_from(name.to_owned()).ok();
            Arc::new(Identity { server_name, ..Identity::default() })
        };
        let first = all.of(&named("a.test"));
        let (same, other) = (all.of(&named("a.test")), all.of(&named("b.test")));
        assert!(Arc::ptr_eq(&first.0, &same.0) && !Arc::ptr_eq(&first.0, &other.0));
        drop((first, same));
        let again = all.of(&named("c.test"));
        let known = all.known.lock().map(|known| known.len());
        assert_eq!(known.ok(), Some(2), "that of nobody is forgotten");
        drop((other, again));
    }
}
