//! What the runner itself asks of others over HTTP/1.1: sinks, a collector, and for the commands another runner.
//!
//! A request goes where it is told, and is led nowhere else: redirections are the caller's to judge, and there are no proxies. What
//! comes back is bounded in time and size.

mod answer;
mod refusal;

use std::{error::Error, io, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header, uri::Scheme};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use rustls::{ClientConfig, crypto::ring, pki_types::ServerName, sign::SingleCertAndKey};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OnceCell,
    task::AbortHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

pub use self::{
    answer::Answer,
    refusal::{Refusal, refusal},
};
use crate::identity::{Identity, system_roots};

/// What the runner calls itself.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("probity/", env!("CARGO_PKG_VERSION")));

/// Why there is no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Failure {
    /// Nobody is there.
    #[error("can't connect to {server}: {why}")]
    Unreachable {
        /// Its host and port.
        server: String,
        /// What the system says.
        why: String,
    },
    /// There is nothing that a certificate could prove.
    #[error("`{0}` is no name that a certificate can have")]
    Nameless(String),
    /// Whoever is there has no certificate that is trusted.
    #[error("no TLS with {server}: {why}")]
    Distrusted {
        /// Its host and port.
        server: String,
        /// What is wrong with it.
        why: String,
    },
    /// Whoever is there speaks no TLS, or none that this runner can.
    #[error("no TLS with {server}: {why}")]
    Tls {
        /// Its host and port.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// This system can't speak TLS.
    #[error("TLS can't be set up: {0}")]
    Setup(String),
    /// It hung up, or said what is no HTTP.
    #[error("{server} broke the connection off: {why}")]
    Broken {
        /// Its host and port.
        server: String,
        /// How.
        why: String,
    },
    /// It took too long.
    #[error("{server} did not answer within {within:?}")]
    Late {
        /// Its host and port.
        server: String,
        /// How long it had.
        within: Duration,
    },
    /// It says more than anybody wants to hear.
    #[error("the answer of {server} has more than {most} bytes")]
    TooLong {
        /// Its host and port.
        server: String,
        /// What it may have.
        most: usize,
    },
    /// It is no request.
    #[error("this can't be sent: {0}")]
    Unfit(String),
}

impl Failure {
    /// Whether it would be the same at any other time.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self, Failure::Nameless(_) | Failure::Unfit(_))
    }
}

/// A server, and how it is spoken to.
pub struct Client {
    /// Without the brackets that an IPv6 address has in a URL.
    host: String,
    port: u16,
    secure: bool,
    /// As its URL has it, but for a user's name and password: what the header `Host` says.
    authority: String,
    /// What a user's name and password in its URL come to.
    basic: Option<HeaderValue>,
    identity: Arc<Identity>,
    /// Made when it is first needed: what the system trusts takes a while to read.
    tls: OnceCell<TlsConnector>,
    patience: Duration,
}

