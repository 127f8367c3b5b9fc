//! The event log followed over real connections: cut off, resumed, too slow, and to the end.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::{
    guest,
    runner::{GUARDED, Home, PATIENCE, Runner},
};

/// A runner with a check `a` that is well and runs once.
fn runner(more: &str) -> Runner {
    // A test changes more in a second than people do.
    let pace = "http.limits.requests_per_second = 1_000_000\n";
    let home = Home::new(&format!("{GUARDED}{pace}{more}\n[defaults]\ninterval = \"1h\"\njitter = 0.0\n"));
    home.drop_in("a", &guest::saying("up"));
    let runner = home.start();
    runner.wait_for_check("a", "is well", |check| check.status() == "healthy");
    runner
}

/// Has so many events happen.
fn stir(runner: &Runner, events: usize) {
    for at in 0..events {
        let mode = if at % 2 == 0 { "forced-up" } else { "auto" };
        assert_eq!(runner.change("PUT", "/connections/a/mode", &format!(r#"{{"mode": "{mode}"}}"#)).status, 200);
    }
}

/// Server-sent events, as they come.
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    pub fn open(runner: &Runner, path: &str, last: Option<&str>) -> Stream {
        let mut stream = TcpStream::connect(runner.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = last.map(|last| format!("last-event-id: {last}\r\n")).unwrap_or_default();
        // By HTTP/1.0, the answer comes without a frame around it.
        write!(stream, "GET {path} HTTP/1.0\r\nhost: localhost\r\n{last}\r\n").unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        Stream(reader)
    }
}

impl Iterator for Stream {
    type Item = (String, Value);

    /// The id of the next event, and the event.
    fn next(&mut self) -> Option<(String, Value)> {
        let (mut id, mut data) = (String::new(), None);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                _ if line.trim_end().is_empty() => {
                    if let Some(data) = data.take() {
                        return Some((id, data));
                    }
                }
                _ => {}
            }
        }
    }
}

fn number(event: &Value) -> u64 {
    event["sequence"].as_str().unwrap().parse().unwrap()
}

#[test]
fn whoever_is_cut_off_resumes_without_loss() {
    let runner = runner("");
    let mut stream = Stream::open(&runner, "/events?after=0", None);
    let (mut seen, mut last) = (vec![], String::new());
    stir(&runner, 10);
    for (id, event) in stream.by_ref().take(8) {
        assert_eq!(event["specversion"], "1.0");
        seen.push(number(&event));
        last = id;
    }
    // Cut off, and meanwhile the world goes on.
    drop(stream);
    stir(&runner, 20);
    let mut resumed = Stream::open(&runner, "/events", Some(&last));
    stir(&runner, 2);
    for (_, event) in resumed.by_ref() {
        seen.push(number(&event));
        if seen.len() == 8 + 20 {
            break;
        }
    }
    let expected: Vec<u64> = (1..=28).collect();
    assert_eq!(seen, expected, "each once, in order, and none is missing");

    // Over a WebSocket it is the same.
    let (mut socket, _) = tungstenite::connect(format!("ws://{}/events/ws?after=3", runner.address)).unwrap();
    let seen: Vec<u64> = (0..20).map(|_| number(&told(&mut socket).unwrap())).collect();
    assert_eq!(seen, (4..24).collect::<Vec<u64>>());
    drop(socket);
    let (mut socket, _) = tungstenite::connect(format!("ws://{}/events/ws?after=23", runner.address)).unwrap();
    assert_eq!(number(&told(&mut socket).unwrap()), 24);
    runner.stop();
}

/// The next event that comes over a WebSocket; `None` at the end, which is told with the reason.
fn told<S: std::io::Read + Write>(socket: &mut WebSocket<S>) -> Option<Value> {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
            Message::Close(frame) => {
                let frame = frame.unwrap();
                assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1001, "the runner is stopping"));
                return None;
            }
            _ => {}
        }
    }
}

#[test]
fn what_the_log_does_not_hold_any_more_is_told() {
    let runner = runner("events.capacity = 5");
    stir(&runner, 20);
    let last = runner.wait_for("the log to be full", || {
        let mut stream = Stream::open(&runner, "/events?after=1", None);
        let (_, gap) = stream.next().unwrap();
        assert_eq!(
            (&gap["type"], &gap["data"]["reason"], &gap["data"]["from"]),
            (&json!("probity.gap"), &json!("expired"), &json!(2))
        );
        let to = gap["data"]["to"].as_u64().unwrap();
        let (_, first) = stream.next().unwrap();
        assert_eq!(number(&first), to + 1);
        Ok::<_, String>(to + 5)
    });
    let (mut socket, _) = tungstenite::connect(format!("ws://{}/events/ws?after=1", runner.address)).unwrap();
    assert_eq!(told(&mut socket).unwrap()["type"], "probity.gap");
    // A number of an earlier life of the runner is none of this one.
    let mut stream = Stream::open(&runner, "/events", Some("abc123-2"));
    assert_eq!(stream.next().unwrap().1["data"]["reason"], "restarted");
    let mut stream = Stream::open(&runner, &format!("/events?after={}", last + 1000), None);
    assert_eq!(stream.next().unwrap().1["data"]["reason"], "restarted");
    runner.stop();
}

