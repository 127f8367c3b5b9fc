//! `wasi:http` requests, sent by the runner for its guests.
//!
//! The stock sender would dial past the address policy, wait ten minutes, and speak HTTP/1.1 alone. This one resolves the
//! host itself, dials only what the check is granted, ends with the run, and bounds the answer.

mod answer;
mod dial;
mod exchanges;
mod failure;
mod http2;

use std::{io, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Request, Response, Uri, header, uri::Scheme};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

pub(super) use self::exchanges::Exchanges;
use self::{
    answer::Answer,
    exchanges::{Record, since, spelled},
};
use super::{
    exceeded::Exceeded,
    network::Network,
    tls::{Purpose, Speaker},
    traffic::Metered,
};
use crate::grant::Protocol;

/// The header of W3C Trace Context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// HTTP/2 by its name in TLS (RFC 9113, section 3.2).
const HTTP2: &str = "h2";
/// The number of the alert by which a server says that it speaks none of the offered protocols (RFC 7301, section 3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// One run's way to send requests.
pub(super) struct Requests {
    network: Network,
    speaker: Speaker,
    exchanges: Exchanges,
    deadline: Instant,
    /// The span that the run is, for the headers of requests.
    traceparent: Option<HeaderValue>,
}

impl Requests {
    pub(super) fn new(network: Network, speaker: Speaker, exchanges: Exchanges, deadline: Instant) -> Requests {
        Requests { network, speaker, exchanges, deadline, traceparent: None }
    }

    /// Has requests tell that they are part of this span, unless they tell of another themselves.
    pub(super) fn trace(&mut self, traceparent: Option<&Arc<str>>) {
        self.traceparent = traceparent.and_then(|parent| HeaderValue::from_str(parent).ok());
    }

    /// Gives the requests of the next call until then.
    pub(super) fn end_at(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }
}

type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Requests {
    /// A probe may name another host than it dials: that is how a virtual host behind one address is examined.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| *name != header::HOST && DEFAULT_FORBIDDEN_HEADERS.contains(name))
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        self.network.traffic().requests();
        if let Some(traceparent) = &self.traceparent {
            request.headers_mut().entry(TRACEPARENT).or_insert_with(|| traceparent.clone());
        }
        let exchange = Exchange {
            network: self.network.clone(),
            speaker: self.speaker.clone(),
            record: self.exchanges.begin(),
            deadline: self.deadline,
            options: options.unwrap_or_default(),
        };
        Box::new(exchange.send(request))
    }
}

struct Exchange {
    network: Network,
    speaker: Speaker,
    record: Record,
    deadline: Instant,
    options: RequestOptions,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// A connection over which a request can be sent.
struct Connected {
    stream: Box<dyn Stream>,
    /// Whether HTTP/2 is to be spoken over it.
    http2: bool,
    /// Whether the server asked for a client certificate, and the check has none.
    unshown: bool,
}

impl Exchange {
    async fn send(self, request: Request<WasiBody>) -> Result<Sent, Error> {
        let protocol = match request.uri().scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Protocol::Https,
            _ => Protocol::Http,
        };
        let authority = request.uri().authority().ok_or(Error::HttpRequestUriInvalid)?.clone();
        let (host, port) = (authority.host(), authority.port_u16());
        let port = port.unwrap_or(if protocol == Protocol::Https { 443 } else { 80 });

        let needs_http2 = http2::is_needed(request.headers());
        let connected = self.until(self.options.connect_timeout);
        let Connected { stream, http2, unshown } = timeout_at(connected, async {
            let stream = self.dial(protocol, host, port, connected).await?;
            if protocol == Protocol::Http {
                return Ok(Connected { stream: Box::new(stream), http2: needs_http2, unshown: false });
            }
            self.secure(stream, host, needs_http2).await
        })
        .await
        .map_err(|_| Error::ConnectionTimeout)??;

        let answered = self.until(self.options.first_byte_timeout);
        let came = timeout_at(answered, self.exchange(stream, http2, request)).await;
        let came = came.map_err(|_| Error::ConnectionReadTimeout)?;
        came.map_err(|error| if unshown { failure::or_unshown(error) } else { error })
    }

    /// The moment at which a time-out of the guest's choice ends, or the run does.
    fn until(&self, timeout: Option<Duration>) -> Instant {
        timeout
            .and_then(|timeout| Instant::now().checked_add(timeout))
            .map_or(self.deadline, |at| at.min(self.deadline))
    }

