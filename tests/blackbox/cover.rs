//! Whatever is handed out is tried out: each standard probe and each example has a test.

use std::{collections::BTreeSet, fs};

use crate::{
    guest::repository,
    runner::{Home, run_to_end},
};

/// Folders of `probes/` that are no probes.
const NO_PROBES: [&str; 4] = ["dist", "fuzz", "sdk", "target"];
/// Those that are parts of probes, and are tried out as such.
const TRIED_PARTS: [&str; 4] = ["database-ping", "dht-roundtrip", "mock-adapter", "pubsub-roundtrip"];
/// The probes that some test here tries out.
pub const TRIED_PROBES: [&str; 28] = [
    "amqp",
    "composite",
    "cpu",
    "disk",
    "dns",
    "etcd",
    "grpc",
    "heartbeat",
    "http",
    "imap",
    "json-metric",
    "kafka",
    "mainline-dht",
    "memcached",
    "memory",
    "mqtt",
    "mysql",
    "nats",
    "ntp",
    "ping",
    "postgres",
    "redis",
    "smtp",
    "ssh",
    "tcp",
    "tls",
    "udp",
    "websocket",
];
/// The probes that an adapter makes beside the one that it is named as.
pub const MORE_PROBES: [&str; 2] = ["redis-kv", "redis-pubsub"];
/// The examples that some test here tries out.
const TRIED_EXAMPLES: [&str; 16] = [
    "assemblyscript",
    "c",
    "cpp",
    "embedding",
    "go",
    "hook",
    "javascript",
    "monitoring",
    "python",
    "quickstart",
    "reconnection",
    "rust",
    "rust-async",
    "typescript",
    "wat",
    "zig",
];

fn folders(parent: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(repository().join(parent)).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn every_probe_is_tried_out() {
    let mut found = folders("probes");
    found.retain(|name| !NO_PROBES.contains(&name.as_str()) && !TRIED_PARTS.contains(&name.as_str()));
    assert_eq!(found, TRIED_PROBES.map(str::to_owned).into(), "add a test, and the name here");
}

#[test]
fn the_check_that_a_probes_page_shows_is_valid() {
    for probe in TRIED_PROBES {
        let page = fs::read_to_string(repository().join("probes").join(probe).join("README.md")).unwrap();
        let shown = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let home = Home::new(shown.unwrap_or_else(|| panic!("the page of {probe} shows no check")));
        let mut command = home.command(&["validate"]);
        for variable in page.split("${env:").skip(1) {
            command.env(variable.split('}').next().unwrap(), "something");
        }
        let ended = run_to_end(command);
        assert_eq!(ended.code, Some(0), "{probe}: {ended:?}");
    }
}

#[test]
fn every_example_is_tried_out() {
    assert_eq!(folders("examples"), TRIED_EXAMPLES.map(str::to_owned).into(), "add a test, and the name here");
}
