//! A server that is not ours, frozen, killed and started again.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::runner::{BRISK, Home};

/// Python's own HTTP server, on this port or any free one (0). It is killed when it is dropped.
struct Python {
    process: Child,
    port: u16,
}

impl Python {
    /// `None`, said aloud, if this machine has no Python; under `PROBITY_TEST_STRICT` that is a failure.
    fn start(port: u16) -> Option<Python> {
        let serve = ["-u", "-m", "http.server", &port.to_string(), "--bind", "127.0.0.1", "--directory", "/proc/self"];
        let mut command = Command::new("python3");
        let Ok(mut process) = command.args(serve).stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
            assert!(std::env::var_os("PROBITY_TEST_STRICT").is_none(), "this test needs python3");
            eprintln!("SKIPPED: this test needs python3");
            return None;
        };
        // Its first line reads `Serving HTTP on 127.0.0.1 port 12345 (http://127.0.0.1:12345/) ...`.
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.split_whitespace().skip_while(|word| *word != "port").nth(1);
        let port = port.unwrap_or_else(|| panic!("python3 does not serve: {line:?}")).parse().unwrap();
        Some(Python { process, port })
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(server) = Python::start(0) else { return };
    let port = server.port;
    let config = format!(
        "{BRISK}[[check]]\nname = \"site\"\nprobe = \"http\"\ncritical = true\ntimeout = \"1s\"\n\
         settings = {{ url = \"http://127.0.0.1:{port}/status\" }}\n\
         [check.connection]\nfall = 1\nreconnect_delay = \"200ms\"\nreconnect_multiplier = 1.0\n"
    );
    let runner = Home::new(&config).start();
    runner.wait_for_check("site", "is well", |check| check.status() == "healthy" && check.state() == "CONNECTED");

    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    server.signal(Signal::STOP);
    let frozen = runner.wait_for_check("site", "is found frozen", |check| check.status() == "unhealthy");
    assert!(frozen.message().contains("no answer within"), "{}", frozen.message());
    assert_eq!(runner.get("/health").status, 503);
    server.signal(Signal::CONT);
    runner.wait_for_check("site", "is well again", |check| check.status() == "healthy" && check.state() == "CONNECTED");

    drop(server);
    let dead = runner.wait_for_check("site", "is found dead", |check| check.status() == "unhealthy");
    assert!(dead.message().contains("connection refused"), "{}", dead.message());
    assert_eq!(dead.fault(), "", "{}", dead.message());
    let _server = Python::start(port);
    runner.wait_for_check("site", "is back", |check| check.status() == "healthy" && check.state() == "CONNECTED");

    // All of it has been counted.
    let stats = runner.json("/connections/site/stats");
    assert_eq!((&stats["totalConnections"], &stats["totalReconnections"]), (&3.into(), &2.into()), "{stats}");
    assert!(stats["totalFailures"].as_u64() >= Some(2) && stats["failedHealthChecks"].as_u64() >= Some(2), "{stats}");
    assert!(stats["healthCheckSuccessRate"].as_str().unwrap().ends_with('%'), "{stats}");
    assert!(stats["uptime"].as_u64() > Some(0), "{stats}");
    runner.stop();
}
