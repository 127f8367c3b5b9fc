//! Requests to a collector, each over a connection of its own: there are few.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Request, header};
use jiff::Timestamp;

use crate::{
    client::{self, Client},
    config::Otlp,
    identity::Identity,
    protobuf,
};

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
    /// How long the collector wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl From<client::Failure> for Failure {
    fn from(failure: client::Failure) -> Failure {
        Failure { passing: !failure.is_permanent(), message: failure.to_string(), retry_after: None }
    }
}

/// What was not taken of a message that was, and need not be sent again.
pub(super) struct Rejected {
    /// How many spans, or points of metrics.
    pub(super) count: u64,
    /// Why, or what there is to be said of those that were taken; empty if there is nothing.
    pub(super) message: String,
}

/// A collector.
pub(super) struct Collector {
    client: Client,
    /// What its paths begin with.
    prefix: String,
    headers: HeaderMap,
}

impl Collector {
    pub(super) fn new(config: &Otlp) -> Collector {
        let identity = Identity { authorities: config.authorities.clone(), ..Identity::default() };
        let mut headers = config.headers.clone();
        headers.insert(header::CONTENT_TYPE, PROTOBUF);
        Collector {
            client: Client::new(&config.endpoint, Arc::new(identity), PATIENCE),
            prefix: config.endpoint.path().trim_end_matches('/').to_owned(),
            headers,
        }
    }

    /// The collector, without what may be a secret.
    pub(super) fn name(&self) -> String {
        self.client.name()
    }

    /// Posts a message to a path; what of it was not taken.
    pub(super) async fn post(&self, path: &str, body: Vec<u8>) -> Result<Rejected, Failure> {
        let request = Request::post(format!("{}{path}", self.prefix)).body(body.into());
        let mut request = request.map_err(|error| client::Failure::Unfit(error.to_string()))?;
        request.headers_mut().clone_from(&self.headers);
        let answer = self.client.exchange(request, ANSWER).await?;
        if answer.status.is_success() {
            return Ok(rejected(&answer.body));
        }
        // Those that may be tried again are named by the specification.
        let passing = matches!(answer.status.as_u16(), 429 | 502 | 503 | 504);
        let message = format!("{} answered {}", self.name(), answer.in_words());
        Err(Failure { message, passing, retry_after: answer.retry_after(Timestamp::now()) })
    }
}

/// What an answer says of a partial success, by the fields of `ExportTraceServiceResponse`, which are those for metrics as well. An
/// answer of another kind says nothing.
fn rejected(answer: &[u8]) -> Rejected {
    let partial = protobuf::bytes(answer, 1).unwrap_or_default();
    let message = protobuf::text(partial, 2).unwrap_or_default();
    Rejected { count: protobuf::number(partial, 1).unwrap_or_default(), message }
}
