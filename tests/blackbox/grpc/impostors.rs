//! Servers of our own, most of which only look like one of gRPC.

use std::{
    io::Write,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{
    check,
    scripted::{
        DATA, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, answer, end, fields, frame, head, target, then,
    },
    settings,
};
use crate::{
    probes::try_out,
    runner::{BRISK, Home},
    target::{Target, freeze},
};

/// A message that says SERVING.
const SERVING: &[u8] = b"\0\0\0\0\x02\x08\x01";

#[test]
fn what_only_looks_like_a_server_gets_a_verdict() {
    let well = target(answer(SERVING));
    let older = Target::tcp(|mut stream| {
        // Whoever asked may be gone.
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        freeze(stream);
    });
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let (frozen, rude, zeros) = (Target::tcp(freeze), Target::tcp(drop), Target::endless("", b"\0"));
    let dribble = Target::dribbling(b"\0\0\0\x04\0\0\0\0\0");
    let proxy = target(fields(&[(":status", "503"), ("content-type", "text/plain")], END_STREAM));
    let guard = target(fields(&[(":status", "401")], END_STREAM));
    let page = target(fields(&[(":status", "200"), ("content-type", "text/html")], 0));
    let ended = |status: &str, message: &str| {
        let head = [(":status", "200"), ("content-type", "application/grpc")];
        target(fields(&[&head[..], &[("grpc-status", status), ("grpc-message", message)]].concat(), END_STREAM))
    };
    let (at_once, unheard_of) = (ended("14", "try%20again"), ended("77", ""));
    let without_end = target([head(), frame(DATA, END_STREAM, SERVING)].concat());
    let other_end = [head(), frame(DATA, 0, SERVING), fields(&[("checksum", "1")], END_STREAM)];
    let (other_end, late_end) = (target(other_end.concat()), target([head(), frame(DATA, 0, SERVING)].concat()));
    let silent = target(Vec::new());
    let (empty, compressed) = (target([head(), end()].concat()), target(answer(b"\x01\0\0\0\x02\x08\x01")));
    let (lying, long) = (target(answer(b"\0\0\0\0\x07\x08\x01")), target(answer(b"\0\xff\xff\xff\xff\x08\x01")));
    let (garbled, twice) = (target(answer(b"\0\0\0\0\x02\xff\xff")), target(answer(&SERVING.repeat(2))));
    let future = target(answer(b"\0\0\0\0\x02\x08\x09"));
    let endless = then(head(), |stream| flood(stream, &frame(DATA, 0, &[0; 16 * 1024])));
    let crumbs = then(head(), |stream| flood(stream, &frame(DATA, 0, b"\0")));
    let nothings = then(head(), |stream| flood(stream, &frame(DATA, 0, b"")));
    let patience = then(Vec::new(), |stream| flood(stream, &fields(&[(":status", "103")], 0)));
    let padded = then(Vec::new(), |stream| flood(stream, &frame(HEADERS, 0, &[0; 1024])));
    let huge = "x".repeat(64 * 1024);
    let huge = target([head(), frame(DATA, 0, SERVING), fields(&[("grpc-message", &huge)], END_STREAM)].concat());
    let reset = target([head(), frame(RST_STREAM, 0, &[0, 0, 0, 7])].concat());
    let goaway = target(frame(GOAWAY, 0, &[0, 0, 0, 0, 0, 0, 0, 11]));
    let http_1_1_required = target(frame(RST_STREAM, 0, &[0, 0, 0, 13]));
    let mad = target(frame(SETTINGS, 0, b"odd"));
    let echo = ended("2", "you%20said%20Bearer%20hunter2%2C%20hunter2%20or%20%68unter2");
    let parrot = ended("hunter2", "");
    let at = |target: &Target| settings(target.port(), "");
    let no_http2 = "does not speak HTTP/2, without which there is no gRPC";
    try_out(
        "grpc",
        &[
            ("well", at(&well), "healthy", "is serving"),
            ("older", at(&older), "unhealthy", no_http2),
            ("http-1-1-required", at(&http_1_1_required), "unhealthy", no_http2),
            ("mail", at(&mail), "unhealthy", "protocol violated (this is not HTTP) while asking"),
            ("frozen", at(&frozen), "unhealthy", "no answer within"),
            ("rude", at(&rude), "unhealthy", "connection closed while asking http://127.0.0.1:"),
            ("zeros", at(&zeros), "unhealthy", "protocol violated (this is not HTTP) while asking"),
            ("dribble", at(&dribble), "unhealthy", "no answer within"),
            ("no-tls", settings(mail.port(), ", tls = true"), "unhealthy", "no secure connection ("),
            (
                "nowhere",
                at(&mail).replace("127.0.0.1", "nowhere.invalid"),
                "unhealthy",
                "no such name, or no address for it while asking http://nowhere.invalid:",
            ),
            ("proxy", at(&proxy), "unhealthy", "answered with HTTP 503, and not as gRPC does"),
            ("guard", at(&guard), "unhealthy", "asks for credentials: it answered with HTTP 401"),
            ("page", at(&page), "unhealthy", r#"does not speak gRPC: it answered with content-type "text/html""#),
            ("at-once", at(&at_once), "unhealthy", r#"failed the call: it answered UNAVAILABLE "try again""#),
            ("unheard-of", at(&unheard_of), "unhealthy", r#"failed the call: it answered "77""#),
            ("without-end", at(&without_end), "unhealthy", "ended its answer without a grpc-status"),
            ("other-end", at(&other_end), "unhealthy", "ended its answer without a grpc-status"),
            ("late-end", at(&late_end), "unhealthy", "no answer within"),
            ("silent", at(&silent), "unhealthy", "no answer within"),
            ("empty", at(&empty), "unhealthy", "answered OK, but without a message"),
            (
                "compressed",
                at(&compressed),
                "unhealthy",
                "answered with a compressed message, which it was asked not to",
            ),
            ("lying", at(&lying), "unhealthy", "announced a message of 7 bytes, and sent 2"),
            ("long", at(&long), "unhealthy", "announced a message of 4294967295 bytes, more than any status has"),
            ("garbled", at(&garbled), "unhealthy", "answered with what is no message of grpc.health.v1"),
            ("twice", at(&twice), "unhealthy", "answered with more than one message"),
            ("future", at(&future), "unhealthy", "answered with the health 9, which grpc.health.v1 does not have"),
            ("endless", at(&endless), "unhealthy", "answered with more than 4101 bytes, where a status has a few"),
            ("crumbs", at(&crumbs), "unhealthy", "while reading the body of http://127.0.0.1:"),
            ("nothings", at(&nothings), "unhealthy", "while reading the body of http://127.0.0.1:"),
            ("patience", at(&patience), "unhealthy", "no answer within"),
            ("padded", at(&padded), "unhealthy", "protocol violated"),
            ("huge", at(&huge), "unhealthy", "while reading the body of http://127.0.0.1:"),
            ("reset", at(&reset), "unhealthy", "while reading the body of http://127.0.0.1:"),
            ("goaway", at(&goaway), "unhealthy", "connection closed while asking"),
            ("mad", at(&mad), "unhealthy", "protocol violated"),
            (
                "parrot",
                settings(parrot.port(), r#", metadata = { authorization = "Bearer hunter2" }"#),
                "unhealthy",
                r#"failed the call: it answered "***""#,
            ),
            (
                "echo",
                settings(echo.port(), r#", metadata = { authorization = "Bearer hunter2" }"#),
                "unhealthy",
                r#"failed the call: it answered UNKNOWN "you said ***, *** or ***""#,
            ),
        ],
    );
}

/// Sends the same over and over, until the other side leaves.
fn flood(mut stream: TcpStream, frame: &[u8]) {
    let frames = frame.repeat(64);
    while stream.write_all(&frames).is_ok() {}
}

#[test]
fn a_server_that_does_not_listen_is_left_all_the_same() {
    let (came, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, left) = (Arc::clone(&came), Arc::clone(&gone));
    // Nobody hears the answers to these, so that none can be given any more.
    let deaf = then(Vec::new(), move |stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        flood(stream, &frame(PING, 0, &[7; 8]));
        left.fetch_add(1, Ordering::Relaxed);
    });
    let runner = Home::new(&format!("{BRISK}{}", check("deaf", deaf.port(), ""))).start();
    runner.wait_for_verdict("deaf", "unhealthy", "no answer within");
    runner.wait_for("its connections to be closed while others are opened", || {
        let (came, gone) = (came.load(Ordering::Relaxed), gone.load(Ordering::Relaxed));
        if gone >= 2 { Ok(()) } else { Err(format!("{gone} of {came}")) }
    });
    runner.stop();
}

#[test]
fn a_server_is_asked_by_the_authority_that_is_set() {
    // It serves nobody but those who ask for this one.
    let named = Target::tcp(|stream| {
        stream.set_nonblocking(true).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let serve = async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let answer = service_fn(|request: Request<Incoming>| async move {
                let is_right = request.uri().authority().is_some_and(|authority| authority == "orders.example.org:80");
                let end = if is_right { "0" } else { "14" };
                let trailers = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), end.parse().unwrap())]);
                let body = Full::new(Bytes::from_static(SERVING)).with_trailers(async { Some(Ok(trailers)) });
                Response::builder().header("content-type", "application/grpc").body(body)
            });
            // Whoever asked leaves as he likes.
            let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
        };
        runtime.block_on(serve);
    });
    let at = |more: &str| settings(named.port(), more);
    try_out(
        "grpc",
        &[
            ("named", at(r#", authority = "orders.example.org:80""#), "healthy", "is serving"),
            ("misnamed", at(r#", authority = "orders.example.com""#), "unhealthy", "it answered UNAVAILABLE"),
            ("unnamed", at(""), "unhealthy", "it answered UNAVAILABLE"),
        ],
    );
}
