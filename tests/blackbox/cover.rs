//! Whatever is handed out is tried out: each standard probe and each example has a test.

use std::{collections::BTreeSet, fs};

use crate::guest::repository;

/// Folders of `probes/` that are no probes.
const NO_PROBES: [&str; 3] = ["dist", "sdk", "target"];
/// The probes that `probes.rs`, or a file of their own, and `command_line.rs` try out.
const TRIED_PROBES: [&str; 6] = ["dns", "http", "mysql", "postgres", "tcp", "websocket"];
/// The examples that `command_line.rs` tries out.
const TRIED_EXAMPLES: [&str; 1] = ["quickstart"];

fn folders(parent: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(repository().join(parent)).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn every_probe_is_tried_out() {
    let mut found = folders("probes");
    found.retain(|name| !NO_PROBES.contains(&name.as_str()));
    assert_eq!(found, TRIED_PROBES.map(str::to_owned).into(), "add a test, and the name here");
}

#[test]
fn every_example_is_tried_out() {
    assert_eq!(folders("examples"), TRIED_EXAMPLES.map(str::to_owned).into(), "add a test, and the name here");
}
