//! How many requests a core can answer, of those that load balancers and dashboards send all the time, against the
//! cheapest answer that the same server can give.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench, which must not go on if something is wrong")]

#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/table.rs"]
mod table;

use std::{
    future::{pending, ready},
    io,
    net::SocketAddr,
    num::NonZeroU32,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, routing::get};
use futures_util::future::{BoxFuture, try_join_all};
use probity::{
    alerts::Alerts,
    board::{Board, CheckInfo, CheckState, Slot},
    clock::Clock,
    config::{HttpLimits, Pace},
    events::Events,
    http::{self, Control, Refused, Terms},
    probing::{Probe, Probed, Unprobed},
    worker::{Answer, Ask},
};
use probity_core::{
    health::Phase,
    machine::{Machine, Policy},
    outcome::{Outcome, Run, Status, Usage, Verdict},
    schedule::{Every, Schedule},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};
use tower::ServiceExt;

use self::table::{Figure, Target, compared, figure, median};

/// As many checks as a large site has, and ten times as many.
const CHECKS: [usize; 2] = [1_000, 10_000];
/// How often all metrics are written.
const SCRAPES: usize = 21;
/// Enough rounds that one in which the machine was busy does not move the median.
const ROUNDS: usize = 21;
/// Connections at a time: enough that the server always has something to do.
const CONNECTIONS: usize = 32;
/// Requests by each connection in a round, which then takes a tenth of a second or more.
const REQUESTS: usize = 200;

fn main() {
    for checks in CHECKS {
        let board = board(checks);
        answers(&board, checks);
        scrapes(&board, checks);
    }
}

fn router(board: &Arc<Board>) -> Router {
    let events = Arc::new(Events::new(board.started, 1));
    http::router(http::State {
        board: Arc::clone(board),
        alerts: Alerts::untold(Arc::clone(board), Arc::clone(&events)),
        events,
        auth: http::Auth::default(),
        control: Arc::new(Nobody),
        prober: Arc::new(Nobody),
    })
}

/// How long it takes to write all metrics, from a request to the end of its answer. A router that is new has none to serve.
fn scrapes(board: &Arc<Board>, checks: usize) {
    let runtime = current_thread();
    let mut bytes = 0;
    let scrape = |_| {
        let router = router(board);
        let request = axum::http::Request::get("/metrics").body(Body::empty()).expect("a request");
        let begun = Instant::now();
        let body = runtime.block_on(async {
            let response = router.oneshot(request).await.expect("an answer");
            axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body")
        });
        bytes = body.len();
        begun.elapsed().as_secs_f64()
    };
    let seconds = median((0..SCRAPES).map(scrape).collect());
    let target = Target::AtMost(Figure::Time(Duration::from_millis(50)));
    let what = format!("/metrics of {checks} checks, {:.1} MB", bytes as f64 / 1e6);
    figure(&what, Figure::Time(Duration::from_secs_f64(seconds)), target);
}

fn answers(board: &Arc<Board>, checks: usize) {
    let router = router(board);
    let ours = serve(|listener| http::serve(listener, router, terms(), pending::<()>(), Duration::ZERO));
    let baseline = serve(|listener| async { axum::serve(listener, Router::new().route("/", get("ok"))).await });

    let runtime = current_thread();
    let tag = runtime.block_on(tag(ours, "/health"));
    let ok = Request::new("/", "", 200);
    let at_least = |times| Target::AtLeast(Figure::Times(times));
    // With ten times as many checks it is a matter of so many bytes.
    let compressed = if checks == CHECKS[0] { at_least(0.5) } else { Target::None };
    let requests = [
        ("/health/live", Request::new("/health/live", "", 200), at_least(0.8)),
        ("/health/ready", Request::new("/health/ready", "", 200), at_least(0.8)),
        ("/health, unchanged", Request::new("/health", &format!("if-none-match: {tag}\r\n"), 304), at_least(0.8)),
        ("/health, compressed", Request::new("/health", "accept-encoding: gzip\r\n", 200), compressed),
    ];
    let mut baseline_rates = Vec::new();
    let mut rates = requests.each_ref().map(|_| Vec::new());
    for _ in 0..ROUNDS {
        baseline_rates.push(runtime.block_on(rate(baseline, &ok)));
        for ((_, request, _), rates) in requests.iter().zip(&mut rates) {
            rates.push(runtime.block_on(rate(ours, request)));
        }
    }
    for ((what, _, target), rates) in requests.iter().zip(rates) {
        // Of each round, because the machine's pace may change from one to the next.
        let ratio = median(rates.iter().zip(&baseline_rates).map(|(rate, baseline)| rate / baseline).collect());
        compared(
            &format!("{what}, {checks} checks / \"ok\", by a core"),
            Figure::PerSecond(median(rates)),
            Figure::PerSecond(median(baseline_rates.clone())),
            Figure::Times(ratio),
            *target,
        );
    }
}

/// The usual terms, at a pace that is counted and never reached.
fn terms() -> Terms {
    let most = NonZeroU32::MAX;
    let pace = Some(Pace { per_second: most, burst: most });
    Terms { limits: HttpLimits { pace, ..HttpLimits::default() }, ..Terms::default() }
}

