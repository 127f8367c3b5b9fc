//! `probity test`: cases beside a probe, with targets that go by a script.

use std::fs;

use crate::{guest, runner::Home};

/// A home with these cases of the probe `tcp`.
fn home(cases: &[(&str, &str)]) -> Home {
    let home = Home::empty();
    for (name, text) in cases {
        home.put(&format!("{name}.case.toml"), text.as_bytes());
    }
    home
}

const GREETS: &str = r#"
probe = "tcp"
settings = { host = "{door.host}", port = "{door.port}", dialogue = [{ expect = "ready" }, { send = "QUIT\r\n", expect = "bye" }] }
[target.door]
steps = [{ send = "ready\r\n" }, { receive = "QUIT\r\n" }, { send = "bye\r\n" }, { close = true }]
[expect]
status = "healthy"
message = "{door.address} answered as expected"
details = { address = "{door.address}" }
measurements = ["connect"]
missing = []
"#;

const CLOSED: &str = r#"
probe = "tcp"
settings = { host = "{door.host}", port = "{door.port}" }
target.door.refuse = true
expect = { status = "unhealthy", message = "connection refused" }
"#;

#[test]
fn cases_come_out_as_expected() {
    let home = home(&[("a", GREETS), ("b", CLOSED)]);
    let ended = home.run(&["test"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("passed  ./a.case.toml ("), "{ended:?}");
    assert!(ended.stdout.ends_with("2 passed, 0 failed\n"), "{ended:?}");
    let ended = home.run(&["test", "b.case.toml"]);
    assert_eq!((ended.code, ended.stdout.ends_with("1 passed, 0 failed\n")), (Some(0), true), "{ended:?}");
}

#[test]
fn all_that_comes_out_otherwise_is_told() {
    let wrong = GREETS
        .replace("\"healthy\"", "\"degraded\"")
        .replace("as expected", "as feared")
        .replace("address =", "adress =")
        .replace("\"connect\"", "\"disconnect\"")
        .replace("missing = []", "missing = [\"tcp:{door.address}\"]")
        .replace("receive = \"QUIT", "receive = \"EXIT");
    let wrong = format!("timeout = \"1s\"\n{wrong}");
    let home = home(&[("a", &wrong), ("b", CLOSED)]);
    let ended = home.run(&["test"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in [
        "FAILED  ./a.case.toml: expected degraded, found ",
        "as feared\" in the message, found ",
        "expected the detail adress, found none",
        "expected the measurement disconnect, found none",
        "expected it to miss [\"tcp:127.0.0.1:",
        "the target door waited for \"EXIT\\r\\n\" and was told \"QUIT\\r\\n\" (then ",
        "\n1 passed, 1 failed\n",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in:\n{}", ended.stdout);
    }
}

#[test]
fn a_case_finds_the_probe_that_it_is_named_after() {
    let home = home(&[
        ("mine", "expect = { status = \"healthy\", message = \"first\" }"),
        ("mine.again", "expect.status = \"healthy\""),
        ("mine.named", "probe = \"other.wasm\"\nexpect = { status = \"unknown\", fault = \"trap\" }"),
        ("dials", "expect = { status = \"unknown\", fault = \"denied\", missing = [\"tcp:127.0.0.1:1\"] }"),
        ("dials.granted", "allow = [\"tcp:127.0.0.1:1\"]\nexpect = { status = \"unhealthy\", missing = [] }"),
    ]);
    fs::create_dir(home.path("target")).unwrap();
    home.put("target/mine.wasm", &guest::saying("first"));
    home.put("mine.wasm", &guest::saying("second"));
    home.put("dials.wasm", &guest::fixture("dials"));
    home.put("other.wasm", &guest::fixture("traps"));
    let ended = home.run(&["test", "."]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.ends_with("5 passed, 0 failed\n"), "{ended:?}");
}

#[test]
fn what_is_no_case_is_told_before_anything_runs() {
    let home = Home::empty();
    let ended = home.run(&["test"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("none of its files ends in .case.toml"), "{ended:?}");

    for (name, text) in [
        ("a", GREETS),
        ("b", "expect = { stats = \"healthy\" }"),
        ("c", "expect.status = \"fine\""),
        ("d", "target.x = { refuse = true, steps = [{ send = \"a\" }] }\nexpect.status = \"healthy\""),
    ] {
        home.put(&format!("{name}.case.toml"), text.as_bytes());
    }
    let ended = home.run(&["test"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
    for part in [
        "b.case.toml is no case",
        "unknown field `stats`",
        "c.case.toml is no case",
        "unknown variant `fine`",
        "d.case.toml: target.x: it can't both refuse connections and have steps for them",
    ] {
        assert!(ended.stderr.contains(part), "{part:?} is missing in:\n{}", ended.stderr);
    }

    let home = self::home(&[("absent", "expect.status = \"healthy\"")]);
    let ended = home.run(&["test"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("there is no ./target/absent.wasm nor ./absent.wasm; build the probe"), "{ended:?}");
    home.put("absent.case.toml", b"probe = \"tcp\"\ntimeout = \"soon\"\nexpect.status = \"healthy\"");
    let ended = home.run(&["test"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(
        ended.stderr.contains("the check of ./absent.case.toml") && ended.stderr.contains("not a duration"),
        "{ended:?}"
    );
}