    async fn dial(
        &self,
        protocol: Protocol,
        host: &str,
        port: u16,
        until: Instant,
    ) -> Result<Metered<TcpStream>, Error> {
        let begun = Instant::now();
        self.network.count_lookup(host).map_err(ended)?;
        let found = self.network.resolve_to_dial(protocol, host, port).await;
        let addresses = found.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Error::HttpRequestDenied,
            _ => Error::DnsError { rcode: Some(error.to_string()), info_code: None },
        })?;
        self.record.note(|exchange| exchange.resolve = since(begun));
        let begun = Instant::now();
        let dialled = dial::dial(&self.network, protocol, &addresses, port, until, TcpStream::connect).await;
        let (stream, remote) = dialled?;
        self.record.note(|exchange| {
            exchange.connect = since(begun);
            exchange.remote = Some(remote.to_string());
        });
        // A request is written in several parts, none of which should wait until the server has confirmed another.
        // A system that can't promise that only makes it slower.
        let _ = stream.get_ref().set_nodelay(true);
        Ok(stream)
    }

    /// Speaks TLS over a connection.
    async fn secure(&self, stream: Metered<TcpStream>, host: &str, needs_http2: bool) -> Result<Connected, Error> {
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|_| Error::HttpRequestUriInvalid)?;
        let purpose = if needs_http2 { Purpose::Http2 } else { Purpose::Http };
        let begun = Instant::now();
        let (stream, number) =
            self.speaker.connect(purpose, name, stream).await.map_err(|error| match failure::of_tls(&error) {
                Error::TlsAlertReceived { alert_id: Some(NO_APPLICATION_PROTOCOL), .. } if needs_http2 => {
                    self.no_http2()
                }
                other => other,
            })?;
        self.record.note(|exchange| exchange.tls = since(begun));
        let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2.as_bytes());
        if needs_http2 && !http2 {
            return Err(self.no_http2());
        }
        Ok(Connected { stream: Box::new(stream), http2, unshown: self.speaker.asked_in_vain(number) })
    }

    async fn exchange(
        &self,
        stream: Box<dyn Stream>,
        http2: bool,
        mut request: Request<WasiBody>,
    ) -> Result<Sent, Error> {
        let begun = Instant::now();
        // The connection is driven by a task of its own, which ends with the exchange: an answer is read while it runs.
        let (response, connection, lease) = if http2 {
            let (response, connection, lease) = http2::exchange(stream, request).await?;
            (response, connection, Some(lease))
        } else {
            to_origin_form(&mut request)?;
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
            let (mut sender, connection) = handshake.await.map_err(|error| failure::of_protocol(&error))?;
            let connection = wasmtime_wasi::runtime::spawn(connection);
            match sender.send_request(request).await {
                Ok(response) => (response, connection, None),
                Err(error) => return Err(failure::of_protocol(&failure::behind(error, connection).await)),
            }
        };
        self.record.note(|exchange| {
            exchange.wait = since(begun);
            exchange.version = Some(spelled(response.version()));
        });
        let idle = self.options.between_bytes_timeout;
        let response = response.map(|incoming| Answer::new(incoming, idle, lease).boxed_unsync());
        let connection = async move {
            // Whatever ends it is told to who reads the answer.
            drop(connection.await);
            Ok(())
        };
        Ok((response, Box::new(connection)))
    }

    /// Why no HTTP/2 was agreed on with the server, though nothing else would do.
    fn no_http2(&self) -> Error {
        match self.speaker.alpn() {
            Some(chosen) if !chosen.iter().any(|name| name == HTTP2) => {
                let why = "the request needs HTTP/2, which the check's `tls.alpn` does not offer; add \"h2\" to it, or leave it out";
                self.network.cannot(why.to_owned());
                Error::HttpRequestDenied
            }
            _ => Error::HttpUpgradeFailed,
        }
    }
}

/// What the guest hears of a budget that its request was too much for. It is of no consequence: the run is over.
fn ended(exceeded: Exceeded) -> Error {
    Error::InternalError(Some(exceeded.to_string()))
}

/// What HTTP/1.1 sends to the server itself: the path alone, and the host in a header (RFC 9112, section 3.2.1).
fn to_origin_form(request: &mut Request<WasiBody>) -> Result<(), Error> {
    let authority = request.uri().authority().ok_or(Error::HttpRequestUriInvalid)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Error::HttpRequestUriInvalid)?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let uri = Uri::try_from(path).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().entry(header::HOST).or_insert(host);
    *request.uri_mut() = uri;
    Ok(())
}
