//! Requests to a collector, each over a connection of its own: there are few.

use std::{pin::pin, sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::config::Otlp;

/// How long a request may take, as OpenTelemetry has it (`OTEL_EXPORTER_OTLP_TIMEOUT`).
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read: what a collector says of an error is shorter.
const ANSWER: usize = 4 * 1024;
/// The media type of messages of Protocol Buffers.
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// Why something was not taken.
pub(super) struct Failure {
    pub(super) message: String,
    /// Whether it may be taken another time.
    pub(super) passing: bool,
}

impl Failure {
    fn passing(message: String) -> Failure {
        Failure { message, passing: true }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A collector.
pub(super) struct Client {
    host: String,
    port: u16,
    /// What its paths begin with.
    prefix: String,
    headers: HeaderMap,
    tls: Option<TlsConnector>,
}

impl Client {
    pub(super) fn new(config: &Otlp) -> anyhow::Result<Client> {
        let endpoint = &config.endpoint;
        let secure = endpoint.scheme() == Some(&http::uri::Scheme::HTTPS);
        let host = endpoint.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let mut headers = config.headers.clone();
        let authority = endpoint.authority().map_or("", |authority| authority.as_str());
        headers.insert(header::HOST, HeaderValue::try_from(authority).context("otlp.endpoint: its host is no host")?);
        headers.insert(header::CONTENT_TYPE, PROTOBUF);
        let agent = HeaderValue::from_static(concat!("probity/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
        Ok(Client {
            port: endpoint.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            prefix: endpoint.path().trim_end_matches('/').to_owned(),
            tls: secure.then(|| connector(config)).transpose()?,
            host,
            headers,
        })
    }

    /// The collector, without what may be a secret.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Posts a message to a path.
    pub(super) async fn post(&self, path: &str, body: Vec<u8>) -> Result<(), Failure> {
        let posted = timeout(PATIENCE, self.exchange(path, body.into())).await;
        posted.unwrap_or_else(|_| Err(Failure::passing(format!("{} did not answer within {PATIENCE:?}", self.name()))))
    }

    async fn exchange(&self, path: &str, body: Bytes) -> Result<(), Failure> {
        let uri = Uri::try_from(format!("{}{path}", self.prefix));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.map_err(|_| Failure { message: "its path is no path".into(), passing: false })?;
        *request.headers_mut() = self.headers.clone();
        let broken = |error: hyper::Error| Failure::passing(format!("{} broke off: {error}", self.name()));
        let stream = TokioIo::new(self.dial().await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(broken)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            // What is beyond is of no interest, and neither is why it broke off.
            let said = Limited::new(body, ANSWER).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            Ok((head.status, said))
        };
        // The connection is driven beside the exchange. A collector may close it with its answer: that is still to be read.
        let (mut exchange, mut connection, mut open) = (pin!(exchange), pin!(connection), true);
        let (status, said) = loop {
            tokio::select! {
                biased;
                done = &mut exchange => break done?,
                _ = &mut connection, if open => open = false,
            }
        };
        if status.is_success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said);
        let said: String = said.chars().filter(|letter| !letter.is_control()).take(200).collect();
        // Those that may be tried again are named by the specification.
        let passing = matches!(status.as_u16(), 429 | 502 | 503 | 504);
        Err(Failure { message: format!("{} answered {status}: {said}", self.name()), passing })
    }

    async fn dial(&self) -> Result<Box<dyn Stream>, Failure> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| Failure::passing(format!("can't connect to {}: {error}", self.name())))?;
        // A system that can't promise that only makes it slower.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(self.host.clone());
        let name =
            name.map_err(|_| Failure { message: format!("{} is no name of a server", self.host), passing: false })?;
        let stream = tls.connect(name, stream).await;
        let stream = stream.map_err(|error| Failure::passing(format!("no TLS with {}: {error}", self.name())))?;
        Ok(Box::new(stream))
    }
}

fn connector(config: &Otlp) -> anyhow::Result<TlsConnector> {
    let roots = match &config.authorities {
        Some(authorities) => Arc::clone(authorities.store()),
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(roots)
        }
    };
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("otlp.endpoint: no TLS")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(client)))
}
