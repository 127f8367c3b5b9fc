//! Clients that take too long, ask too much, or come in too great numbers: they are seen off, and others notice nothing.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::runner::{BRISK, GUARDED, Home, PATIENCE, Runner};

/// A config in which everybody is to be quick.
const QUICK: &str =
    "[http.timeouts]\nheader = \"500ms\"\nidle = \"1s\"\nbody = \"500ms\"\nsend = \"1s\"\nhandshake = \"500ms\"\n";

/// A connection that does as it likes.
struct Client(TcpStream);

impl Client {
    fn new(runner: &Runner) -> Client {
        let stream = TcpStream::connect(runner.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    /// Sends as much as the other side takes.
    fn send(&mut self, text: &str) -> bool {
        self.0.write_all(text.as_bytes()).is_ok()
    }

    /// The next answer, with its body.
    fn answer(&mut self) -> String {
        let (mut head, mut byte) = (Vec::new(), [0; 1]);
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&head)));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        head + &String::from_utf8_lossy(&body)
    }

    /// All that comes until the other side hangs up.
    #[track_caller]
    fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            // What was sent in vain makes it a reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the runner did not hang up within {PATIENCE:?}: {error}"),
        }
        rest
    }
}

fn request(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n")
}

fn post(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer s3cret\r\n{more}\r\n")
}

/// A runner with the check `job`, which takes reports.
fn with_job(config: &str) -> Runner {
    let job = "[[check]]\nname = \"job\"\nprobe = \"heartbeat\"\nsettings = { every = \"1h\" }\n";
    let runner = Home::new(&format!("{GUARDED}{BRISK}{config}{job}")).start();
    runner.wait_for_check("job", "takes reports", |check| check.0["reports"].is_object());
    runner
}

#[test]
fn who_does_not_get_on_with_it_is_hung_up_on() {
    let runner = Home::new(QUICK).start();
    let begun = Instant::now();
    let silent = Client::new(&runner);
    assert_eq!(silent.rest(), b"");
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());

    // A byte now and then does not help: the whole head counts.
    let begun = Instant::now();
    let mut dripping = Client::new(&runner);
    dripping.send("GET /health HTTP/1.1\r\nx-long: ");
    while dripping.send("a") {
        assert!(begun.elapsed() < PATIENCE, "it goes on dripping");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());

    // Between two requests there is more time, and the second head has its own.
    let mut idle = Client::new(&runner);
    for _ in 0..3 {
        idle.send(&request("/health/live", ""));
        assert!(idle.answer().starts_with("HTTP/1.1 200"));
        thread::sleep(Duration::from_millis(600));
    }
    let begun = Instant::now();
    idle.send("GET /health");
    assert_eq!(idle.rest(), b"");
    assert!((400..900).contains(&begun.elapsed().as_millis()), "the time for a head counts: {:?}", begun.elapsed());
    let mut idle = Client::new(&runner);
    idle.send(&request("/health/live", ""));
    idle.answer();
    let begun = Instant::now();
    assert_eq!(idle.rest(), b"");
    assert!(begun.elapsed() >= Duration::from_millis(950), "{:?}", begun.elapsed());
    runner.stop();
}

