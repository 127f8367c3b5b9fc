//! Components of WASI 0.3, which are an experiment: refused where nobody asked for it, and held to the same grants and budgets.

use std::{fs, path::PathBuf, sync::LazyLock};

use serde_json::{Value, json};

use crate::{
    guest::repository,
    languages::{author, is_ready, target_dir, wait_for, wait_until_loaded},
    runner::{BRISK, EAGER, Home},
    target::Target,
};

/// What switches it on.
const ON: &str = "experimental = [\"wasi-0.3\"]\n";
/// What the example is called.
const NAME: &str = "async-banner-probe";

/// The example, built; `None` if there are no tools for it, which was said.
fn example() -> Option<PathBuf> {
    static BUILT: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        is_ready("rust").then(|| {
            let target = target_dir().join("languages/rust-async");
            let folder = repository().join("examples/rust-async");
            let ended = author(&folder, &["build", "--target-dir", target.to_str().unwrap()]);
            assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
            assert!(ended.stdout.contains("wasi:sockets/types@0.3."), "{ended:?}");
            target.join(NAME).with_extension("wasm")
        })
    });
    BUILT.clone()
}

fn side_car(port: u16, more: &str) -> String {
    let settings = format!("{{ host = \"localhost\", port = {port}, expect = \"hello\" }}");
    format!("[[check]]\nname = \"{NAME}\"\ninterval = \"1500ms\"\nsettings = {settings}\n{EAGER}{more}")
}

#[test]
fn an_asynchronous_probe_runs_where_the_experiment_is_on() {
    let Some(component) = example() else { return };
    let component = fs::read(component).unwrap();
    let server = Target::greeting("hello from a server\r\n");
    let home = Home::new(BRISK);
    home.drop_in(NAME, &component);
    home.put(&format!("probes.d/{NAME}.toml"), side_car(server.port(), "").as_bytes());
    let runner = home.start();
    let told = runner.wait_for_rejection(NAME);
    assert!(told.contains("write `experimental = [\"wasi-0.3\"]` at the top of the configuration"), "{told}");
    let home = runner.stop();

    home.put("probity.toml", format!("{ON}{BRISK}").as_bytes());
    let runner = home.start();
    wait_until_loaded(&runner, NAME, 1);
    let check = wait_for(&runner, NAME, "healthy", "hello from a server");
    let measured = check.0.to_string();
    assert!(["resolve", "connect", "banner"].iter().all(|name| measured.contains(name)), "{measured}");
    drop(server);
    let check = wait_for(&runner, NAME, "unhealthy", "connection refused");
    assert!(check.fault().is_empty(), "{check:?}");
    let home = runner.stop();
    // What was compiled is found again.
    let runner = home.start();
    wait_until_loaded(&runner, NAME, 1);
    wait_for(&runner, NAME, "unhealthy", "connection refused");
    runner.stop();
}

#[test]
fn an_asynchronous_probe_has_the_grants_and_budgets_of_all_others() {
    let Some(component) = example() else { return };
    let server = Target::greeting("hello from a server\r\n");
    let silent = Target::greeting("");
    let endless = Target::endless("", b"good day, good day, good day, good day, good day, good day\r\n");
    let home = Home::empty();
    let run = |port: u16, said: &[&str]| {
        let port = format!("port={port}");
        let settings = ["--set", "host=localhost", "--set", &port, "--set", "expect=hello"];
        home.run(&[&["check", component.to_str().unwrap(), "--timeout", "2s"], &settings[..], said].concat())
    };
    let well = run(server.port(), &[]);
    assert!(well.code == Some(0) && well.stdout.contains("hello from a server"), "{well:?}");
    let waits = run(silent.port(), &[]);
    assert!(waits.code == Some(2) && waits.stdout.contains("no banner within 19"), "{waits:?}");
    let drowned = run(endless.port(), &[]);
    assert!(drowned.code == Some(2) && drowned.stdout.contains("and not \"hello\""), "{drowned:?}");

    for (config, fault, part) in [
        ("security.implicit_grants = false", "denied", "allow = [\"resolve:localhost\"]"),
        ("security.network.deny = [\"loopback\"]", "denied", "loopback"),
        ("defaults.limits.sockets = 0", "too-many-sockets", "limits.sockets"),
        ("defaults.limits.lookups = 0", "too-many-lookups", "limits.lookups"),
        ("defaults.limits.bytes_received = 4", "too-much-received", "limits.bytes_received"),
        ("defaults.limits.fuel = 1000", "out-of-fuel", "limits.fuel"),
        ("defaults.limits.memory = \"64KiB\"", "out-of-memory", "limits.memory"),
    ] {
        home.put("probity.toml", format!("{ON}{config}\n").as_bytes());
        let ended = run(server.port(), &["--config", "probity.toml"]);
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code == Some(3) && told.contains(fault) && told.contains(part), "{config}: {ended:?}");
    }
    home.put("probity.toml", b"");
    let off = run(server.port(), &["--config", "probity.toml"]);
    assert!(off.code == Some(3) && off.stderr.contains("experimental = [\"wasi-0.3\"]"), "{off:?}");
}

#[test]
fn what_an_asynchronous_probe_is_can_be_told() {
    let Some(component) = example() else { return };
    let home = Home::empty();
    let component = component.to_str().unwrap();
    let told = home.run(&["inspect", component, "-o", "json"]);
    let told: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}: {told:?}"));
    assert_eq!(told["world"], json!({ "interface": "probity:experimental/async-checker", "version": "0.1.0" }));
    assert_eq!(told["experimental"], json!(["wasi-0.3"]));
    let text = home.run(&["inspect", component]);
    for part in ["\nneeds    experimental = [\"wasi-0.3\"]\n", "tcp:HOST:PORT", "resolve:NAME"] {
        assert!(text.stdout.contains(part), "{part}: {text:?}");
    }
    let recorded = home.run(&["check", component, "--set", "host=localhost", "--set", "port=1", "--record", "a.jsonl"]);
    assert!(recorded.code == Some(3) && recorded.stderr.contains("can't be recorded or replayed"), "{recorded:?}");
    let unknown = Home::new("experimental = [\"wasi-0.4\"]\n").refusal();
    assert!(unknown.contains("wasi-0.3") && unknown.contains("probity.toml:1"), "{unknown}");
}
