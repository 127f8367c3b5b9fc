//! Components of WASI 0.3, which are an experiment: refused where nobody asked for it, and held to the same grants and budgets.

use std::{
    fs,
    io::{Read, Write},
    path::PathBuf,
    sync::LazyLock,
};

use serde_json::{Value, json};

use crate::{
    guest::repository,
    languages::{author, is_ready, target_dir, wait_until_loaded},
    runner::{BRISK, EAGER, Home},
    target::Target,
};

/// What switches it on.
const ON: &str = "experimental = [\"wasi-0.3\"]\n";
/// What the example is called.
const NAME: &str = "async-banner-probe";

/// The example, built; `None` if there are no tools for it, which was said.
fn example() -> Option<PathBuf> {
    static BUILT: LazyLock<Option<PathBuf>> = LazyLock::new(|| built("examples/rust-async", NAME));
    BUILT.clone()
}

fn built(folder: &str, name: &str) -> Option<PathBuf> {
    is_ready("rust").then(|| {
        let target = target_dir().join("wasi-0.3").join(name);
        let ended = author(&repository().join(folder), &["build", "--target-dir", target.to_str().unwrap()]);
        assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains("wasi:sockets/types@0.3."), "{ended:?}");
        target.join(name).with_extension("wasm")
    })
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
    let check = runner.wait_for_verdict(NAME, "healthy", "hello from a server");
    let measured = check.0.to_string();
    assert!(["resolve", "connect", "banner"].iter().all(|name| measured.contains(name)), "{measured}");
    drop(server);
    let check = runner.wait_for_verdict(NAME, "unhealthy", "connection refused");
    assert!(check.fault().is_empty(), "{check:?}");
    let home = runner.stop();
    // What was compiled is found again.
    let runner = home.start();
    wait_until_loaded(&runner, NAME, 1);
    runner.wait_for_verdict(NAME, "unhealthy", "connection refused");
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
fn an_asynchronous_probe_sends_by_tcp_and_by_udp_within_its_grants_and_budgets() {
    let Some(component) = built("tests/fixtures/network/rust-async", "network") else { return };
    let counts = Target::tcp(|mut stream| {
        let mut said = Vec::new();
        // Whoever is cut off has said enough.
        let _ = stream.read_to_end(&mut said);
        let _ = stream.write_all(format!("{} bytes: {:?}", said.len(), said.starts_with(b"ping\n")).as_bytes());
    });
    let echo = Target::udp(|datagram| vec![[b"you said ", datagram].concat()]);
    let mute = Target::udp(|_| vec![]);
    let home = Home::empty();
    let run = |what: &str, port: u16, times: u32, config: &str| {
        home.put("probity.toml", format!("{ON}{config}\n").as_bytes());
        let settings = [format!("what={what}"), format!("port={port}"), format!("times={times}")];
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let grants = ["--allow", "tcp:127.0.0.1:*", "--allow", "udp:127.0.0.1:*"];
        let grants = if config.contains("nothing") { &[][..] } else { &grants[..] };
        let begin = ["check", component.to_str().unwrap(), "--timeout", "2s", "--config", "probity.toml"];
        home.run(&begin.into_iter().chain(settings).chain(grants.iter().copied()).collect::<Vec<_>>())
    };
    let (tcp, udp) = (counts.port(), echo.port());
    for (what, port, times, config, code, told) in [
        // In one piece, and in very many.
        ("tcp", tcp, 1, "", 0, "5 bytes: true"),
        ("tcp", tcp, 50_000, "", 0, "250000 bytes: true"),
        ("udp", udp, 3, "", 0, "you said ping"),
        ("udp-connected", udp, 3, "", 0, "you said ping"),
        ("udp", mute.port(), 1, "", 2, "no answer in time"),
        ("tcp", tcp, 1, "# grants nothing", 3, &*format!("tcp:127.0.0.1:{tcp}")),
        ("udp", udp, 1, "# grants nothing", 3, &*format!("udp:127.0.0.1:{udp}")),
        ("udp-connected", udp, 1, "# grants nothing", 3, &*format!("udp:127.0.0.1:{udp}")),
        ("tcp", tcp, 1_000, "defaults.limits.bytes_sent = 4999", 3, "limits.bytes_sent"),
        ("tcp", tcp, 1_000, "defaults.limits.bytes_sent = 5000", 0, "5000 bytes: true"),
        ("tcp", tcp, 1, "defaults.limits.bytes_received = 4", 3, "limits.bytes_received"),
        ("udp", udp, 3, "defaults.limits.bytes_sent = 14", 3, "limits.bytes_sent"),
        ("udp", udp, 3, "defaults.limits.bytes_received = 41", 3, "limits.bytes_received"),
        ("udp", udp, 3, "defaults.limits.bytes_received = 42", 0, "you said ping"),
    ] {
        let ended = run(what, port, times, config);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code == Some(code) && said.contains(told), "{what}, {times} times, {config:?}: {ended:?}");
    }
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
