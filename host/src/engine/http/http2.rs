//! Requests by HTTP/2 (RFC 9113).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Response, Uri, header, uri::Authority};
use hyper::{body::Incoming, client::conn::http2, rt::Executor};
use hyper_util::rt::TokioIo;
use tokio::{sync::watch, time::sleep};
use tokio_util::io::InspectReader;
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi_http::{Error, WasiBody};

use super::{Stream, failure};

/// The type of what gRPC says; what it is encoded by may follow.
const GRPC: &[u8] = b"application/grpc";
/// How any version before this one begins an answer.
const OLDER: &[u8] = b"HTTP/1.";
/// Bytes that a server may send ahead of a guest that reads: some buffers of a connection's own. The two megabytes that hyper
/// allows would be too much to hold for each of many thousand runs.
const AHEAD: u32 = 256 * 1024;
/// How long a connection may take to say goodbye once nobody reads from it; a server that does not listen could hold it open
/// for ever.
const LEAVE: Duration = Duration::from_secs(1);

/// Whether a request can be sent in no other way: gRPC is defined over HTTP/2 alone (its PROTOCOL-HTTP2). Where there is no
/// TLS to agree on that by, a client has to know it (section 3.3), and the request's type is how it is known here.
pub(super) fn is_needed(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    let Some((grpc, rest)) = kind.split_at_checked(GRPC.len()) else { return false };
    // What goes on in another way is another protocol, such as gRPC-Web, which is meant for HTTP/1.1.
    grpc.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';'))
}

/// Whoever holds it may go on reading. Once it is dropped the connection takes its leave.
pub(super) type Lease = watch::Sender<()>;

/// What drives a connection.
type Connection = AbortOnDropJoinHandle<hyper::Result<()>>;

/// Sends a request over a connection of its own, and waits for the head of the answer. What it returns first drives the
/// request, and must be kept with the answer, as must the lease.
pub(super) async fn exchange(
    stream: Box<dyn Stream>,
    mut request: Request<WasiBody>,
) -> Result<(Response<Incoming>, Connection, Lease), Error> {
    to_pseudo_header(&mut request)?;
    let is_older = Arc::new(AtomicBool::new(false));
    let failed = |error| {
        if is_older.load(Ordering::Relaxed) { Error::HttpUpgradeFailed } else { failure::of_protocol(&error) }
    };
    let (lease, ended) = watch::channel(());
    let mut builder = http2::Builder::new(Beside(ended));
    builder.initial_stream_window_size(AHEAD).initial_connection_window_size(AHEAD);
    let handshake = builder.handshake(TokioIo::new(noticing(stream, Arc::clone(&is_older))));
    let (mut sender, connection) = handshake.await.map_err(failed)?;
    let connection = wasmtime_wasi::runtime::spawn(connection);
    match sender.send_request(request).await {
        Ok(response) => Ok((response, connection, lease)),
        Err(error) => Err(failed(failure::behind(error, connection).await)),
    }
}

/// A stream that tells whether the server answers by an older version.
fn noticing(stream: Box<dyn Stream>, is_older: Arc<AtomicBool>) -> impl Stream {
    let mut first: Vec<u8> = Vec::with_capacity(OLDER.len());
    InspectReader::new(stream, move |bytes: &[u8]| {
        let missing = OLDER.len() - first.len();
        if missing > 0 {
            first.extend(bytes.iter().take(missing));
            is_older.store(first == OLDER, Ordering::Relaxed);
        }
    })
}

/// HTTP/2 says in its `:authority` what others say in a header (section 8.3.1).
fn to_pseudo_header(request: &mut Request<WasiBody>) -> Result<(), Error> {
    let Some(host) = request.headers_mut().remove(header::HOST) else { return Ok(()) };
    let mut parts = request.uri().clone().into_parts();
    parts.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| Error::HttpRequestUriInvalid)?);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(())
}

