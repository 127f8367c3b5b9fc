//! How a runner ends, and how it says so.

use rustix::process::Signal;

use crate::{
    guest,
    runner::{BRISK, Home, Runner},
};

/// A runner in the middle of a run that takes some time.
fn busy(probe: &str, config: &str) -> Runner {
    let home = Home::new(config);
    home.drop_in(probe, &guest::fixture(probe));
    home.drop_in("good", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("good", "hello");
    runner.wait_for_check(probe, "is under way", |check| check.state() == "CONNECTING");
    runner
}

#[test]
fn told_to_terminate_it_ends_well() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("a", "hello");
    runner.stop();
}

#[test]
fn told_to_interrupt_it_ends_well() {
    let mut runner = Home::new(BRISK).start();
    runner.signal(Signal::INT);
    assert_eq!(runner.wait_for_exit().code(), Some(0), "{}", runner.log());
}

#[test]
fn a_run_under_way_is_waited_for_while_readiness_is_withdrawn() {
    let mut runner = busy("slow", BRISK);
    runner.signal(Signal::TERM);
    let health = runner.wait_for_json("/health", "stopping", |health| health["status"] == "stopping");
    assert_eq!(health["checks"]["good"]["healthy"], true, "{health}");
    for (path, status) in [("/health", 503), ("/health/ready", 503), ("/health/live", 503)] {
        assert_eq!(runner.get(path).status, status, "{path}");
    }
    assert_eq!(runner.wait_for_exit().code(), Some(0), "{}", runner.log());
    // The run was under way when the runner was told to stop; its verdict came all the same.
    runner.wait_for_log("slow, but sure");
    assert!(!runner.log().contains("cut off"), "{}", runner.log());
}

#[test]
fn a_run_that_does_not_end_is_cut_off_when_the_grace_is_over() {
    let mut runner = busy("sleeps", &format!("grace_period = \"300ms\"\n{BRISK}timeout = \"1h\"\n"));
    runner.signal(Signal::TERM);
    assert_eq!(runner.wait_for_exit().code(), Some(0), "{}", runner.log());
    runner.wait_for_log("1 runs did not end within the grace period");
}

#[test]
fn interrupted_twice_it_does_not_wait() {
    let mut runner = busy("sleeps", &format!("grace_period = \"1h\"\n{BRISK}timeout = \"1h\"\n"));
    runner.signal(Signal::INT);
    runner.wait_for_json("/health/ready", "not ready", |ready| ready["ready"] == false);
    runner.signal(Signal::INT);
    assert_eq!(runner.wait_for_exit().code(), Some(130), "{}", runner.log());
}

#[test]
fn it_is_not_ready_before_every_check_has_run() {
    let home = Home::new(&format!("startup_grace = \"1h\"\n{BRISK}timeout = \"1h\"\n"));
    home.drop_in("sleeps", &guest::fixture("sleeps"));
    let runner = home.start();
    runner.wait_for_check("sleeps", "is under way", |check| check.state() == "CONNECTING");
    assert_eq!((runner.get("/readyz").status, runner.get("/livez").status), (503, 200));
    assert_eq!(runner.get("/health/startup").json()["started"], false);
    for (path, status) in [("/health", 503), ("/health/ready", 503), ("/health/startup", 503), ("/health/live", 200)] {
        let answer = runner.get(path);
        assert_eq!((answer.status, &answer.json()["status"]), (status, &"starting".into()), "{path}");
    }
}

#[test]
fn it_does_not_wait_for_ever_to_be_ready() {
    let home = Home::new(&format!("startup_grace = \"200ms\"\n{BRISK}timeout = \"1h\"\n"));
    home.drop_in("sleeps", &guest::fixture("sleeps"));
    let runner = home.start();
    runner.wait_for_status("healthy");
    runner.wait_for_log("not every check had its first run");
}
