//! The example of a program that embeds a connection: it follows what it depends on.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    runner::{Home, Runner},
    target::{Target, nobody},
};

const TOKEN: &str = "s3cret-of-the-dependency";

/// Cargo builds it with the tests, unless it is told which of them to build.
fn example() -> PathBuf {
    let example = Path::new(env!("CARGO_BIN_EXE_probity")).with_file_name("examples").join("embedding");
    assert!(example.is_file(), "{} is missing; build it: cargo build --example embedding", example.display());
    example
}

fn start(dependency: &str) -> Runner {
    let mut command = Command::new(example());
    command.env("DEPENDENCY_URL", dependency).env("DEPENDENCY_TOKEN", TOKEN);
    command.env("LISTEN", "127.0.0.1:0").env("INTERVAL_MS", "100").stdin(Stdio::null());
    Home::empty().start_by(command)
}

/// What the dependency answers: that it is well, if it is asked as it wants to be.
fn answer(head: &str) -> String {
    let asked =
        head.starts_with("GET /health HTTP/1.1") && head.contains(&format!("authorization: Bearer {TOKEN}\r\n"));
    let status = if asked { "200 OK" } else { "401 Unauthorized" };
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
}

#[track_caller]
fn wait_for(service: &Runner, status: &str, state: &str) -> Value {
    let answer = service.get("/health");
    assert_eq!(answer.status, 200, "it answers, however its dependency is");
    let health = service.wait_for_json("/health", &format!("{status} and {state}"), |health| {
        health["status"] == status && health["connection"]["state"] == state
    });
    let connection = &health["connection"];
    assert_eq!(connection["isHealthy"], status == "ok", "{health:#}");
    assert_eq!(connection["stats"]["currentState"], state, "{health:#}");
    assert_eq!(connection["stats"]["uptime"], connection["uptime"], "{health:#}");
    health
}

#[test]
fn it_follows_its_dependency_and_leaves_politely() {
    let address = nobody();
    let mut service = start(&format!("http://{address}/health"));
    let health = wait_for(&service, "degraded", "RECONNECTING");
    assert_eq!(health["connection"]["stats"]["totalConnections"], 0, "{health:#}");
    let refused = service.get("/call");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{refused:?}");
    assert!(refused.text().contains("ask again in"), "{}", refused.text());

    let dependency = Target::http_at(address, answer);
    // Whoever calls does not wait for the next attempt.
    assert_eq!(service.get("/call").text(), "the dependency answered\n");
    wait_for(&service, "ok", "CONNECTED");

    drop(dependency);
    wait_for(&service, "degraded", "RECONNECTING");
    service.wait_for_log("page somebody");

    let _dependency = Target::http_at(address, answer);
    let health = wait_for(&service, "ok", "CONNECTED");
    let stats = &health["connection"]["stats"];
    assert_eq!((&stats["totalConnections"], &stats["totalReconnections"]), (&2.into(), &1.into()), "{health:#}");
    assert!(stats["healthCheckSuccessRate"].as_str().is_some_and(|rate| rate.ends_with('%')), "{health:#}");

    service.signal(Signal::TERM);
    assert_eq!(service.wait_for_exit().code(), Some(0), "{}", service.log());
    service.wait_for_log("CONNECTED -> DISCONNECTED");
    assert!(!service.log().contains(TOKEN), "{}", service.log());
}

#[test]
fn it_says_what_is_wrong_with_its_settings() {
    let mut command = Command::new(example());
    command.env("DEPENDENCY_URL", "ftp://nowhere").env("LISTEN", "127.0.0.1:0").stdin(Stdio::null());
    let ended = crate::runner::run_to_end(command);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("DEPENDENCY_URL must begin with http://"), "{ended:?}");
}
