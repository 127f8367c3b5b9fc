//! The contract's versions: components that were built for a released one run as they did, beside those of the next.

use std::{fs, io::Read, path::Path, process::Command};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    guest,
    languages::{side_car, wait_until_loaded},
    runner::{BRISK, EAGER, Home},
    target::Target,
};

/// The component that is no example: the probe `redis`, which keeps its connection.
const CONNECTOR: &str = "connector";

/// The golden components of a version, each with its name; all of them are what they were.
fn golden(version: &str) -> Vec<(String, Vec<u8>)> {
    let folder = guest::repository().join("tests/fixtures/golden").join(version);
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let components: Vec<(String, Vec<u8>)> = sums
        .lines()
        .map(|line| {
            let (sum, file) = line.split_once("  ").unwrap();
            let component = unpacked(&folder.join(file));
            let found: String = Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, sum, "{file} was changed");
            (file.trim_end_matches(".wasm").to_owned(), component)
        })
        .collect();
    assert_eq!(components.len() + 1, fs::read_dir(&folder).unwrap().count(), "each is listed");
    components
}

/// The one in Python, which takes most of a minute to be compiled.
pub fn the_largest() -> Vec<u8> {
    unpacked(&guest::repository().join("tests/fixtures/golden/0.1.0/python.wasm"))
}

/// A component as it was built.
fn unpacked(file: &Path) -> Vec<u8> {
    let mut component = Vec::new();
    if let Ok(compressed) = fs::read(file.with_added_extension("gz")) {
        GzDecoder::new(&compressed[..]).read_to_end(&mut component).unwrap();
        return component;
    }
    let output = Command::new("xz").arg("-dc").arg(file.with_added_extension("xz")).output();
    let output = output.expect("xz, of the package xz-utils, unpacks the largest of them");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[test]
fn what_was_built_for_a_released_version_still_runs() {
    let server = Target::greeting("hello from a server\r\n");
    let broker = Target::reciting("", &["+PONG\r\n"; 100]);
    let home = Home::new(BRISK);
    let components = golden("0.1.0");
    for (name, component) in &components {
        home.drop_in(name, component);
        let check = if name == CONNECTOR {
            format!(
                "[[check]]\nname = \"{name}\"\nsettings = {{ host = \"127.0.0.1\", port = {} }}\n{EAGER}",
                broker.port()
            )
        } else {
            side_car(name, server.port())
        };
        home.put(&format!("probes.d/{name}.toml"), check.as_bytes());
    }
    let runner = home.start();
    for (name, _) in &components {
        wait_until_loaded(&runner, name, 1);
    }
    for (name, _) in &components {
        runner.wait_for_verdict(name, "healthy", if name == CONNECTOR { "answered" } else { "hello from a server" });
    }
    drop((server, broker));
    for (name, _) in &components {
        let check = runner.wait_for_verdict(name, "unhealthy", "");
        assert!(check.fault().is_empty(), "{name}: {check:?}");
    }
    runner.stop();
}

#[test]
fn a_recording_takes_no_notice_of_the_language() {
    let server = Target::greeting("hello from a server\r\n");
    let home = Home::empty();
    let port = format!("port={}", server.port());
    let mut components = golden("0.1.0");
    // The one is JavaScript but for its types, and the other takes most of a minute to compile, each time.
    components.retain(|(name, _)| name != CONNECTOR && name != "typescript" && name != "python");
    for (name, component) in &components {
        home.put(&format!("{name}.wasm"), component);
        let (file, tape) = (format!("./{name}.wasm"), format!("{name}.jsonl"));
        let settings = ["--set", "host=localhost", "--set", &port, "--set", "expect=hello"];
        let ended = home.run(&[&["check", &file], &settings[..], &["--record", &tape]].concat());
        assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
    }
    drop(server);
    for (name, _) in &components {
        let (file, tape) = (format!("./{name}.wasm"), format!("{name}.jsonl"));
        let ended = home.run(&["check", &file, "--replay", &tape, "--repeat", "3"]);
        assert!(ended.code == Some(0) && ended.stdout.contains("3 runs: 3 healthy"), "{name}: {ended:?}");
    }
}

#[test]
fn two_versions_run_side_by_side() {
    let home = Home::new(BRISK);
    home.drop_in("old", &guest::saying("released"));
    home.drop_in("new", &guest::fixture("has-a-runbook"));
    let runner = home.start();
    runner.wait_for_verdict("old", "healthy", "released");
    let new = runner.wait_for_verdict("new", "healthy", "drafted").0;
    assert_eq!(new["details"], json!({ "runbook": "https://wiki/orders-db" }), "{new}");
    let home = runner.stop();

    for (file, version) in [("old", "0.1.0"), ("new", "0.2.0-draft")] {
        let told = home.run(&["inspect", &format!("probes.d/{file}.wasm"), "-o", "json"]);
        let told: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}: {told:?}"));
        assert_eq!(told["world"], json!({ "interface": "probity:probe/checker", "version": version }));
        let told = home.run(&["inspect", &format!("probes.d/{file}.wasm")]);
        assert!(told.stdout.contains(&format!("\nworld    probity:probe/checker@{version}\n")), "{told:?}");
    }
}

#[test]
fn a_version_that_is_not_offered_is_refused() {
    let home = Home::empty();
    let speaks = |world: &str, imports: &str| {
        wat::parse_str(format!(
            "(component {imports} (component $c (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
               (func (export \"check\") (canon lift (core func $i \"f\"))))
             (instance $e (instantiate $c)) (export \"{world}\" (instance $e)))"
        ))
        .unwrap()
    };
    home.put("later.wasm", &speaks("probity:probe/checker@0.3.0", ""));
    let log = "(import \"probity:probe/log@0.2.0-draft\" (instance))";
    home.put("mixed.wasm", &speaks("probity:probe/checker@0.1.0", log));
    let types = "(import \"probity:probe/types@0.3.0\" (instance))";
    home.put("words.wasm", &speaks("probity:probe/checker@0.1.0", types));
    for (file, told) in [
        (
            "later",
            "this component speaks `probity:probe/checker@0.3.0`, and this runner speaks `probity:probe/connector@0.1.0`, \
             `probity:experimental/async-checker@0.1.0`, `probity:probe/checker@0.2.0-draft`, `probity:probe/checker@0.1.0`: \
             build it for one of these",
        ),
        ("mixed", "it wants `probity:probe/log@0.2.0-draft`, and there is `probity:probe/log@0.1.0`"),
        (
            "words",
            "it wants `probity:probe/types@0.3.0`, and there is `probity:probe/types@0.1.0`, \
             `probity:probe/types@0.2.0-draft`",
        ),
    ] {
        for command in ["check", "inspect"] {
            let ended = home.run(&[command, &format!("./{file}.wasm")]);
            assert!(ended.code == Some(3) && ended.stderr.contains(told), "{ended:?}");
        }
    }
}
