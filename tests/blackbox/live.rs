//! Components that keep a connection open, dropped in, replaced and limited in number.

use std::fs;

use crate::{
    guest,
    runner::{BRISK, Home},
};

#[test]
fn a_connection_lasts_until_its_component_is_replaced() {
    let home = Home::new(BRISK);
    home.drop_in("counts", &guest::fixture("counts"));
    let runner = home.start();
    let seen = runner.wait_for_check("counts", "counts to five", |check| check.message() >= "check 05");
    assert_eq!(seen.count("healthy"), seen.runs(), "{:?}", seen.0);

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
