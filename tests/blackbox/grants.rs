//! What checks may reach, and what becomes of those that may not.

use std::fs;

use crate::{
    guest::repository,
    runner::{BRISK, Check, Home, Runner},
    target::Target,
};

fn denied(runner: &Runner, name: &str, part: &str) -> Check {
    runner.wait_for_check(name, &format!("denied, because {part:?}"), |check| {
        check.fault() == "denied" && check.message().contains(part)
    })
}

fn healthy(runner: &Runner, name: &str) {
    runner.wait_for_check(name, "healthy", |check| check.status() == "healthy");
}

#[test]
fn what_is_denied_to_all_is_reached_by_no_grant_and_no_protocol() {
    let door = Target::greeting("hello");
    let page = Target::http(|_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
    let echo = Target::udp(|question| vec![question.to_vec()]);
    let check = |name: &str, probe: &str, settings: &str| {
        format!(
            "[[check]]\nname = \"{name}\"\nprobe = \"{probe}\"\nallow = [\"tcp:*:*\", \"udp:127.0.0.1:*\"]\n{settings}\n"
        )
    };
    let checks = [
        check("door", "tcp", &format!("settings = {{ host = \"127.0.0.1\", port = {} }}", door.port())),
        check("by-name", "tcp", &format!("settings = {{ host = \"localhost\", port = {} }}", door.port())),
        check("mapped", "http", &format!("settings = {{ url = \"http://[::ffff:127.0.0.1]:{}/\" }}", page.port())),
        check("page", "http", &format!("settings = {{ url = \"http://127.0.0.1:{}/\" }}", page.port())),
        check(
            "echo",
            "udp",
            &format!("settings = {{ host = \"127.0.0.1\", port = {}, send = \"a\", expect = \"a\" }}", echo.port()),
        ),
        check("ping", "ping", "settings = { host = \"127.0.0.1\" }"),
    ]
    .concat();
    let deny = |ranges: &str| format!("[security.network]\ndeny = [{ranges}]\n{BRISK}{checks}");
    let runner = Home::new(&deny("\"loopback\"")).start();
    for name in ["door", "mapped", "page", "echo", "ping"] {
        let check = denied(&runner, name, "`[security.network]` lets no check reach 127.0.0.1 (loopback)");
        assert!(check.message().ends_with("take what is in brackets out of its `deny`"), "{check:?}");
    }
    denied(&runner, "by-name", "(loopback)");

    // It is a policy of the configuration, which is read again as it changes.
    runner.home.put("probity.toml", deny("\"10.0.0.0/8\"").as_bytes());
    for name in ["door", "by-name", "mapped", "page", "echo"] {
        healthy(&runner, name);
    }
    runner.home.put("probity.toml", deny("\"127.0.0.0/8\"").as_bytes());
    denied(&runner, "door", "lets no check reach 127.0.0.1 (127.0.0.0/8)");
    runner.stop();
}

#[test]
fn an_operator_can_insist_on_saying_all_of_it() {
    let door = Target::greeting("hello");
    let port = door.port();
    let config = |implicit: bool, allow: &str| {
        format!(
            "security.implicit_grants = {implicit}\n{BRISK}[[check]]\nname = \"door\"\nprobe = \"tcp\"\n{allow}\n\
             settings = {{ host = \"127.0.0.1\", port = {port} }}\n"
        )
    };
    let runner = Home::new(&config(true, "")).start();
    healthy(&runner, "door");
    runner.home.put("probity.toml", config(false, "").as_bytes());
    let line = format!("allow = [\"tcp:127.0.0.1:{port}\"]");
    let check = denied(&runner, "door", "the check does not let its probe reach");
    assert!(check.message().ends_with(&format!("add to the check: {line}")), "{check:?}");
    assert_eq!(check.0["grants"], serde_json::json!([]));
    runner.home.put("probity.toml", config(false, &line).as_bytes());
    healthy(&runner, "door");
    runner.stop();
}

#[test]
fn what_is_missing_for_a_redirect_is_one_line_that_is_enough() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let page = Target::http(move |_| answer.to_owned());
    let port = page.port();
    let moved = Target::http(move |_| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: http://LOCALHOST:{port}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    });
    let config = |allow: &str| {
        format!(
            "{BRISK}[[check]]\nname = \"page\"\nprobe = \"http\"\n{allow}\nsettings = {{ url = \"http://127.0.0.1:{}/\", \
             follow_redirects = 1 }}\n",
            moved.port()
        )
    };
    let runner = Home::new(&config("")).start();
    let line = format!("allow = [\"http:localhost:{port}\"]");
    let check = denied(&runner, "page", "the check does not let its probe reach");
    assert!(check.message().ends_with(&format!("add to the check: {line}")), "{check:?}");
    runner.home.put("probity.toml", config(&line).as_bytes());
    healthy(&runner, "page");
    runner.stop();
}

#[test]
fn what_is_dropped_in_looks_at_the_machine_by_grant_alone() {
    let mut disk = fs::read(repository().join("probes/dist/disk.wasm")).unwrap();
    let config = |name: &str, allow: &str| {
        format!("[[check]]\nname = \"{name}\"\nprobe = \"{name}\"\n{allow}\nsettings = {{ paths = [\"/\"] }}\n")
    };
    let all = |allow: &str| BRISK.to_owned() + &config("disk", "") + &config("same", "") + &config("strange", allow);
    let home = Home::new(&all(""));
    home.drop_in("same", &disk);
    // A custom section without a name makes no difference but to whose component it is.
    disk.extend([0, 1, 0]);
    home.drop_in("strange", &disk);
    let runner = home.start();
    for name in ["disk", "same"] {
        runner.wait_for_check(name, "let look", |check| check.fault().is_empty() && !check.message().is_empty());
    }
    let check = denied(&runner, "strange", "does not let its probe reach system:disk");
    assert!(check.message().ends_with("allow = [\"system:disk\"]"), "{check:?}");
    runner.home.put("probity.toml", all("allow = [\"system:disk\"]").as_bytes());
    runner.wait_for_check("strange", "let look", |check| check.fault().is_empty());
    runner.stop();
}

#[test]
fn clocks_can_be_too_coarse_to_measure_by() {
    let door = Target::greeting("hello");
    let config = |coarse: bool| {
        format!(
            "security.coarse_clocks = {coarse}\n{BRISK}[[check]]\nname = \"door\"\nprobe = \"tcp\"\n\
             settings = {{ host = \"127.0.0.1\", port = {} }}\n",
            door.port()
        )
    };
    let is_coarse = |check: &Check| {
        let measured = check.0["measurements"].as_array().unwrap().iter();
        let mut seconds = measured.map(|measured| measured["value"].as_f64().unwrap() * 1e3);
        check.status() == "healthy" && seconds.all(|milliseconds| (milliseconds - milliseconds.round()).abs() < 1e-6)
    };
    let runner = Home::new(&config(true)).start();
    let check = runner.wait_for_check("door", "healthy", |check| check.status() == "healthy");
    assert!(is_coarse(&check), "{check:?}");
    runner.home.put("probity.toml", config(false).as_bytes());
    runner.wait_for_check("door", "measured finely", |check| check.status() == "healthy" && !is_coarse(check));
    runner.stop();
}