#[test]
fn whoever_does_not_read_slows_nobody_and_is_told_what_it_missed() {
    let runner = runner("events.capacity = 10");
    let mut lazy = Stream::open(&runner, "/events?after=0&type=mode-change", None);
    let mut others: Vec<_> = (0..20).map(|_| Stream::open(&runner, "/events?after=0", None)).collect();
    stir(&runner, 3_000);
    assert_eq!(runner.get("/health/live").status, 200);
    let (mut expected, mut gaps) = (None, 0);
    // It reads on from where it was, each event or the gap in its place, up to the last.
    let newest = number(&Stream::open(&runner, "/events?after=0", None).last_of(10));
    for (_, event) in lazy.by_ref() {
        let at = match event["data"]["from"].as_u64() {
            Some(from) if event["type"] == "probity.gap" => {
                assert!(expected.is_none_or(|expected| from <= expected), "{event}");
                gaps += 1;
                event["data"]["to"].as_u64().unwrap()
            }
            _ => {
                assert!(expected.is_none_or(|expected| number(&event) == expected), "{event} after {expected:?}");
                number(&event)
            }
        };
        expected = Some(at + 1);
        if at == newest {
            break;
        }
    }
    println!("{gaps} gaps");
    others.clear();
    runner.stop();
}

impl Stream {
    /// The last of so many events.
    fn last_of(mut self, events: usize) -> Value {
        let mut last = Value::Null;
        while last["type"] == json!(null) || last["type"] == "probity.gap" {
            last = self.next().unwrap().1;
        }
        for _ in 1..events {
            last = self.next().unwrap().1;
        }
        last
    }
}

#[test]
fn followers_are_told_of_the_last_event_and_of_the_end() {
    let mut runner = runner("");
    let stream = Stream::open(&runner, "/events?after=0", None);
    let (mut socket, _) = tungstenite::connect(format!("ws://{}/events/ws?after=0", runner.address)).unwrap();
    runner.signal(Signal::TERM);
    let told_by_stream = stream.count();
    let mut told_by_socket = 0;
    while told(&mut socket).is_some() {
        told_by_socket += 1;
    }
    assert!(told_by_stream >= 4, "{told_by_stream}");
    assert_eq!(told_by_socket, told_by_stream);
    assert!(runner.wait_for_exit().success());
}

#[test]
fn every_kind_of_news_of_a_check_can_be_followed() {
    let home = Home::new(&format!(
        "{GUARDED}[defaults]\ninterval = \"100ms\"\njitter = 0.0\nconnection = {{ fall = 1, reconnect_delay = \"100ms\", max_reconnect_attempts = 1 }}\n"
    ));
    home.drop_in("a", &guest::saying("up"));
    let runner = home.start();
    runner.wait_for_message("a", "up");
    runner.home.drop_in("a", &guest::verdict(2, "down"));
    runner.wait_for_check("a", "is given up", |check| check.state() == "FAILED");
    runner.home.drop_in("a", &guest::saying("up again"));
    runner.wait_for_message("a", "up again");
    runner.change("POST", "/connections/a/circuit/force-open", "");
    runner.change("POST", "/connections/a/disconnect", "");
    runner.home.drop_in("a", b"broken");
    runner.wait_for_rejection("a");
    let mut expected = vec![
        "state-change",
        "connected",
        "error",
        "unhealthy",
        "health-change",
        "reconnecting",
        "max-reconnect-attempts-reached",
        "circuit-change",
        "disconnected",
        "reload",
    ];
    let mut chain = "DISCONNECTED".to_owned();
    for (_, event) in Stream::open(&runner, "/events?after=0", None) {
        let kind = event["type"].as_str().unwrap().strip_prefix("probity.").unwrap().to_owned();
        if kind == "state-change" {
            assert_eq!(event["data"]["from"], chain.as_str(), "{event}");
            chain = event["data"]["to"].as_str().unwrap().to_owned();
            assert!(event["data"]["cause"].is_string() && event["subject"] == "a", "{event}");
        }
        let is_rejection = kind == "reload" && event["data"]["ok"] == false;
        expected.retain(|expected| *expected != kind || (*expected == "reload" && !is_rejection));
        if expected.is_empty() {
            break;
        }
    }
    assert_eq!(chain, "DISCONNECTED");
    runner.stop();
}

#[test]
fn who_wants_none_of_what_happens_hears_all_the_same_that_somebody_is_there() {
    let runner = runner("");
    let (mut socket, _) = tungstenite::connect(format!("ws://{}/events/ws?type=reload", runner.address)).unwrap();
    let tungstenite::stream::MaybeTlsStream::Plain(stream) = socket.get_mut() else { unreachable!() };
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    // More at a time than are passed over without a word.
    runner.wait_for("a ping", || {
        stir(&runner, 100);
        match socket.read() {
            Ok(Message::Ping(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    runner.stop();
}
