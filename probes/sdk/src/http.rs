//! HTTP requests, sent by the runner on the probe's behalf: it resolves, connects, and speaks TLS.

mod nonblocking;

use std::time::Duration;

use crate::{
    Attempt, Cause, Error, Failure,
    bindings::probity::probe::http::{Exchange, latest},
    bindings::wasi::{
        http::{
            outgoing_handler::handle,
            types::{
                ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
                OutgoingRequest, RequestOptions, Scheme, http_error_code,
            },
        },
        io::streams::{InputStream, OutputStream, StreamError},
    },
    certificate::{self, latest_handshake},
    clock::{Deadline, Instant},
    contract::nanoseconds,
    error::QUOTED,
    stream,
    text::first_line,
    url::Url,
};

pub use self::nonblocking::send_async;

/// Says whose a request is: some servers refuse those that do not.
const USER_AGENT: &str = concat!("probity/", env!("CARGO_PKG_VERSION"));

/// Characters of the reason why a certificate was refused, which may tell some of its names.
const MOST_REASON: usize = 500;

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Such as `GET`.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a Url,
    /// Names and values, in the order in which they are sent.
    pub headers: &'a [(String, String)],
    /// What is sent after the headers; nothing if it is empty.
    pub body: &'a [u8],
}

/// The answer, whose body is yet to be read.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case and values, in the order in which they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What the runner saw of the request.
    pub exchange: Option<Exchange>,
    // A body must outlive its stream, and a response its body: fields are dropped in this order. Variables are dropped in the
    // reverse one, so this is never taken apart as a whole.
    stream: InputStream,
    body: IncomingBody,
    _response: IncomingResponse,
    url: Url,
}

/// A body that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Its bytes, as many as were allowed.
    pub bytes: Vec<u8>,
    /// Whether there were more.
    pub cut: bool,
}

/// What is wrong with a header that an operator would have sent, if anything is.
pub fn header_problem(name: &str, value: &str) -> Option<&'static str> {
    if !is_token(name) {
        return Some("not the name of a header; it may have letters, digits and !#$%&'*+-.^_`|~");
    }
    let is_fine = |byte: u8| !byte.is_ascii_control() || byte == b'\t';
    (!value.bytes().all(is_fine)).then_some("a value must not have control characters, such as a line break")
}

/// The headers that an operator would have sent, with names in lower case, and a `user-agent` among them.
pub fn headers_of<'a>(headers: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<(String, String)> {
    let mut headers: Vec<_> =
        headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    if !headers.iter().any(|(name, _)| name == "user-agent") {
        headers.push(("user-agent".to_owned(), USER_AGENT.to_owned()));
    }
    headers
}

/// Whether a text can be a method or the name of a header (RFC 9110, section 5.6.2).
pub fn is_token(text: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_fine)
}

/// Sends a request, and waits for the head of the answer: the phase `first-byte`, and within it, as the runner tells, `resolve`,
/// `connect`, `tls` and `wait`.
///
/// # Errors
///
/// Any [`Cause`].
pub fn ask(request: &Request<'_>, attempt: &mut Attempt) -> Result<Response, Error> {
    let answer = attempt.phase("first-byte", |deadline| send(request, deadline));
    // Of a request that came to nothing it is told how far it came.
    for Exchange { resolve, connect, tls, wait, .. } in latest().into_iter().take(1) {
        for (name, took) in [("resolve", resolve), ("connect", connect), ("tls", tls), ("wait", wait)] {
            if let Some(took) = took {
                attempt.took(name, Duration::from_nanos(took));
            }
        }
    }
    answer
}

/// Sends a request, and waits for the head of the answer. One of a gRPC content type is sent by HTTP/2, whether over TLS or not.
///
/// # Errors
///
/// Any [`Cause`].
pub fn send(request: &Request<'_>, deadline: Deadline) -> Result<Response, Error> {
    let answered = exchange(request, deadline).and_then(|response| of(response, request, latest().into_iter().next()));
    answered.map_err(|cause| Error::new(format!("asking {}", request.url), cause))
}

/// What came of a request without an answer, with all that is known of the target: the `address` that was dialled, if it came to
/// that, and of a certificate that was refused how long it is valid.
pub fn unanswered(error: Error) -> Failure {
    let is_refused = matches!(error.cause, Cause::Certificate(_));
    let remote = latest().into_iter().next().and_then(|exchange| exchange.remote);
    Failure::from(error).tell(|verdict| {
        let verdict = if is_refused { certificate::described(verdict) } else { verdict };
        match remote {
            Some(remote) => verdict.detail("address", remote),
            None => verdict,
        }
    })
}

impl Response {
    /// The first value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// Reads the body to its end, or `most` bytes of it.
    ///
    /// # Errors
    ///
    /// [`Cause::TimedOut`], [`Cause::Closed`], [`Cause::Broken`], [`Cause::Protocol`] or [`Cause::Runner`].
    pub fn read_body(&mut self, most: usize, deadline: Deadline) -> Result<Body, Error> {
        let mut bytes = Vec::new();
        loop {
            let (room, begun) = (room(&bytes, most), Instant::now());
            let arrived = || arrived(&self.stream, room, begun, deadline);
            let more = deadline.until(|| self.stream.subscribe(), arrived).map_err(|cause| self.unread(cause))?;
            if let Some(cut) = add(&mut bytes, more, most) {
                return Ok(Body { bytes, cut });
            }
        }
    }

