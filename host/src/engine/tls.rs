//! TLS as guests get it: one set of trusted roots, for `wasi:http` requests and for `wasi:tls` alike.
//!
//! `wasi:tls` wraps a stream that the guest has already; what that stream leads to was decided when it was dialled.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use rustls::{CertificateError, ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::io::{self, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsConnector, client};
use wasmtime_wasi_tls::{Error, TlsProvider, TlsStream, TlsTransport};

/// The TLS settings that all runs share, so that the roots are read once and sessions are resumed.
#[derive(Clone, Default)]
pub(super) struct Tls(Arc<OnceLock<Settings>>);

/// They differ in what is negotiated on top (ALPN, RFC 7301): a raw stream carries whatever the guest speaks.
struct Settings {
    http: Arc<ClientConfig>,
    raw: Arc<ClientConfig>,
}

impl Tls {
    /// For requests, over HTTP/2 where the server speaks it.
    pub(super) fn for_http(&self) -> TlsConnector {
        Arc::clone(&self.settings().http).into()
    }

    fn for_streams(&self) -> TlsConnector {
        Arc::clone(&self.settings().raw).into()
    }

    /// The system's trusted roots are read when they are first needed: most runners never speak TLS.
    fn settings(&self) -> &Settings {
        self.0.get_or_init(|| {
            let raw = ClientConfig::builder().with_root_certificates(roots()).with_no_client_auth();
            let mut http = raw.clone();
            // A session is resumed by whoever speaks the same.
            http.resumption = rustls::client::Resumption::default();
            http.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Settings { http: Arc::new(http), raw: Arc::new(raw) }
        })
    }
}

fn roots() -> RootCertStore {
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

type Handshake = Pin<Box<dyn Future<Output = Result<Box<dyn TlsStream>, Error>> + Send>>;

impl TlsProvider for Tls {
    fn connect(&self, server_name: String, transport: Box<dyn TlsTransport>) -> Handshake {
        let connector = self.for_streams();
        Box::pin(async move {
            let name = ServerName::try_from(server_name.as_str())
                .map_err(|_| Error::msg(format!("`{}` can be no server's name", server_name.escape_debug())))?
                .to_owned();
            let stream = connector.connect(name, transport).await.map_err(|error| Error::msg(plain(&error)))?;
            Ok(Box::new(Secure(stream)) as Box<dyn TlsStream>)
        })
    }
}

/// What went wrong, for people who do not know the library.
fn plain(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "closed without a word of TLS".to_owned();
    }
    match error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "the issuer of the certificate is not trusted by this system".to_owned()
        }
        Some(rustls::Error::InvalidMessage(_)) => "the answer is not TLS".to_owned(),
        _ => error.to_string(),
    }
}

/// A stream whose handshake is done.
struct Secure(client::TlsStream<Box<dyn TlsTransport>>);

impl TlsStream for Secure {}

impl AsyncRead for Secure {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer).map_err(|error| io::Error::new(error.kind(), plain(&error)))
    }
}

impl AsyncWrite for Secure {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
