//! Whoever takes messages over HTTP, and answers as a test says.

use std::{
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use serde_json::Value;

use crate::{runner::Runner, target::Target};

/// A request.
#[derive(Clone, Debug)]
pub struct Received {
    pub head: String,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next().unwrap_or("")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub struct Receiver {
    target: Target,
    status: Arc<AtomicU16>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub fn new() -> Receiver {
        let status = Arc::new(AtomicU16::new(200));
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (told, kept) = (Arc::clone(&status), Arc::clone(&received));
        let target = Target::tcp(move |mut stream| {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let mut request = Received { head, body: String::new() };
            let Ok(length) = request.header("content-length").parse() else { return };
            let mut body = vec![0; length];
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            request.body = String::from_utf8_lossy(&body).into_owned();
            kept.lock().unwrap().push(request);
            let status = told.load(Ordering::Relaxed);
            let said = if status < 300 { "" } else { "as told\nand no more" };
            let more = if (300..400).contains(&status) { "location: http://127.0.0.1:1/\r\n" } else { "" };
            // Whoever asked may have lost his patience.
            let _ = write!(
                stream,
                "HTTP/1.1 {status} -\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{said}",
                said.len()
            );
        });
        Receiver { target, status, received }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.target.port())
    }

    pub fn port(&self) -> u16 {
        self.target.port()
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// Waits for so many requests.
    #[track_caller]
    pub fn wait_for(&self, count: usize, runner: &Runner) -> Vec<Received> {
        self.wait_until(runner, &format!("{count} messages"), |received| received.len() >= count)
    }

    /// Waits until what was received is as described.
    #[track_caller]
    pub fn wait_until(&self, runner: &Runner, what: &str, is_so: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        runner.wait_for(what, || {
            let received = self.received();
            if is_so(&received) { Ok(received) } else { Err(format!("{received:?}")) }
        })
    }
}