    fn unread(&self, cause: Cause) -> Error {
        Error::new(format!("reading the body of {}", self.url), cause)
    }

    /// What comes after the body, in the form of [`headers`](Self::headers); nothing if nothing does. Of the body, what is yet to
    /// be read is passed over.
    ///
    /// # Errors
    ///
    /// As for [`read_body`](Self::read_body).
    pub fn trailers(self, deadline: Deadline) -> Result<Vec<(String, Vec<u8>)>, Error> {
        drop(self.stream);
        let begun = Instant::now();
        let pending = IncomingBody::finish(self.body);
        let arrived = || {
            // The outer error would mean that they were taken before: they are taken once, on the way out of the wait.
            let trailers = pending.get().map(|taken| taken.unwrap_or(Err(ErrorCode::InternalError(None))));
            trailers.transpose().map_err(|code| cause(code, begun))
        };
        let trailers = deadline
            .until(|| pending.subscribe(), arrived)
            .map_err(|cause| Error::new(format!("reading the trailers of {}", self.url), cause))?;
        Ok(trailers.map(|fields| entries(&fields)).unwrap_or_default())
    }
}

fn exchange(request: &Request<'_>, deadline: Deadline) -> Result<IncomingResponse, Cause> {
    let begun = Instant::now();
    let (pending, body) = start(request, deadline, begun)?;
    if let Some(body) = body {
        let written = stream::write(&body.stream, request.body, deadline);
        body.end(written)?;
    }
    deadline.until(|| pending.subscribe(), || answer(&pending, begun))
}

/// What was answered; nothing yet if nothing was.
fn answer(pending: &FutureIncomingResponse, begun: Instant) -> Result<Option<IncomingResponse>, Cause> {
    // The outer error would mean that the answer was taken before: it is taken once, on the way out of the wait.
    let answer = pending.get().map(|taken| taken.unwrap_or(Err(ErrorCode::InternalError(None))));
    answer.transpose().map_err(|code| cause(code, begun))
}

/// The answer to a request, whose head has come.
fn of(response: IncomingResponse, request: &Request<'_>, exchange: Option<Exchange>) -> Result<Response, Cause> {
    let (body, stream) = open_body(&response)?;
    Ok(Response {
        status: response.status(),
        headers: entries(&response.headers()),
        exchange,
        stream,
        body,
        _response: response,
        url: request.url.clone(),
    })
}

