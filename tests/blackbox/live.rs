//! Components that keep a connection open, dropped in, replaced and limited in number.

use std::fs;

use crate::{
    guest,
    runner::{BRISK, GUARDED, Home},
};

#[test]
fn a_connection_lasts_until_its_component_is_replaced() {
    let home = Home::new(BRISK);
    home.drop_in("counts", &guest::fixture("counts"));
    let runner = home.start();
    let seen = runner.wait_for_check("counts", "counts to five", |check| check.message() >= "check 05");
    assert_eq!(seen.count("healthy"), seen.runs(), "{:?}", seen.0);
    assert!(runner.get("/metrics").text().contains("\nprobity_live_connections 1\n"));

    let wat = fs::read_to_string(guest::repository().join("tests/fixtures/guests/counts.wat")).unwrap();
    let other = guest::component(&wat.replace("\"check 00\"", "\"visit 00\""), "bare-connector-probe");
    runner.home.drop_in("counts", &other);
    let seen = runner.wait_for_check("counts", "is another", |check| check.message().starts_with("visit"));
    assert_eq!((seen.generation(), seen.count("healthy")), (2, seen.runs()), "{:?}", seen.0);
    runner.stop();
}

#[test]
fn there_are_no_more_connections_than_configured() {
    let home = Home::new(&format!("runner.max_live_connections = 1\n{BRISK}"));
    home.drop_in("one", &guest::fixture("counts"));
    let runner = home.start();
    runner.wait_for_check("one", "has a connection", |check| check.status() == "healthy");
    runner.home.drop_in("two", &guest::fixture("keeps"));
    let seen = runner.wait_for_check("two", "has none", |check| check.fault() == "host");
    assert!(seen.message().ends_with("raise `runner.max_live_connections`"), "{}", seen.message());
    runner.home.remove("probes.d/one.wasm");
    runner.wait_for_check("two", "has the one that became free", |check| check.status() == "healthy");
    runner.stop();
}

#[test]
fn whoever_disconnects_closes_what_is_open_and_whoever_stops_as_well() {
    let home = Home::new(&format!("{GUARDED}{BRISK}"));
    home.drop_in("counts", &guest::fixture("counts"));
    let runner = home.start();
    let live = |expected: &str| {
        runner.wait_for(&format!("{expected} live connections"), || {
            let metrics = runner.get("/metrics").text();
            let line = metrics.lines().find(|line| line.starts_with("probity_live_connections ")).unwrap().to_owned();
            if line.ends_with(expected) { Ok(()) } else { Err(line) }
        });
    };
    runner.wait_for_check("counts", "counts", |check| check.message() >= "check 03");
    live("1");
    assert_eq!(runner.change("POST", "/connections/counts/disconnect", "").status, 200);
    live("0");
    runner.change("POST", "/connections/counts/check", "");
    live("0");
    let page = runner.change("POST", "/connections/counts/connect", "").json();
    assert_eq!((&page["state"], &page["message"]), (&"CONNECTED".into(), &"check 01".into()), "it begins anew: {page}");
    live("1");
    runner.stop();
}
