//! A runner that is asked over HTTP, by the commands that show how it is.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use serde::de::DeserializeOwned;

use crate::{
    client::{Client, Connection, Failure},
    identity::{Authorities, ClientCertificate, Identity},
};

/// Where a runner is unless somebody says otherwise: where it listens unless it is told otherwise.
const USUAL: &str = "http://127.0.0.1:8081";
/// How long an answer may take. The runner waits for nobody, so more than this is the network's fault.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer: some hundred thousand checks.
const LARGEST: usize = 256 << 20;
/// The environment variable with a token. It is no option: those can be read by everybody on a machine.
const TOKEN: &str = "PROBITY_TOKEN";

/// Which runner, and by what right.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The runner; `HOST:PORT` is one that speaks HTTP there.
    #[arg(env = "PROBITY_URL", default_value = USUAL, value_name = "URL")]
    url: String,
    #[command(flatten)]
    access: Access,
}

/// By what right a runner is asked, and by what it is known.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(super) struct Access {
    /// A file with a token of the scope `read`; without it, the environment variable PROBITY_TOKEN is used if there is one.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A PEM file of those who vouch for the runner, in place of those that the system trusts.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A PEM file with the certificate to show to a runner that asks for one, and those between it and an authority.
    #[arg(long, requires = "key_file", value_name = "FILE")]
    cert_file: Option<PathBuf>,
    /// A PEM file with the key of that certificate.
    #[arg(long, requires = "cert_file", value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// A runner, and the connection to it that is made when it is first asked.
pub(super) struct Runner {
    /// As it was named, but for a user's name and password.
    pub(super) url: String,
    client: Client,
    connection: Option<Connection>,
    /// What its paths begin with, behind a proxy.
    prefix: String,
    token: Option<String>,
    /// What to do if it hangs up, if there is something.
    remedy: &'static str,
}

impl Remote {
    /// Makes sense of what was said; nobody is asked yet.
    ///
    /// # Errors
    ///
    /// If the URL is none of a runner, or a file can't be read.
    pub(super) fn runner(&self) -> Result<Runner> {
        self.access.runner(&self.url)
    }
}

impl Access {
    /// As [`Remote::runner`], of the runner at this URL.
    ///
    /// # Errors
    ///
    /// If the URL is none of a runner, or a file can't be read.
    pub(super) fn runner(&self, url: &str) -> Result<Runner> {
        let wrong = || format!("`{}` is no URL of a runner; write one such as {USUAL}", shown(url));
        let uri: Uri = url.parse().with_context(wrong)?;
        // A host and a port, as the runner's own `listen` has them.
        if uri.scheme().is_none() && uri.port().is_some() && uri.path().is_empty() {
            return self.runner(&format!("http://{url}"));
        }
        let scheme = uri.scheme_str().with_context(wrong)?;
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        ensure!(has_host && uri.query().is_none() && matches!(scheme, "http" | "https"), wrong());
        let shows_nothing = scheme == "https" && self.cert_file.is_none();
        Ok(Runner {
            url: shown(url),
            client: Client::new(&uri, Arc::new(self.identity()?), PATIENCE),
            connection: None,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            token: self.token()?,
            remedy: if shows_nothing {
                "; if it asks for a certificate, name yours by --cert-file and --key-file"
            } else {
                ""
            },
        })
    }

    fn token(&self) -> Result<Option<String>> {
        let token = match &self.token_file {
            Some(file) => Some(fs::read_to_string(file).with_context(|| unread(file))?),
            None => std::env::var(TOKEN).ok(),
        };
        Ok(token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
    }

    fn identity(&self) -> Result<Identity> {
        let read = |file: &PathBuf| fs::read(file).with_context(|| unread(file));
        let unfit = |file: &Path| format!("{} can't be used", file.display());
        let mut identity = Identity::default();
        if let Some(file) = &self.ca_file {
            identity.authorities = Some(Arc::new(Authorities::read(&read(file)?).with_context(|| unfit(file))?));
        }
        if let (Some(chain), Some(key)) = (&self.cert_file, &self.key_file) {
            let certificates = ClientCertificate::read_chain(&read(chain)?).with_context(|| unfit(chain))?;
            let client = ClientCertificate::read_key(certificates, &read(key)?).with_context(|| unfit(key))?;
            identity.client = Some(Arc::new(client));
        }
        Ok(identity)
    }
}

fn unread(file: &Path) -> String {
    format!("can't read {}", file.display())
}

/// A URL without what may be a secret.
fn shown(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://{rest}"),
        None => url.to_owned(),
    }
}

impl Runner {
    /// Asks for a document. A status that tells of targets, and not of the request, is an answer.
    ///
    /// # Errors
    ///
    /// If the runner is not to be reached, or does not tell.
    pub(super) async fn ask<T: DeserializeOwned>(&mut self, path: &str) -> Result<T> {
        let body = self.fetch(path).await?;
        serde_json::from_slice(&body).with_context(|| format!("{}{path} is not what a runner says", self.url))
    }

    async fn fetch(&mut self, path: &str) -> Result<Vec<u8>> {
        let url = &self.url;
        let mut request = Request::get(format!("{}{path}", self.prefix)).header(header::ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Bytes::new()).context("the token can't be sent")?;
        let answer = self.client.exchange_over(&mut self.connection, request, LARGEST).await;
        let answer = answer.map_err(|failure| {
            let why = match failure {
                Failure::Unreachable { .. } => {
                    format!("{url} is not to be reached; if the runner is elsewhere, name its URL")
                }
                Failure::Distrusted { .. } => format!("{url} is not trusted"),
                Failure::Tls { .. } => format!("{url} can't be spoken to over TLS"),
                _ => format!("{url} does not answer{}", self.remedy),
            };
            anyhow!(failure).context(why)
        })?;
        let (status, is_problem) = (answer.status, is_problem(&answer.headers));
        match status {
            StatusCode::OK => {}
            StatusCode::SERVICE_UNAVAILABLE if !is_problem => {}
            StatusCode::UNAUTHORIZED => bail!(
                "{url} asks for a token with the scope `read`: put it into the environment variable {TOKEN}, or into a file \
                 that --token-file names"
            ),
            status => bail!("{url}{path} answered {status}{}", detail(&answer.body)),
        }
        answer.whole().with_context(|| format!("{url} did not finish its answer"))
    }
}

fn is_problem(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json")
}

/// What a problem says of itself.
fn detail(body: &[u8]) -> String {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    problem["detail"].as_str().map_or_else(String::new, |detail| format!(": {detail}"))
}
