//! A check that goes bad, and what it depends on: that is looked at before anybody is told.

use serde_json::json;

use super::{alert_of, check, hook, listening_at, receiver::Receiver, silent_port, told};
use crate::runner::{BRISK, Home};

/// A router that is examined once an hour, and two servers behind it, several times a second.
fn behind_a_router(receiver: &Receiver, router: u16, server: u16) -> Home {
    Home::new(&format!(
        "{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"ops\"]\n{}{}{}{}",
        hook("ops", receiver, ""),
        check("router", router, "interval = \"1h\"\n"),
        check("server", server, "depends_on = [\"router\"]\n"),
        check("other", server, "depends_on = [\"router\"]\n"),
    ))
}

#[test]
fn a_parent_that_is_examined_rarely_is_examined_before_its_child_is_told_of() {
    let receiver = Receiver::new();
    let (router, server) = (silent_port(), silent_port());
    let (up, served) = (listening_at(router), listening_at(server));
    let runner = behind_a_router(&receiver, router, server).start();
    runner.wait_for_checks(&["other", "router", "server"]);
    assert_eq!(runner.ask("POST", "/health/checks/router/run", &[]).status, 200);
    for name in ["router", "server", "other"] {
        runner.wait_for_check(name, "is well", |check| check.status() == "healthy");
    }
    drop(up);
    drop(served);
    for name in ["server", "other"] {
        alert_of(&runner, name);
        runner.wait_for_json("/alerts", "to be suppressed", |all| {
            let alert = all["alerts"].as_array().unwrap().iter().find(|alert| alert["check"] == name).cloned();
            alert.is_some_and(|alert| alert["rules"]["page"]["suppressed_by"] == json!(["check:router"]))
        });
    }
    let received = receiver.wait_for(1, &runner);
    assert_eq!(received.iter().map(told).collect::<Vec<_>>(), ["alert router"]);
    runner.stop();
}

#[test]
fn a_child_whose_parent_is_well_is_told_of() {
    let receiver = Receiver::new();
    let (router, server) = (silent_port(), silent_port());
    let (_up, served) = (listening_at(router), listening_at(server));
    let runner = behind_a_router(&receiver, router, server).start();
    runner.wait_for_checks(&["other", "router", "server"]);
    assert_eq!(runner.ask("POST", "/health/checks/router/run", &[]).status, 200);
    for name in ["router", "server", "other"] {
        runner.wait_for_check(name, "is well", |check| check.status() == "healthy");
    }
    let runs = || runner.json("/health/checks/router")["counters"]["runs"].as_u64().unwrap_or_default();
    let before = runs();
    drop(served);
    let received = receiver.wait_for(2, &runner);
    let mut told: Vec<String> = received.iter().map(told).collect();
    told.sort();
    assert_eq!(told, ["alert other", "alert server"]);
    assert!((before + 1..=before + 2).contains(&runs()), "it was looked at for both, and not again and again");
    runner.stop();
}

#[test]
fn a_parent_that_nobody_has_is_warned_of_at_the_start_and_when_it_is_written() {
    let runner = Home::new(&check("server", 1, "depends_on = [\"ruoter\"]\n")).start();
    runner.wait_for_log("check `server`: depends_on: no check `ruoter` runs here");
    runner.home.put("probity.toml", check("server", 1, "depends_on = [\"switch\"]\n").as_bytes());
    runner.wait_for_log("check `server`: depends_on: no check `switch` runs here");
    runner.stop();
}
