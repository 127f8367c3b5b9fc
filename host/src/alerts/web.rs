//! Messages that are posted to a server, and what its answer says of them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use jiff::Timestamp;

use super::delivery::Failure;
use crate::{
    client::{self, Answer, Client},
    config::Web,
};

/// Bytes of an answer that are read: what a server says of an error is shorter.
const ANSWER: usize = 4 * 1024;

/// One place to post messages to.
pub(super) struct Place {
    client: Client,
    /// The path and the query that it was given by.
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Place {
    /// A place that answers within `patience`.
    pub(super) fn new(web: &Web, patience: Duration) -> Place {
        Place {
            client: Client::new(&web.url, Arc::clone(&web.tls), patience),
            path: web.url.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            headers: web.headers.clone(),
        }
    }

    /// Posts a body to the place itself.
    pub(super) async fn post(
        &self,
        media_type: &'static str,
        headers: &[(HeaderName, HeaderValue)],
        body: impl Into<Bytes>,
    ) -> Result<(), Failure> {
        self.post_to(&self.path, media_type, headers, body).await
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
        let request = Request::post(path).header(header::CONTENT_TYPE, media_type).body(body.into());
        let mut request = request.map_err(|error| Failure::permanent(format!("its path is no path: {error}")))?;
        // What the operator says counts, and can replace what is said otherwise.
        for (name, value) in headers.iter().chain(&self.headers) {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let answer = self.client.exchange(request, ANSWER).await.map_err(unsent)?;
        judge(&self.client.name(), &answer, Timestamp::now())
    }
}

fn unsent(failure: client::Failure) -> Failure {
    let permanent = failure.is_permanent();
    let message = unvouched(failure.to_string(), matches!(failure, client::Failure::Distrusted { .. }));
    Failure { permanent, ..Failure::passing(message) }
}

/// What went wrong with TLS, and where it is a certificate, how its server is trusted.
pub(super) fn unvouched(message: String, of_certificate: bool) -> String {
    if of_certificate { format!("{message}; `tls.ca_file` says who vouches for the server") } else { message }
}

fn judge(server: &str, answer: &Answer, now: Timestamp) -> Result<(), Failure> {
    let status = answer.status;
    if status.is_success() {
        return Ok(());
    }
    let message = format!("{server} answered {}", answer.in_words());
    if status.is_redirection() {
        // Whatever is sent along may be a secret, and is not meant for another place.
        return Err(Failure::passing(format!("{message}; it is not followed: give the address that it leads to")));
    }
    // What an operator can put right without another message is tried again: a token, a path, a proxy.
    let passing = status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 404 | 407 | 408 | 409 | 425 | 429);
    Err(Failure { message, permanent: !passing, retry_after: answer.retry_after(now) })
}
