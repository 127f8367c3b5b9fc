//! The server itself, over real connections.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::Instant,
};

use super::*;

/// No test waits longer than this for what must happen.
const LONG: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    close: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

async fn start(router: Router, grace: Duration) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (close, closing) = oneshot::channel();
    let ended = tokio::spawn(crate::http::serve(listener, router, crate::http::Terms::default(), closing, grace));
    Server { address, close, ended }
}

async fn send(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// What comes before the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut text)).await.expect("closed in time").unwrap();
    text
}

#[tokio::test]
async fn the_peer_of_a_connection_is_known() {
    let house = House::running();
    let server = start(house.router, LONG).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, "POST /health/checks/queue/run HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(rest(stream).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn connections_at_rest_are_closed_and_those_at_work_may_finish() {
    let (begun, mut begins) = tokio::sync::mpsc::channel(1);
    let slow = Router::new().route(
        "/slow",
        axum::routing::get(async move || {
            begun.send(()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            "done"
        }),
    );
    let server = start(slow, LONG).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    send(&mut idle, "GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n").await;
    idle.readable().await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    send(&mut busy, "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    begins.recv().await.unwrap();

    server.close.send(()).unwrap();
    assert!(rest(busy).await.ends_with("done"));
    assert!(rest(idle).await.starts_with("HTTP/1.1 404"));
    server.ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "the listener is closed");
}

#[tokio::test]
async fn connections_that_do_not_end_are_cut() {
    let grace = Duration::from_millis(50);
    let never = Router::new().route("/", axum::routing::get(std::future::pending::<()>));
    let server = start(never, grace).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // The connection is taken in before the server is told to close.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = Instant::now();
    server.close.send(()).unwrap();
    server.ended.await.unwrap().unwrap();
    assert!((grace..LONG).contains(&before.elapsed()), "{:?}", before.elapsed());
    assert_eq!(rest(stream).await, "");
}
