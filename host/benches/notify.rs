//! What it costs to have somebody told of trouble: events, by way of rules, the disk and a queue, to a webhook, beside the same posts
//! by the bare client library, which knows of none of these.

#![allow(clippy::expect_used, reason = "a bench that can't go on must not")]

#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/table.rs"]
mod table;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use probity::{
    alerts::{self, Alerts, InForce, NoHooks, NoRuns},
    board::{Board, CheckInfo, CheckState, Slot},
    clock::Clock,
    config::{Config, Overrides, Surroundings},
    events::{Events, Fact},
};
use probity_core::{
    event::Event,
    health::{Health, Phase},
    machine::{Machine, Policy},
    outcome::{Outcome, Run, Status, Usage, Verdict},
    schedule::{Every, Schedule},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

use crate::table::{Figure, Target, compared, figure, median};

/// Checks whose trouble is told. What must not be forgotten grows with it.
const CHECKS: usize = 100;
/// Times in a round that each of them goes down and comes back.
const TIMES: usize = 5;
/// Messages in a round: of the trouble and of its end.
const MESSAGES: u64 = (CHECKS * TIMES * 2) as u64;
/// Enough rounds that one in which the machine was busy does not move the median.
const ROUNDS: usize = 11;
/// Events that are kept, as many as usually.
const EVENTS: usize = 10_000;
/// Events of a round of which nobody is told: fewer than are kept, so that none is gone before it was read.
const IDLE: u64 = EVENTS as u64 * 9 / 10;
/// Longer than any round takes.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let receiver = runtime.block_on(Receiver::start());
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::start(&runtime, &receiver, folder.path());
    let (mut ours, mut theirs, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (cpu, took) = bench.tell(&receiver);
        ours.push(cpu);
        rates.push(MESSAGES as f64 / took);
        theirs.push(bare(&runtime, &receiver));
    }
    // Of each round, because the machine's pace may change from one to the next.
    let ratio = median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect());
    let of_each = |seconds: Vec<f64>| Figure::Time(Duration::from_secs_f64(median(seconds)));
    compared("CPU of a message / bare post", of_each(ours), of_each(theirs), Figure::Times(ratio), Target::None);
    figure("messages, each on disk before it is sent", Figure::PerSecond(median(rates)), Target::None);
    let idle = (0..ROUNDS).map(|_| bench.idle(&receiver)).collect();
    let target = Target::AtMost(Figure::Time(Duration::from_micros(5)));
    figure("CPU of an event that nobody is told of", of_each(idle), target);
}

/// Whoever takes messages, and counts them. It answers without looking at them, so that it costs as little as can be.
struct Receiver {
    port: u16,
    taken: Arc<AtomicU64>,
}

