//! A runner that is asked over HTTP, by the commands that show how it is.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, StatusCode, Uri,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// Where a runner is unless somebody says otherwise: where it listens unless it is told otherwise.
const USUAL: &str = "http://127.0.0.1:8081";
/// How long an answer may take. The runner waits for nobody, so more than this is the network's fault.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer: some hundred thousand checks.
const LARGEST: usize = 256 << 20;

/// Which runner, and by what right.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The runner.
    #[arg(env = "PROBITY_URL", default_value = USUAL, value_name = "URL")]
    url: String,
    /// A file with a token of the scope `read`; without it, the environment variable PROBITY_TOKEN is used if there is one.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A PEM file of those who vouch for the runner, in place of those that the system trusts.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// The environment variable with a token. It is no option: those can be read by everybody on a machine.
const TOKEN: &str = "PROBITY_TOKEN";

/// A runner, and the connection to it that is made when it is first asked.
pub(super) struct Runner {
    /// As it was named.
    pub(super) url: String,
    host: String,
    port: u16,
    /// What its paths begin with, behind a proxy.
    prefix: String,
    token: Option<String>,
    tls: Option<TlsConnector>,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

impl Remote {
    /// This runner, for a command whose arguments are others.
    pub(super) fn at(url: String, token_file: Option<PathBuf>, ca_file: Option<PathBuf>) -> Remote {
        Remote { url, token_file, ca_file }
    }

    /// Makes sense of what was said; nobody is asked yet.
    ///
    /// # Errors
    ///
    /// If the URL is none of a runner, or a file can't be read.
    pub(super) fn runner(&self) -> Result<Runner> {
        let wrong = || format!("`{}` is no URL of a runner; write one such as {USUAL}", self.url);
        let uri: Uri = self.url.parse().with_context(wrong)?;
        let (scheme, host) = (uri.scheme_str().with_context(wrong)?, uri.host().with_context(wrong)?);
        ensure!(uri.query().is_none() && matches!(scheme, "http" | "https"), wrong());
        let is_secure = scheme == "https";
        Ok(Runner {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            token: self.token()?,
            tls: if is_secure { Some(self.tls()?) } else { None },
            connection: None,
            url: self.url.clone(),
        })
    }

    fn token(&self) -> Result<Option<String>> {
        let token = match &self.token_file {
            Some(file) => Some(fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?),
            None => std::env::var(TOKEN).ok(),
        };
        Ok(token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
    }

    fn tls(&self) -> Result<TlsConnector> {
        let mut roots = RootCertStore::empty();
        match &self.ca_file {
            Some(file) => {
                let unfit = || format!("{} has no certificates in PEM", file.display());
                for certificate in CertificateDer::pem_file_iter(file).with_context(unfit)? {
                    roots.add(certificate.with_context(unfit)?).with_context(unfit)?;
                }
                ensure!(!roots.is_empty(), unfit());
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

impl Runner {
    /// Asks for a document. A status that tells of targets, and not of the request, is an answer.
    ///
    /// # Errors
    ///
    /// If the runner is not to be reached, or does not tell.
    pub(super) async fn ask<T: DeserializeOwned>(&mut self, path: &str) -> Result<T> {
        let body = timeout(PATIENCE, self.fetch(path)).await;
        let body = body.map_err(|_| anyhow!("{} does not answer within {PATIENCE:?}", self.url)).flatten();
        if body.is_err() {
            self.connection = None;
        }
        serde_json::from_slice(&body?).with_context(|| format!("{}{path} is not what a runner says", self.url))
    }

    async fn fetch(&mut self, path: &str) -> Result<Bytes> {
        let url = self.url.clone();
        let mut connection = match self.connection.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await.with_context(|| format!("{url} went away"))?;
        let mut request = Request::get(format!("{}{path}", self.prefix))
            .header(header::HOST, format!("{}:{}", self.host, self.port))
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("probity/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::new()).context("the token can't be sent")?;
        let response = connection.send_request(request).await.with_context(|| format!("{url} does not answer"))?;
        let (status, is_problem) = (response.status(), is_problem(response.headers()));
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| anyhow!("{url} did not finish its answer: {error}"))?.to_bytes();
        self.connection = Some(connection);
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::SERVICE_UNAVAILABLE if !is_problem => Ok(body),
            StatusCode::UNAUTHORIZED => bail!(
                "{url} asks for a token with the scope `read`: put it into the environment variable {TOKEN}, or into a file \
                 that --token-file names"
            ),
            status => bail!("{url}{path} answered {status}{}", detail(&body)),
        }
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let tcp = TcpStream::connect((bare, self.port))
            .await
            .with_context(|| format!("{} is not to be reached; if the runner is elsewhere, name its URL", self.url))?;
        let Some(tls) = &self.tls else { return speak(tcp).await };
        let name = ServerName::try_from(bare.to_owned())?;
        speak(tls.connect(name, tcp).await.with_context(|| format!("{} is not trusted", self.url))?).await
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<SendRequest<Empty<Bytes>>> {
    let (connection, driver) = handshake(TokioIo::new(stream)).await?;
    // Whatever ends it is seen by the next request.
    tokio::spawn(driver);
    Ok(connection)
}

fn is_problem(headers: &header::HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json")
}

/// What a problem says of itself.
fn detail(body: &[u8]) -> String {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    problem["detail"].as_str().map_or_else(String::new, |detail| format!(": {detail}"))
}
