//! Requests of HTTP to sinks: each over a connection of its own, and none is led elsewhere.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName, sign::SingleCertAndKey};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OnceCell,
};
use tokio_rustls::TlsConnector;

use super::delivery::Failure;
use crate::{
    config::Web,
    identity::{Identity, system_roots},
};

/// Bytes of an answer that are read: what a server says of an error is shorter.
const ANSWER: usize = 4 * 1024;
/// Characters of an answer that are told.
const TOLD: usize = 200;
/// The longest that a server can ask to be left alone: what it says beyond is a slip, or worse.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// One place to send requests to.
pub(super) struct Client {
    web: Web,
    connector: OnceCell<TlsConnector>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Client {
    pub(super) fn new(web: &Web) -> Client {
        Client { web: web.clone(), connector: OnceCell::new() }
    }

    /// Posts a body to the place itself.
    pub(super) async fn post(
        &self,
        media_type: &'static str,
        headers: &[(HeaderName, HeaderValue)],
        body: impl Into<Bytes>,
    ) -> Result<(), Failure> {
        let path = self.web.url.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        self.post_to(&path, media_type, headers, body).await
    }

    /// Posts JSON to the place itself.
    pub(super) async fn post_json(&self, body: &serde_json::Value) -> Result<(), Failure> {
        self.post("application/json", &[], body.to_string()).await
    }

    /// Posts a body to a path of the same server.
    pub(super) async fn post_to(
        &self,
        path: &str,
        media_type: &'static str,
        headers: &[(HeaderName, HeaderValue)],
        body: impl Into<Bytes>,
    ) -> Result<(), Failure> {
        let mut all = HeaderMap::new();
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        all.insert(header::USER_AGENT, HeaderValue::from_static(concat!("probity/", env!("CARGO_PKG_VERSION"))));
        // What the operator says counts, and can replace what is said otherwise.
        for (name, value) in headers.iter().chain(&self.web.headers) {
            all.insert(name.clone(), value.clone());
        }
        let authority = self.web.url.authority().map_or("", |authority| authority.as_str());
        // A name and a password belong to no header of the host.
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        all.insert(header::HOST, HeaderValue::try_from(host).map_err(|_| Failure::permanent("its host is no host"))?);
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::try_from(path).map_err(|_| Failure::permanent("its path is no path"))?;
        *request.headers_mut() = all;

        let stream = self.dial().await?;
        let broken =
            |error: hyper::Error| Failure::passing(format!("{} broke the connection off: {error}", self.name()));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            Ok((head, body))
        };
        // The connection is driven beside the exchange. A server may close it with its answer: that is still to be read.
        let (mut exchange, mut connection, mut open) = (pin!(exchange), pin!(connection), true);
        let (head, body) = loop {
            tokio::select! {
                biased;
                done = &mut exchange => break done?,
                _ = &mut connection, if open => open = false,
            }
        };
        self.judge(head.status, &head.headers, &body)
    }

    /// The server, without what may be a secret.
    fn name(&self) -> String {
        self.web.url.host().unwrap_or_default().to_owned()
    }

    async fn dial(&self) -> Result<Box<dyn Stream>, Failure> {
        let url = &self.web.url;
        let secure = url.scheme() == Some(&http::uri::Scheme::HTTPS);
        let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(|error| Failure::passing(format!("can't connect to {host}:{port}: {error}")))?;
        // A system that can't promise that only makes it slower.
        let _ = stream.set_nodelay(true);
        if !secure {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Failure::permanent(format!("`{host}` is no name that a certificate can have")))?;
        let connector = self.connector.get_or_try_init(|| connector(&self.web.tls)).await?;
        let stream = connector.connect(name, stream).await.map_err(|error| {
            Failure::passing(format!("no TLS with {host}: {error}; `tls.ca_file` says who vouches for the server"))
        })?;
        Ok(Box::new(stream))
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), Failure> {
        if status.is_success() {
            return Ok(());
        }
        let said: String =
            String::from_utf8_lossy(body).lines().next().unwrap_or_default().chars().take(TOLD).collect();
        let said = said.trim();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let message = format!("{} answered {status}{said}", self.name());
        if status.is_redirection() {
            // Whatever is sent along may be a secret, and is not meant for another place.
            return Err(Failure::permanent(format!(
                "{message}; it is not followed: give the address that it leads to"
            )));
        }
        // What an operator can put right without another message is tried again: a token, a path, a proxy.
        let passing =
            status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 404 | 407 | 408 | 409 | 425 | 429);
        let retry_after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        Err(Failure { message, permanent: !passing, retry_after })
    }
}

/// How TLS is spoken with a sink. What the system trusts is read when it is first needed.
async fn connector(identity: &Arc<Identity>) -> Result<TlsConnector, Failure> {
    let identity = Arc::clone(identity);
    let made = tokio::task::spawn_blocking(move || {
        let roots = match &identity.authorities {
            Some(authorities) => Arc::clone(authorities.store()),
            None => Arc::new(system_roots()),
        };
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let config = match &identity.client {
            Some(client) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(client.certified()))))
            }
            None => builder.with_no_client_auth(),
        };
        TlsConnector::from(Arc::new(config))
    });
    made.await.map_err(|error| Failure::passing(format!("TLS can't be set up: {error}")))
}
