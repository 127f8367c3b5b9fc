//! The client beside servers that behave, and servers that do not.

#![allow(clippy::unwrap_used)]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener},
    sync::mpsc::{Receiver, channel},
    thread,
};

use super::*;

/// A server of one connection after another, each of which answers as many requests as it is told; what it was asked comes out.
fn server(connections: Vec<Vec<&'static str>>) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, hearing) = channel();
    thread::spawn(move || {
        for answers in connections {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    head.extend(byte);
                }
                // The test may have seen enough.
                let _ = heard.send(String::from_utf8(head).unwrap());
                stream.write_all(answer.as_bytes()).unwrap();
            }
            stream.shutdown(Shutdown::Write).unwrap();
            // Whoever asked hangs up.
            let _ = stream.read(&mut [0]);
        }
    });
    (port, hearing)
}

/// Longer than any answer here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn client(url: &str) -> Client {
    Client::new(&url.parse().unwrap(), Arc::default(), PATIENCE)
}

fn get() -> Request<Bytes> {
    Request::get("/path?query").body(Bytes::new()).unwrap()
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_request_says_where_it_goes_and_for_whom() {
    let (port, heard) = server(vec![vec![OK], vec![OK], vec![OK]]);
    let answer = client(&format!("http://127.0.0.1:{port}/elsewhere")).exchange(get(), 10).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.whole().unwrap().as_slice()), (200, &b"ok"[..]));
    let head = heard.recv().unwrap();
    assert!(head.starts_with("GET /path?query HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nhost: 127.0.0.1:{port}\r\n")) && head.contains("\r\nuser-agent: probity/"));
    assert!(!head.contains("authorization"), "{head}");

    // A user's name and password are for nobody but the header that they belong in.
    let known = client(&format!("http://ann%40home:s%3Acret@127.0.0.1:{port}/"));
    known.exchange(get(), 10).await.unwrap();
    let head = heard.recv().unwrap();
    assert!(head.contains(&format!("\r\nhost: 127.0.0.1:{port}\r\n")), "{head}");
    let encoded = STANDARD.encode("ann@home:s:cret");
    assert!(head.contains(&format!("\r\nauthorization: Basic {encoded}\r\n")), "{head}");
    assert_eq!(known.name(), format!("127.0.0.1:{port}"));

    // What is said outright counts.
    let mut request = get();
    request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer token"));
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("other"));
    known.exchange(request, 10).await.unwrap();
    let head = heard.recv().unwrap();
    assert!(head.contains("\r\nauthorization: Bearer token\r\n") && head.contains("\r\nhost: other\r\n"), "{head}");
    assert!(!head.contains(&encoded), "{head}");
}

#[tokio::test]
async fn a_connection_is_used_again_while_it_is_open() {
    let (port, heard) = server(vec![vec![OK, OK], vec![OK]]);
    let client = client(&format!("http://127.0.0.1:{port}"));
    let mut kept = None;
    for request in 0..3 {
        // The server has closed the first one after two.
        while request == 2 && kept.as_ref().is_some_and(|kept: &Connection| !kept.sender.is_closed()) {
            tokio::task::yield_now().await;
        }
        let answer = client.exchange_over(&mut kept, get(), 10).await.unwrap();
        assert_eq!((answer.body.as_slice(), kept.is_some()), (&b"ok"[..], true));
        heard.recv().unwrap();
    }
}

#[tokio::test]
async fn a_body_is_read_as_far_as_it_is_wanted_and_as_it_comes() {
    let cut = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 99\r\n\r\nbusy";
    let (port, _heard) = server(vec![vec![OK], vec![cut], vec!["HTTP/1.1 200 OK\r\n\r\nuntil the end"]]);
    let client = client(&format!("http://127.0.0.1:{port}"));
    let mut kept = None;
    let long = client.exchange_over(&mut kept, get(), 1).await.unwrap();
    assert_eq!((long.body.as_slice(), kept.is_some()), (&b"o"[..], false), "what is left unread is in the way");
    assert_eq!(long.whole(), Err(Failure::TooLong { server: client.name(), most: 1 }));
    let broken = client.exchange(get(), 1_000).await.unwrap();
    assert_eq!(broken.in_words(), "503 Service Unavailable: busy");
    assert!(matches!(broken.whole(), Err(Failure::Broken { .. })));
    let ended = client.exchange(get(), 1_000).await.unwrap();
    assert_eq!(ended.whole().unwrap(), b"until the end");
}

#[tokio::test]
async fn who_does_not_answer_is_told_apart_from_who_is_not_there() {
    let (port, _heard) = server(vec![vec!["garbage\r\n\r\n"], vec![]]);
    let client = client(&format!("http://127.0.0.1:{port}"));
    for _ in 0..2 {
        let failure = client.exchange(get(), 10).await.unwrap_err();
        assert!(matches!(failure, Failure::Broken { .. }) && !failure.is_permanent(), "{failure}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = self::client(&format!("http://127.0.0.1:{nobody}")).exchange(get(), 10).await.unwrap_err();
    assert!(matches!(nobody, Failure::Unreachable { .. }), "{nobody}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let within = Duration::from_millis(50);
    let url = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let silent = Client::new(&url, Arc::default(), within);
    assert_eq!(silent.exchange(get(), 10).await.unwrap_err(), Failure::Late { server: silent.name(), within });
}
