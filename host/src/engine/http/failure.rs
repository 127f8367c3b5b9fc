//! What went wrong with a request, in the words of `wasi:http`.

use std::{error, io};

use wasmtime_wasi_http::Error;

use crate::engine::tls::{self, Failure};

/// Why there is no connection.
pub(super) fn of_dialling(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Error::DestinationIpUnroutable,
        io::ErrorKind::AddrNotAvailable => Error::DestinationUnavailable,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Error::ConnectionTerminated,
        _ => Error::InternalError(Some(error.to_string())),
    }
}

/// Why there is no secure connection. A guest that wants to know more of it asks for the handshake.
pub(super) fn of_tls(failure: &Failure) -> Error {
    match failure {
        Failure::Refused(_) => Error::TlsCertificateError,
        Failure::Unshown => unshown(),
        Failure::Broken(error) => of_alert(error).unwrap_or_else(|| match error.get_ref() {
            Some(source) if source.is::<rustls::Error>() => Error::TlsProtocolError,
            _ => Error::ConnectionTerminated,
        }),
    }
}

/// What a failure means if the server asked for a client certificate before, and the check has none: that it left without a word
/// is an answer to that. It may even have said so, in an alert that was lost as the system gave up on what was on its way.
pub(super) fn or_unshown(error: Error) -> Error {
    match error {
        Error::ConnectionTerminated | Error::HttpResponseIncomplete => unshown(),
        other => other,
    }
}

fn unshown() -> Error {
    Error::TlsAlertReceived { alert_id: None, alert_message: Some(tls::UNSHOWN.to_owned()) }
}

/// What the server said on leaving, if that is what is behind an error.
fn of_alert(error: &io::Error) -> Option<Error> {
    let alert = tls::alert(error)?;
    Some(Error::TlsAlertReceived { alert_id: Some(u8::from(alert)), alert_message: Some(tls::of_alert(alert)) })
}

/// Why a request failed that was handed to this connection. One that could not even be sent knows only that much: the server
/// may have said something else, unasked, before; the connection knows.
pub(super) async fn behind(error: hyper::Error, connection: impl Future<Output = hyper::Result<()>>) -> hyper::Error {
    if error.is_canceled() || error.is_closed() { connection.await.err().unwrap_or(error) } else { error }
}

/// What broke the exchange, once there was a connection.
pub(super) fn of_protocol(error: &hyper::Error) -> Error {
    let source = error::Error::source(error);
    let http2 = source.and_then(|source| source.downcast_ref::<h2::Error>());
    let io = source.and_then(|source| source.downcast_ref::<io::Error>()).or(http2.and_then(h2::Error::get_io));
    if error.is_timeout() {
        Error::ConnectionReadTimeout
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Error::HttpResponseIncomplete
    } else if let Some(error) = io {
        // With TLS 1.3 a server says only after the handshake that it does not take the client's certificate.
        of_alert(error).unwrap_or(Error::ConnectionTerminated)
    } else if let Some(error) = http2.filter(|error| error.is_remote()) {
        // It has broken off, which is no breach of the protocol (RFC 9113, section 7).
        match error.reason() {
            Some(h2::Reason::HTTP_1_1_REQUIRED) => Error::HttpUpgradeFailed,
            _ => Error::HttpResponseIncomplete,
        }
    } else {
        Error::HttpProtocolError
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;
    use http::Request;
    use http_body_util::Empty;
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_server_that_speaks_unasked_has_not_closed_the_connection() {
        let (near, mut far) = duplex(1024);
        far.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
        let connection = wasmtime_wasi::runtime::spawn(connection);
        // Until the connection is given up for what came.
        while sender.ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
        let error = sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap_err();
        assert!(matches!(of_protocol(&error), Error::HttpResponseIncomplete), "{error:?}");
        let behind = behind(error, connection).await;
        assert!(matches!(of_protocol(&behind), Error::HttpProtocolError), "{behind:?}");
    }
}