/// Starts a server on a thread of its own.
fn serve<S: Future<Output = io::Result<()>>>(serve: impl FnOnce(TcpListener) -> S + Send + 'static) -> SocketAddr {
    let (started, starting) = mpsc::channel();
    thread::spawn(move || {
        current_thread().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            started.send(listener.local_addr().expect("an address")).expect("the bench waits for it");
            serve(listener).await.expect("it serves for ever");
        });
    });
    starting.recv().expect("the server starts")
}

/// Requests per second of CPU time of whatever is not this thread, which asks: the server, and what it has others do.
async fn rate(server: SocketAddr, request: &Request) -> f64 {
    let server_cpu = || cpu::of_process() - cpu::of_thread();
    let connections = (0..CONNECTIONS).map(|_| Connection::open(server));
    let mut connections = try_join_all(connections).await.expect("connections");
    let before = server_cpu();
    let asking = connections.iter_mut().map(async |connection| {
        for _ in 0..REQUESTS {
            connection.ask(request).await?;
        }
        io::Result::Ok(())
    });
    try_join_all(asking).await.expect("answers");
    (CONNECTIONS * REQUESTS) as f64 / (server_cpu() - before).as_secs_f64()
}

/// What the server calls the body that it has at this path.
async fn tag(server: SocketAddr, path: &str) -> String {
    let mut connection = Connection::open(server).await.expect("a connection");
    connection.ask(&Request::new(path, "", 200)).await.expect("an answer");
    header(&connection.head, "etag").expect("a tag").to_owned()
}

struct Request {
    text: String,
    expected: u16,
}

impl Request {
    fn new(path: &str, headers: &str, expected: u16) -> Request {
        Request { text: format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{headers}\r\n"), expected }
    }
}

/// A connection that stays open. What it does not need to know of HTTP it does not know, so that the server is what is busy.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Of the last answer; hyper writes the names of headers in lower case.
    head: String,
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(64 * 1024), head: String::new() })
    }

    async fn ask(&mut self, request: &Request) -> io::Result<()> {
        const END: &[u8] = b"\r\n\r\n";
        self.stream.write_all(request.text.as_bytes()).await?;
        self.buffer.clear();
        let body = loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            assert!(read > 0, "the server hung up");
            if let Some(end) = self.buffer.windows(END.len()).position(|window| window == END) {
                break end + END.len();
            }
        };
        self.head = String::from_utf8_lossy(&self.buffer[..body]).into_owned();
        let status = self.head.split(' ').nth(1);
        assert_eq!(status, Some(&*request.expected.to_string()), "{}", self.head);
        let length = header(&self.head, "content-length").map_or(0, |length| length.parse().expect("a number"));
        while self.buffer.len() < body + length {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            assert!(read > 0, "the server hung up");
        }
        Ok(())
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A board with checks that have all run once.
fn board(checks: usize) -> Arc<Board> {
    let clock = Clock::new();
    let board = Arc::new(Board::new("bench".into(), clock));
    let interval = Duration::from_secs(30);
    let slots = (0..checks).map(|check| {
        let name: Arc<str> = format!("check-{check}").into();
        let schedule = Schedule::Every(Every::new(interval, 0.1, &name).expect("the interval is in range"));
        let policy = Arc::new(Policy::usual(schedule));
        let info = CheckInfo {
            name: Arc::clone(&name),
            probe: "tcp".into(),
            description: "a port of some service".into(),
            critical: check % 10 == 0,
            group: Some(format!("group-{}", check % 20).into()),
            labels: [("team".to_owned(), format!("team-{}", check % 7))].into(),
            policy: Arc::clone(&policy),
            timeout: Duration::from_secs(10),
            limits: None,
            grants: vec![format!("tcp:db-{check}.internal:5432")],
            generation: 1,
            digest: Some("ffc375620f8719229622726092871d66e03b53efb6020b78eef96e74d465056b".into()),
        };
        let now = clock.now();
        let run = Run {
            started: now.wall,
            took: Duration::from_micros(400),
            outcome: Outcome::Verdict(Verdict {
                status: Status::Healthy,
                message: format!("connected in {} us", 200 + check).into(),
                details: vec![],
                measurements: vec![],
                latency: Some(Duration::from_micros(312)),
                permanent: false,
            }),
            usage: Usage { fuel: 30_000, peak_memory: 192 * 1024 },
        };
        let mut machine = Machine::new(policy, now, 0.0);
        machine.finished(Arc::new(run), now, 0.0, &mut Vec::new());
        (name, Arc::new(Slot::new(CheckState { info: Arc::new(info), snapshot: machine.snapshot() })))
    });
    board.arrange(slots, &[]);
    board.enter(Phase::Running);
    board
}

/// Nobody asks for anything here.
struct Nobody;

impl Probe for Nobody {
    fn probe<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> BoxFuture<'a, Result<Probed, Unprobed>> {
        Box::pin(ready(Err(Unprobed::Busy)))
    }
}

impl Control for Nobody {
    fn ask<'a>(&'a self, _: &'a str, _: Ask) -> BoxFuture<'a, Result<Answer, Refused>> {
        Box::pin(ready(Err(Refused::Stopping)))
    }
}