fn entries(fields: &Fields) -> Vec<(String, Vec<u8>)> {
    fields.entries().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

/// Hands the request to the runner; its body is yet to be written.
fn start(
    request: &Request<'_>,
    deadline: Deadline,
    begun: Instant,
) -> Result<(FutureIncomingResponse, Option<Sending>), Cause> {
    let outgoing = outgoing(request)?;
    let body = if request.body.is_empty() { None } else { Some(Sending::of(&outgoing)?) };
    let pending = handle(outgoing, Some(options(deadline)?)).map_err(|code| cause(code, begun))?;
    Ok((pending, body))
}

/// The body of a request that is being sent.
struct Sending {
    // A body must outlive its stream: fields are dropped in this order. Variables are dropped in the reverse one, so this is never
    // taken apart as a whole.
    stream: OutputStream,
    body: OutgoingBody,
}

impl Sending {
    fn of(request: &OutgoingRequest) -> Result<Self, Cause> {
        let body = request.body().map_err(|()| not_taken("a body"))?;
        let stream = body.write().map_err(|()| not_taken("a body"))?;
        Ok(Self { stream, body })
    }

    /// What follows from how it was written.
    fn end(self, written: Result<(), Cause>) -> Result<(), Cause> {
        match written {
            Ok(()) => {
                drop(self.stream);
                // Fails as the write would have.
                let _ = OutgoingBody::finish(self.body, None);
                Ok(())
            }
            Err(silent @ Cause::TimedOut(_)) => Err(silent),
            // The answer says why, or comes all the same: a server may answer before it has read all.
            Err(_) => Ok(()),
        }
    }
}

fn outgoing(request: &Request<'_>) -> Result<OutgoingRequest, Cause> {
    let headers = Fields::new();
    for (name, value) in request.headers {
        headers.append(name, value.as_bytes()).map_err(|_| not_taken(&format!("the header {name}")))?;
    }
    if !request.body.is_empty() {
        // Without it HTTP/1.1 would send the body in chunks, which not every server takes.
        let length = request.body.len().to_string();
        headers.append("content-length", length.as_bytes()).map_err(|_| not_taken("the header content-length"))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if request.url.secure() { Scheme::Https } else { Scheme::Http };
    outgoing.set_method(&method(request.method)).map_err(|()| not_taken("this method"))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| not_taken("this scheme"))?;
    outgoing.set_authority(Some(request.url.authority())).map_err(|()| not_taken("this host"))?;
    outgoing.set_path_with_query(Some(request.url.path_with_query())).map_err(|()| not_taken("this path"))?;
    Ok(outgoing)
}

/// Time-outs for the runner, so that it stops when the probe does.
fn options(deadline: Deadline) -> Result<RequestOptions, Cause> {
    let options = RequestOptions::new();
    let left = Some(nanoseconds(deadline.remaining()));
    options.set_connect_timeout(left).map_err(|()| not_taken("a connect time-out"))?;
    options.set_first_byte_timeout(left).map_err(|()| not_taken("a first-byte time-out"))?;
    options.set_between_bytes_timeout(left).map_err(|()| not_taken("a between-bytes time-out"))?;
    Ok(options)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// The runner does not take a part of the request.
fn not_taken(part: &str) -> Cause {
    Cause::Unsupported(part.to_owned())
}

fn open_body(response: &IncomingResponse) -> Result<(IncomingBody, InputStream), Cause> {
    // Each can be had once, and is had here alone.
    let gone = |()| Cause::Runner("it has no body to read".to_owned());
    let body = response.consume().map_err(gone)?;
    let stream = body.stream().map_err(gone)?;
    Ok((body, stream))
}

/// How much of a body is asked for: one byte more than is allowed tells a body that fits from one that does not.
fn room(bytes: &[u8], most: usize) -> usize {
    (most - bytes.len()).saturating_add(1)
}

/// Adds to a body what has come of it; whether it was cut, once it is read.
fn add(bytes: &mut Vec<u8>, more: Vec<u8>, most: usize) -> Option<bool> {
    if more.is_empty() {
        return Some(false);
    }
    bytes.extend(more);
    (bytes.len() > most).then(|| {
        bytes.truncate(most);
        true
    })
}

/// What has arrived of a body; nothing yet if nothing has, and none at its end.
fn arrived(stream: &InputStream, most: usize, begun: Instant, deadline: Deadline) -> Result<Option<Vec<u8>>, Cause> {
    stream::arrived(stream, most).map_err(|error| match &error {
        StreamError::LastOperationFailed(failed) => match http_error_code(failed) {
            Some(code) => cause(code, begun),
            // The runner gives up when the probe does; wasmtime 48 has no code for what breaks off a body.
            None if deadline.remaining().is_zero() => Cause::TimedOut(begun.elapsed()),
            None => Cause::from(error),
        },
        StreamError::Closed => Cause::Closed,
    })
}

/// What the runner's error code means; `begun` is when the waiting began, for its time-outs.
fn cause(code: ErrorCode, begun: Instant) -> Cause {
    let protocol = |text: &str| Cause::Protocol(text.to_owned());
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Cause::Denied,
        ErrorCode::DnsTimeout => Cause::ResolverFailed,
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => Cause::Unresolvable,
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => Cause::Unreachable,
        ErrorCode::ConnectionRefused => Cause::Refused,
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => Cause::Closed,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Cause::TimedOut(begun.elapsed()),
        ErrorCode::TlsProtocolError => Cause::Tls("no common ground in the handshake".to_owned()),
        ErrorCode::TlsCertificateError => match latest_handshake().as_ref().and_then(|handshake| handshake.refused()) {
            Some(refusal) => Cause::Certificate(first_line(&refusal.message, MOST_REASON)),
            None => Cause::Tls("the server's certificate is not valid here".to_owned()),
        },
        ErrorCode::TlsAlertReceived(alert) => Cause::Tls(match alert.alert_message {
            Some(text) => first_line(&text, QUOTED),
            None => "the server refused the handshake".to_owned(),
        }),
        ErrorCode::HttpResponseHeaderSectionSize(_) | ErrorCode::HttpResponseHeaderSize(_) => {
            protocol("the headers are too long")
        }
        ErrorCode::HttpResponseTrailerSectionSize(_) | ErrorCode::HttpResponseTrailerSize(_) => {
            protocol("the trailers are too long")
        }
        ErrorCode::HttpResponseBodySize(_) => protocol("the body is too long"),
        ErrorCode::HttpResponseTransferCoding(_) => protocol("the transfer coding is unknown"),
        ErrorCode::HttpResponseContentCoding(_) => protocol("the content coding is unknown"),
        ErrorCode::HttpUpgradeFailed => Cause::NoHttp2,
        ErrorCode::HttpProtocolError => protocol("this is not HTTP"),
        ErrorCode::LoopDetected => protocol("the request ran in a loop"),
        ErrorCode::InternalError(Some(text)) => Cause::Runner(first_line(&text, QUOTED)),
        ErrorCode::InternalError(None) => Cause::Runner("it does not say why".to_owned()),
        ErrorCode::ConnectionLimitReached => Cause::Runner("too many connections".to_owned()),
        ErrorCode::ConfigurationError => Cause::Runner("its configuration does not allow it".to_owned()),
        ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_) => not_taken("the request"),
    }
}