/// Runs what a connection consists of, and ends it when the lease has ended and the time to leave is over.
#[derive(Clone)]
struct Beside(watch::Receiver<()>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Beside {
    fn execute(&self, future: F) {
        let mut ended = self.0.clone();
        tokio::spawn(async move {
            let leave = async {
                // Nothing is ever sent: that it fails means that the lease was dropped.
                while ended.changed().await.is_ok() {}
                sleep(LEAVE).await;
            };
            tokio::select! {
                () = future => {}
                () = leave => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body_util::{BodyExt, Empty};
    use hyper::{server, service::service_fn};
    use hyper_util::rt::TokioExecutor;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        task::JoinHandle,
        time::timeout,
    };

    use super::*;

    /// A frame without flags that a server begins with (section 6.5).
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    /// The head of an answer on the first stream, which is yet to end: the flag END_HEADERS, and `:status: 200`.
    const HEAD: [u8; 10] = [0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
    /// A frame that has to be answered (section 6.7).
    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    fn request() -> Request<WasiBody> {
        let body = Empty::<Bytes>::new().map_err(|never: Infallible| match never {}).boxed_unsync();
        Request::post("http://dialled.test:50051/a").body(body).unwrap()
    }

    /// Reads what comes with a request, to the end of its head.
    async fn hear(stream: &mut DuplexStream) {
        stream.read_exact(&mut [0; 24]).await.unwrap();
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
            if head[3] == HEAD[3] {
                return;
            }
        }
    }

    #[test]
    fn grpc_and_nothing_else_needs_it() {
        let needed = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            is_needed(&headers)
        };
        for kind in ["application/grpc", "application/grpc+proto", "Application/gRPC; charset=utf-8"] {
            assert!(needed(kind), "{kind}");
        }
        for kind in ["", "application/grp", "application/json", "application/grpc-web", "application/grpc-web+proto"] {
            assert!(!needed(kind), "{kind}");
        }
        assert!(!is_needed(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn what_a_guest_says_as_host_is_the_authority() {
        for (host, authority) in [(None, "dialled.test:50051"), (Some("named.test"), "named.test")] {
            let (near, far) = duplex(64 * 1024);
            let answer = service_fn(|request: Request<Incoming>| async move {
                assert!(!request.headers().contains_key(header::HOST));
                let authority = request.uri().authority().unwrap().to_string();
                Ok::<_, Infallible>(Response::new(authority))
            });
            let builder = server::conn::http2::Builder::new(TokioExecutor::new());
            let server = tokio::spawn(builder.serve_connection(TokioIo::new(far), answer));
            let mut request = request();
            if let Some(host) = host {
                request.headers_mut().insert(header::HOST, host.parse().unwrap());
            }
            let (response, _connection, lease) = exchange(Box::new(near), request).await.unwrap();
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), authority);
            drop(lease);
            server.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn an_older_server_is_found_out_and_any_other_is_none() {
        for (answer, expected) in [
            ("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", "HttpUpgradeFailed"),
            ("HTTP/1.0 505 HTTP Version Not Supported\r\n\r\n", "HttpUpgradeFailed"),
            ("220 mail.test ESMTP\r\n", "HttpProtocolError"),
        ] {
            let (near, mut far) = duplex(64 * 1024);
            far.write_all(answer.as_bytes()).await.unwrap();
            let error = exchange(Box::new(near), request()).await.err().unwrap();
            assert_eq!(format!("{error:?}"), expected, "{answer}");
        }
    }

    #[tokio::test]
    async fn a_server_that_breaks_off_has_not_broken_the_protocol() {
        // RST_STREAM and GOAWAY (sections 6.4 and 6.8), each with its reason at the end.
        let reset = |reason: u8| vec![0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, reason];
        let goaway = vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];
        for (frame, expected) in
            [(reset(7), "HttpResponseIncomplete"), (goaway, "HttpResponseIncomplete"), (reset(13), "HttpUpgradeFailed")]
        {
            let (near, mut far) = duplex(64 * 1024);
            let serve = async {
                far.write_all(&SETTINGS).await.unwrap();
                hear(&mut far).await;
                far.write_all(&frame).await.unwrap();
            };
            let (came, ()) = tokio::join!(exchange(Box::new(near), request()), serve);
            assert_eq!(format!("{:?}", came.err().unwrap()), expected, "{frame:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_listen_is_left_all_the_same() {
        let (near, mut far) = duplex(1024);
        let server: JoinHandle<()> = tokio::spawn(async move {
            far.write_all(&SETTINGS).await.unwrap();
            hear(&mut far).await;
            far.write_all(&HEAD).await.unwrap();
            // Nobody hears the answers to these, so that none can be given any more.
            while far.write_all(&PING).await.is_ok() {}
        });
        let (response, connection, lease) = exchange(Box::new(near), request()).await.unwrap();
        sleep(10 * LEAVE).await;
        assert!(!server.is_finished(), "whoever reads is not hurried");
        drop((response, connection, lease));
        timeout(2 * LEAVE, server).await.unwrap().unwrap();
    }
}
