//! What this service depends on: another one, that says over HTTP how it is.

use anyhow::{Context, Result, bail, ensure};
use axum::http::{
    HeaderValue, Request, Uri,
    header::{AUTHORIZATION, HOST},
};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The other service. Any client will do to speak to it; this one opens a connection for each request.
pub struct Dependency {
    /// `host:port`.
    address: String,
    path: String,
    authorization: Option<HeaderValue>,
}

impl Dependency {
    /// The service whose health page this is, and the bearer token that it wants.
    pub fn new(url: &str, token: Option<&str>) -> Result<Dependency> {
        let uri: Uri = url.parse().context("DEPENDENCY_URL must be like http://127.0.0.1:8080/health")?;
        let (Some("http"), Some(host)) = (uri.scheme_str(), uri.host()) else {
            bail!("DEPENDENCY_URL must begin with http:// and a host, for example http://127.0.0.1:8080/health");
        };
        let authorization = token.map(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).context("DEPENDENCY_TOKEN is no token")?;
            value.set_sensitive(true);
            anyhow::Ok(value)
        });
        Ok(Dependency {
            address: format!("{host}:{}", uri.port_u16().unwrap_or(80)),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            authorization: authorization.transpose()?,
        })
    }

    /// Asks it how it is. The error says why it is of no use, and nothing of the token.
    pub async fn get(&self) -> Result<()> {
        let address = &self.address;
        let stream = TcpStream::connect(address).await.with_context(|| format!("can't connect to {address}"))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends when the request is over or given up; what fails in it fails the request.
        tokio::spawn(connection);
        let mut request = Request::get(&self.path).header(HOST, address).body(Empty::<Bytes>::new())?;
        request.headers_mut().extend(self.authorization.clone().map(|value| (AUTHORIZATION, value)));
        let response = sender.send_request(request).await.with_context(|| format!("no answer from {address}"))?;
        let status = response.status();
        ensure!(status.is_success(), "{address} answered {status}");
        Ok(())
    }
}