impl Receiver {
    async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let taken = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&taken);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(take(stream, Arc::clone(&counted)));
            }
        });
        Receiver { port, taken }
    }

    fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    /// Waits until so many were taken.
    fn wait_for(&self, count: u64) {
        let begun = Instant::now();
        while self.taken() < count {
            assert!(begun.elapsed() < PATIENCE, "{} of {count} messages within {PATIENCE:?}", self.taken());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// One request over one connection.
async fn take(mut stream: TcpStream, taken: Arc<AtomicU64>) {
    const END: &[u8] = b"\r\n\r\n";
    let mut buffer = Vec::with_capacity(16 * 1024);
    let head = loop {
        if stream.read_buf(&mut buffer).await.is_ok_and(|read| read == 0) {
            return;
        }
        if let Some(end) = buffer.windows(END.len()).position(|window| window == END) {
            break end + END.len();
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
    while buffer.len() < head + length {
        let read = stream.read_buf(&mut buffer).await.expect("a body");
        assert!(read > 0, "all of the body");
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).await.expect("it is taken");
    taken.fetch_add(1, Relaxed);
}

/// What makes trouble, and has somebody told of it.
struct Bench {
    board: Arc<Board>,
    events: Arc<Events>,
}

impl Bench {
    fn start(runtime: &Runtime, receiver: &Receiver, folder: &Path) -> Bench {
        let text = format!(
            "[notify]\nwindow = \"0s\"\nsummary_above = 1000\nmax_queued = 100000\n\
             [[notify.rule]]\nname = \"page\"\nsinks = [\"ops\"]\n\
             [[notify.sink]]\nname = \"ops\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:{}/hook\"\n",
            receiver.port
        );
        let surroundings = Surroundings::of_process(None, Timestamp::now());
        let config = Config::parse(Path::new(""), &text, &Overrides::default(), surroundings).expect("a config");
        let board = board();
        let events = Arc::new(Events::new(board.started, EVENTS));
        let in_force = InForce { alerting: config.alerting, ..InForce::default() };
        let (told, happened) = (Arc::clone(&board), Arc::clone(&events));
        let alerts = Alerts::new(told, happened, Some(folder), in_force, Arc::new(NoHooks));
        runtime.spawn(alerts::follow(alerts, Arc::new(NoRuns)));
        Bench { board, events }
    }

    /// Has each check go down and come back several times; the processor's time of a message, and the time that all of them took.
    fn tell(&self, receiver: &Receiver) -> (f64, f64) {
        let (cpu, begun) = (cpu::of_process(), Instant::now());
        for _ in 0..TIMES {
            self.change(receiver, CHECKS, Health::Unhealthy);
            self.change(receiver, CHECKS, Health::Healthy);
        }
        ((cpu::of_process() - cpu).as_secs_f64() / MESSAGES as f64, begun.elapsed().as_secs_f64())
    }

    /// Has some checks be like this, and waits until that was told: what is over before anybody was told of it is not.
    fn change(&self, receiver: &Receiver, checks: usize, health: Health) {
        let expected = receiver.taken() + checks as u64;
        for (name, slot) in self.board.checks().iter().take(checks) {
            let mut state = CheckState::clone(&slot.state());
            let from = std::mem::replace(&mut state.snapshot.health, health);
            self.board.publish(slot, state, None);
            let event = Event::HealthChange { from, to: health, message: "connection refused".into() };
            self.events.tell(self.board.wall(), Fact::Check { check: Arc::clone(name), group: None, event });
        }
        receiver.wait_for(expected);
    }

    /// The processor's time of an event of which no rule has anybody told.
    fn idle(&self, receiver: &Receiver) -> f64 {
        let name = self.board.checks().keys().next().cloned().expect("a check");
        let cpu = cpu::of_process();
        for _ in 0..IDLE {
            let event = Event::Error { message: "nobody's business".into() };
            self.events.tell(self.board.wall(), Fact::Check { check: Arc::clone(&name), group: None, event });
        }
        // What comes after them is told once they were read.
        self.change(receiver, 1, Health::Unhealthy);
        self.change(receiver, 1, Health::Healthy);
        (cpu::of_process() - cpu).as_secs_f64() / IDLE as f64
    }
}

/// The same posts by hyper, each over a connection of its own; the processor's time of one.
fn bare(runtime: &Runtime, receiver: &Receiver) -> f64 {
    let (cpu, expected) = (cpu::of_process(), receiver.taken() + MESSAGES);
    let port = receiver.port;
    // As long as ours.
    let body = Bytes::from(vec![b'x'; 900]);
    runtime.block_on(async move {
        for _ in 0..MESSAGES {
            let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
            let driver = tokio::spawn(connection);
            let request = Request::post("/hook").header("host", "bench").header("content-type", "application/json");
            let request = request.body(Full::new(body.clone())).expect("a request");
            let response = sender.send_request(request).await.expect("an answer");
            assert!(response.status().is_success());
            drop((sender, response));
            driver.await.expect("it ends").expect("in good order");
        }
    });
    receiver.wait_for(expected);
    (cpu::of_process() - cpu).as_secs_f64() / MESSAGES as f64
}

/// A board with checks that are well.
fn board() -> Arc<Board> {
    let clock = Clock::new();
    let board = Arc::new(Board::new("bench".into(), clock));
    let slots = (0..CHECKS).map(|check| {
        let name: Arc<str> = format!("check-{check}").into();
        let schedule = Schedule::Every(Every::new(Duration::from_secs(30), 0.1, &name).expect("it is in range"));
        let policy = Arc::new(Policy::usual(schedule));
        let info = CheckInfo {
            name: Arc::clone(&name),
            probe: "tcp".into(),
            description: String::new(),
            critical: false,
            group: Some(format!("group-{}", check % 20).into()),
            labels: [("team".to_owned(), format!("team-{}", check % 7))].into(),
            policy: Arc::clone(&policy),
            timeout: Duration::from_secs(10),
            limits: None,
            grants: vec![],
            generation: 1,
            digest: None,
        };
        let now = clock.now();
        let run = Run {
            started: now.wall,
            took: Duration::from_micros(400),
            outcome: Outcome::Verdict(Verdict::new(Status::Healthy, "connected in 312 us")),
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