#[test]
fn an_answer_may_take_as_long_as_it_does() {
    // Events come without end, and longer than any of the times.
    let runner = Home::new(QUICK).start();
    let mut events = Client::new(&runner);
    events.send(&request("/events", ""));
    assert!(events.answer().contains("text/event-stream"));
    let mut other = Client::new(&runner);
    other.send(&request("/events/ws", "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    assert!(other.answer().starts_with("HTTP/1.1 101"));
    thread::sleep(Duration::from_millis(2_500));
    runner.home.put("probity.toml", format!("{QUICK}[[check]]\nname = \"new\"\nprobe = \"cpu\"\n").as_bytes());
    for mut client in [events, other] {
        let mut text = String::new();
        let mut part = [0; 1024];
        while !text.contains("probity.") {
            let read = client.0.read(&mut part).unwrap();
            assert!(read > 0, "it was cut: {text}");
            text += &String::from_utf8_lossy(&part[..read]);
        }
    }
    runner.stop();
}

#[test]
fn who_does_not_send_the_body_is_told_so() {
    let runner = with_job(QUICK);
    for (path, body) in [
        ("/health/checks/job/report/success", "content-length: 10\r\n\r\nabc"),
        ("/connections/job/outcomes", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"),
    ] {
        let mut slow = Client::new(&runner);
        let (headers, body) = body.split_once("\r\n\r\n").unwrap();
        slow.send(&(post(path, &format!("{headers}\r\n")) + body));
        let answer = slow.answer();
        assert!(
            answer.starts_with("HTTP/1.1 408") && answer.contains("the body did not come within 500ms"),
            "{answer}"
        );
        slow.rest();
    }
    assert_eq!(runner.check("job").unwrap().0["reports"]["success"], 0, "half a report is none");
    runner.stop();
}

#[test]
fn who_does_not_take_the_answer_is_hung_up_on() {
    const REQUESTS: usize = 3_000;
    let home = Home::new(&format!("{QUICK}[http.limits]\nrequests_per_second = \"unlimited\"\n"));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("PROBITY_LOG", "info,probity::http=debug");
    let runner = home.start_by(command);
    let deaf = Client::new(&runner);
    deaf.0.set_write_timeout(Some(PATIENCE)).unwrap();
    let asking = deaf.0.try_clone().unwrap();
    let asks = thread::spawn(move || {
        // It ends when the runner does not take any more.
        let _ = (&asking).write_all(request("/openapi.json", "").repeat(REQUESTS).as_bytes());
    });
    runner.wait_for_log("waited too long for an answer to be taken");
    asks.join().unwrap();
    let taken = String::from_utf8_lossy(&deaf.rest()).matches("HTTP/1.1 200").count();
    assert!(taken < REQUESTS, "{taken}");
    assert_eq!(runner.get("/health/live").status, 200);
    runner.stop();
}

#[test]
fn what_is_too_large_is_refused() {
    let runner = with_job("[http.limits]\nheader_size = \"2KiB\"\nbody_size = \"2KiB\"\n");
    let mut client = Client::new(&runner);
    client.send(&request("/health/live", &format!("x-long: {}\r\n", "a".repeat(1_500))));
    assert!(client.answer().starts_with("HTTP/1.1 200"));
    client.send(&request("/health/live", &format!("x-long: {}\r\n", "a".repeat(2_500))));
    assert!(client.answer().starts_with("HTTP/1.1 431"));
    client.rest();

    let path = "/health/checks/job/report/log";
    let mut client = Client::new(&runner);
    client.send(&(post(path, "content-length: 2048\r\n") + &"a".repeat(2_048)));
    assert!(client.answer().starts_with("HTTP/1.1 200"));
    // It is refused before any of it is sent.
    client.send(&post(path, "content-length: 2049\r\nexpect: 100-continue\r\n"));
    let answer = client.answer();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("a body may have 2048 bytes here"), "{answer}");
    client.rest();
    for path in [path, "/connections/job/outcomes"] {
        let mut client = Client::new(&runner);
        let part = format!("400\r\n{}\r\n", "a".repeat(1_024));
        client.send(&(post(path, "transfer-encoding: chunked\r\n") + &part.repeat(3)));
        let answer = client.answer();
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("2048 bytes"), "{answer}");
    }
    runner.stop();
}

#[test]
fn there_are_so_many_connections_and_no_more() {
    let runner = Home::new("[http.limits]\nconnections = 4\nconnections_per_address = \"unlimited\"\n").start();
    let mut taken: Vec<Client> = (0..4).map(|_| Client::new(&runner)).collect();
    for client in &mut taken {
        client.send(&request("/health/live", ""));
        assert!(client.answer().starts_with("HTTP/1.1 200"));
    }
    let mut waiting = Client::new(&runner);
    waiting.send(&request("/health/live", ""));
    waiting.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let early = waiting.0.read(&mut [0; 1]).unwrap_err();
    assert!(matches!(early.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{early}");
    waiting.0.set_read_timeout(Some(PATIENCE)).unwrap();
    taken.pop();
    assert!(waiting.answer().starts_with("HTTP/1.1 200"), "there is room again");
    drop((taken, waiting));
    runner.stop();

    let runner = Home::new("[http.limits]\nconnections_per_address = 2\n").start();
    let mut taken: Vec<Client> = (0..2).map(|_| Client::new(&runner)).collect();
    for client in &mut taken {
        client.send(&request("/health/live", ""));
        assert!(client.answer().starts_with("HTTP/1.1 200"));
    }
    assert_eq!(Client::new(&runner).rest(), b"", "the third is one too many");
    taken.pop();
    runner.wait_for("room for another connection", || {
        let mut client = Client::new(&runner);
        client.send(&request("/health/live", ""));
        let mut first = [0; 1];
        if client.0.read(&mut first).is_ok_and(|read| read > 0) { Ok(()) } else { Err("hung up") }
    });
    drop(taken);
    runner.stop();
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let runner = Home::new("[http.limits]\nrequests_per_second = 2\nburst = 5\n").start();
    let statuses: Vec<u16> = (0..20).map(|_| runner.get("/health/live").status).collect();
    assert_eq!(statuses[..5], [200; 5], "{statuses:?}");
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!(refused >= 10, "{statuses:?}");
    let answer = runner.get("/health");
    assert_eq!(answer.status, 429);
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("1", "no-store"));
    let problem: Value = answer.json();
    assert_eq!(problem["type"], "urn:probity:error:too-fast");
    assert!(problem["detail"].as_str().unwrap().contains("http.limits.requests_per_second"), "{problem}");
    runner.wait_for("its turn", || match runner.get("/health/live").status {
        200 => Ok(()),
        status => Err(status),
    });
    runner.stop();
}

/// Many slow clients at once are no trouble to the others, and leave nothing behind.
#[test]
fn a_crowd_of_slow_clients_delays_nobody() {
    let runner = Home::new(QUICK).start();
    runner.get("/health/live");
    let before = runner.usage();
    let crowd: Vec<Client> = (0..200)
        .map(|number| {
            let mut client = Client::new(&runner);
            client.send(&request("/health", "")[..5 + number % 30]);
            client
        })
        .collect();
    for _ in 0..50 {
        let begun = Instant::now();
        assert_eq!(runner.get("/health/live").status, 200);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    for client in crowd {
        assert_eq!(client.rest(), b"");
    }
    runner.wait_for("everything to be as it was", || {
        let now = runner.usage();
        if now.files <= before.files + 2 && now.threads <= before.threads + 2 {
            Ok(())
        } else {
            Err(format!("{now:?}, before: {before:?}"))
        }
    });
    runner.stop();
}

#[test]
fn a_body_that_nobody_reads_does_not_cost_the_connection() {
    let runner = Home::new(GUARDED).start();
    let mut client = Client::new(&runner);
    for _ in 0..5 {
        client.send(&post("/health/checks/none/report", "transfer-encoding: chunked\r\n"));
        thread::sleep(Duration::from_millis(20));
        client.send("5\r\nhello\r\n0\r\n\r\n");
        assert!(client.answer().starts_with("HTTP/1.1 404"));
    }
    // Nobody waits for the end of a long one: it is answered, and hung up on.
    let mut client = Client::new(&runner);
    client.send(&post("/health/checks/none/report", "content-length: 1000000\r\n"));
    client.send("a");
    assert!(client.answer().starts_with("HTTP/1.1 404"));
    client.rest();
    // Nor is it asked for from whoever waits to be asked.
    let mut client = Client::new(&runner);
    client.send(&post("/health/checks/none/report", "content-length: 5\r\nexpect: 100-continue\r\n"));
    assert!(client.answer().starts_with("HTTP/1.1 404"));
    client.rest();
    runner.stop();
}