/// An open connection. It is closed with this.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Client {
    /// The server of a URL, which has a scheme of `http` or `https` and a host. An exchange with it takes no longer than `patience`.
    #[must_use]
    pub fn new(url: &Uri, identity: Arc<Identity>, patience: Duration) -> Client {
        let secure = url.scheme() == Some(&Scheme::HTTPS);
        let authority = url.authority().map_or("", |authority| authority.as_str());
        let (user, authority) = authority.rsplit_once('@').map_or((None, authority), |(user, rest)| (Some(user), rest));
        Client {
            host: url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            secure,
            authority: authority.to_owned(),
            basic: user.and_then(basic),
            identity,
            tls: OnceCell::new(),
            patience,
        }
    }

    /// The server, without what may be a secret: its host and port.
    #[must_use]
    pub fn name(&self) -> String {
        let Client { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Sends a request over a connection of its own. Its URI is a path; whatever it says of a header counts. Of the answer's body, `most`
    /// bytes are read.
    ///
    /// # Errors
    ///
    /// There is no answer. One whose body did not come whole is an answer all the same.
    pub async fn exchange(&self, request: Request<Bytes>, most: usize) -> Result<Answer, Failure> {
        self.exchange_over(&mut None, request, most).await
    }

    /// As [`exchange`](Self::exchange), over the connection that was kept if it is still open. Whichever was used is kept if it can be
    /// used again.
    ///
    /// # Errors
    ///
    /// As [`exchange`](Self::exchange).
    pub async fn exchange_over(
        &self,
        kept: &mut Option<Connection>,
        request: Request<Bytes>,
        most: usize,
    ) -> Result<Answer, Failure> {
        let exchange = async {
            let request = self.complete(request)?;
            let mut connection = match kept.take().filter(|connection| !connection.sender.is_closed()) {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let broken = |error: hyper::Error| self.broken(&error);
            connection.sender.ready().await.map_err(broken)?;
            let response = connection.sender.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            let (body, flaw) = self.read(body, most).await;
            if flaw.is_none() {
                *kept = Some(connection);
            }
            Ok(Answer { status: head.status, headers: head.headers, body, flaw })
        };
        let late = || Failure::Late { server: self.name(), within: self.patience };
        timeout(self.patience, exchange).await.unwrap_or_else(|_| Err(late()))
    }

    /// Adds to a request what every one says.
    fn complete(&self, request: Request<Bytes>) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = request.map(Full::new);
        let host = HeaderValue::try_from(self.authority.as_str()).map_err(|error| Failure::Unfit(error.to_string()))?;
        let headers = request.headers_mut();
        headers.entry(header::HOST).or_insert(host);
        headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        if let Some(basic) = &self.basic {
            headers.entry(header::AUTHORIZATION).or_insert_with(|| basic.clone());
        }
        Ok(request)
    }

    /// As much of a body as is wanted, and why that is not all of it.
    async fn read(&self, mut body: Incoming, most: usize) -> (Vec<u8>, Option<Failure>) {
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => {
                    let data = frame.into_data().unwrap_or_default();
                    let room = most - read.len();
                    if data.len() > room {
                        read.extend_from_slice(&data[..room]);
                        return (read, Some(Failure::TooLong { server: self.name(), most }));
                    }
                    read.extend_from_slice(&data);
                }
                Err(error) => return (read, Some(self.broken(&error))),
            }
        }
        (read, None)
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let stream = self.dial().await?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        // Whatever ends it is seen by who sends, or reads.
        let driver = tokio::spawn(async move { drop(driver.await) }).abort_handle();
        Ok(Connection { sender, driver })
    }

    async fn dial(&self) -> Result<Box<dyn Stream>, Failure> {
        let unreachable = |error: io::Error| Failure::Unreachable { server: self.name(), why: error.to_string() };
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(unreachable)?;
        // A system that can't promise that only makes it slower.
        let _ = stream.set_nodelay(true);
        if !self.secure {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(self.host.clone()).map_err(|_| Failure::Nameless(self.host.clone()))?;
        let connector = self.tls.get_or_try_init(|| connector(&self.identity)).await?;
        let secured = connector.connect(name, stream).await;
        Ok(Box::new(secured.map_err(|error| match (self.name(), refusal(&error)) {
            (server, Some(Refusal { why, of_certificate: true })) => Failure::Distrusted { server, why },
            (server, Some(Refusal { why, of_certificate: false })) => Failure::Tls { server, why },
            (server, None) => Failure::Tls { server, why: error.to_string() },
        })?))
    }

    fn broken(&self, error: &hyper::Error) -> Failure {
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            why = format!("{why}: {error}");
            source = error.source();
        }
        Failure::Broken { server: self.name(), why }
    }
}

/// A user's name and password, as they stand in a URL, as `Authorization` has them (RFC 7617, section 2).
fn basic(user: &str) -> Option<HeaderValue> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut pair: Vec<u8> = percent_decode_str(name).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(password));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// How TLS is spoken. What the system trusts is read off the async threads.
async fn connector(identity: &Arc<Identity>) -> Result<TlsConnector, Failure> {
    let identity = Arc::clone(identity);
    let made = tokio::task::spawn_blocking(move || {
        let roots = match &identity.authorities {
            Some(authorities) => Arc::clone(authorities.store()),
            None => Arc::new(system_roots()),
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::Setup(error.to_string()))?
            .with_root_certificates(roots);
        let config = match &identity.client {
            Some(client) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(client.certified()))))
            }
            None => builder.with_no_client_auth(),
        };
        Ok(TlsConnector::from(Arc::new(config)))
    });
    made.await.map_err(|error| Failure::Setup(error.to_string()))?
}

#[cfg(test)]
mod tests;
