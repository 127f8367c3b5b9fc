//! Connections that stay open between runs, in process: what an examiner makes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/guest.rs"]
mod guest;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use probity::{
    config::{Config, Overrides, Suggestions, Surroundings},
    engine::{self, Engine, Options},
    supervisor::Examiner,
    worker::Examine,
};
use probity_core::outcome::{Attempt, FaultKind, Outcome, Status};

/// Enough for one check of `counts`, and for no more than two.
const FUEL: u64 = 1_000_000;

fn engine(max_live_connections: usize) -> Arc<Engine> {
    Engine::new(Options { max_in_flight: 4, max_live_connections, ..Options::default() }).unwrap()
}

/// The examiner of a check with this guest; `more` is TOML for the check.
async fn examiner(engine: &Arc<Engine>, fixture: &str, more: &str) -> Examiner {
    aged(engine, fixture, more, None).await
}

/// The same, with connections that live so long.
async fn aged(engine: &Arc<Engine>, fixture: &str, more: &str, max_age: Option<Duration>) -> Examiner {
    examiner_of(engine, guest::fixture(fixture), &format!("limits.fuel = {FUEL}\n{more}"), max_age).await
}

/// The examiner of a check with this component.
async fn examiner_of(engine: &Arc<Engine>, bytes: Vec<u8>, more: &str, max_age: Option<Duration>) -> Examiner {
    let prepared = engine.prepare(engine::digest(&bytes).into(), || Ok(bytes)).await.unwrap();
    assert!(prepared.keeps_connection());
    let text = format!("[[check]]\nname = \"test\"\n{more}");
    let overrides = Overrides { data_dir: Some(std::env::temp_dir()), ..Overrides::default() };
    let surroundings = Surroundings::of_process(None, jiff::Timestamp::now());
    let config = Config::parse(Path::new("the test"), &text, &overrides, surroundings).unwrap();
    let mut plan = config.checks[0].plan(Suggestions::default(), Duration::ZERO).unwrap();
    plan.max_age = max_age;
    Examiner::new(Arc::clone(engine), Arc::new(prepared), "test".into(), &config.checks[0], &plan, None)
}

#[track_caller]
fn fault(attempt: &Attempt) -> (FaultKind, &str) {
    match &attempt.outcome {
        Outcome::Fault(fault) => (fault.kind, &fault.message),
        Outcome::Verdict(verdict) => panic!("a verdict: {verdict:?}"),
    }
}

#[track_caller]
fn said(attempt: &Attempt) -> (Status, &str) {
    match &attempt.outcome {
        Outcome::Verdict(verdict) => (verdict.status, &verdict.message),
        Outcome::Fault(fault) => panic!("a fault: {fault:?}"),
    }
}

#[tokio::test]
async fn a_connection_keeps_its_memory_and_each_check_has_fuel_of_its_own() {
    let engine = engine(1);
    let examiner = examiner(&engine, "counts", "").await;
    let mut used = 0;
    for check in 1..=20 {
        let attempt = examiner.attempt(&[]).await;
        assert_eq!(said(&attempt), (Status::Healthy, format!("check {check:02}").as_str()));
        assert!((FUEL / 3..FUEL).contains(&attempt.usage.fuel), "{:?}", attempt.usage);
        used += attempt.usage.fuel;
    }
    assert!(used > 5 * FUEL, "{used}");
    assert_eq!(engine.live(), 1);
    examiner.close().await;
    assert_eq!(engine.live(), 0);
    assert_eq!(said(&examiner.attempt(&[]).await).1, "check 01", "after leave was taken, it is another connection");
    drop(examiner);
    assert_eq!(engine.live(), 0, "whoever is dropped hangs up");
}

#[tokio::test]
async fn opening_and_the_first_check_share_the_fuel_of_their_run() {
    let engine = engine(1);
    let works = "(loop $work (br_if $work (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))";
    let wat = format!(
        r#"(module
        (import "[export]probity:probe/connector@0.1.0" "[resource-new]connection" (func $new (param i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
        (func (export "probity:probe/connector@0.1.0#[static]connection.open")
            (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32) (local $left i32)
            (local.set $left (i32.const 100_000)) {works}
            (i32.store (i32.const 520) (call $new (i32.const 1)))
            i32.const 512)
        (func (export "probity:probe/connector@0.1.0#[method]connection.check")
            (param i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32) (local $left i32)
            (local.set $left (i32.const 100_000)) {works}
            i32.const 0)
        (func (export "probity:probe/connector@0.1.0#[method]connection.close") (param i32)))"#
    );
    let works_twice = guest::component(&wat, "bare-connector-probe");
    let examiner = examiner_of(&engine, works_twice.clone(), "", None).await;
    let first = examiner.attempt(&[]).await;
    let second = examiner.attempt(&[]).await;
    assert_eq!((said(&first).0, said(&second).0), (Status::Healthy, Status::Healthy));
    let (both, one) = (first.usage.fuel, second.usage.fuel);
    assert!(both > one * 19 / 10, "{both} for opening and checking, {one} for checking");
    examiner.close().await;
    let enough_for_one = format!("limits.fuel = {}", one * 3 / 2);
    let short = examiner_of(&engine, works_twice, &enough_for_one, None).await.attempt(&[]).await;
    assert_eq!(fault(&short).0, FaultKind::OutOfFuel, "{short:?}");
}

#[tokio::test]
async fn the_memory_budget_is_one_for_the_whole_life() {
    let engine = engine(1);
    let examiner = examiner(&engine, "grows", "limits.memory = \"4MiB\"").await;
    let mut checks = 0;
    let attempt = loop {
        let attempt = examiner.attempt(&[]).await;
        if matches!(attempt.outcome, Outcome::Fault(_)) {
            break attempt;
        }
        checks += 1;
        assert!(attempt.usage.peak_memory > checks << 20, "{:?}", attempt.usage);
    };
    assert_eq!(fault(&attempt).0, FaultKind::OutOfMemory);
    assert_eq!((checks, engine.live()), (3, 0));
}

#[tokio::test]
async fn what_went_wrong_is_given_up_and_opened_anew() {
    let engine = engine(1);
    let table =
        [("crashes-later", FaultKind::Trap, "unreachable"), ("sleeps-later", FaultKind::Timeout, "still waiting")];
    for (fixture, kind, part) in table {
        let examiner = examiner(&engine, fixture, "timeout = \"300ms\"").await;
        for _ in 0..2 {
            assert_eq!(said(&examiner.attempt(&[]).await).0, Status::Healthy, "{fixture}");
            assert_eq!(engine.live(), 1, "{fixture}");
            let attempt = examiner.attempt(&[]).await;
            let (found, message) = fault(&attempt);
            assert_eq!(found, kind, "{fixture}: {message}");
            assert!(message.contains(part), "{fixture}: {message}");
            assert_eq!(engine.live(), 0, "{fixture}");
        }
    }
}

#[tokio::test]
async fn an_unhealthy_target_is_dialled_anew() {
    let engine = engine(1);
    let examiner = examiner(&engine, "unwell-later", "").await;
    for _ in 0..2 {
        assert_eq!(said(&examiner.attempt(&[]).await).0, Status::Healthy);
        assert_eq!(said(&examiner.attempt(&[]).await).0, Status::Unhealthy);
        assert_eq!(engine.live(), 0);
    }
}

#[tokio::test]
async fn a_leave_that_goes_wrong_does_no_harm() {
    let engine = engine(1);
    for fixture in ["crashes-at-leave", "sleeps-at-leave"] {
        let examiner = examiner(&engine, fixture, "timeout = \"300ms\"").await;
        for _ in 0..2 {
            assert_eq!(said(&examiner.attempt(&[]).await).0, Status::Healthy, "{fixture}");
            let before = Instant::now();
            examiner.close().await;
            assert!(before.elapsed() < Duration::from_secs(10), "{fixture}");
            assert_eq!(engine.live(), 0, "{fixture}");
        }
    }
}

#[tokio::test]
async fn what_can_not_be_opened_says_why() {
    let engine = engine(1);
    let refused = examiner(&engine, "refuses", "").await.attempt(&[]).await;
    assert_eq!(said(&refused), (Status::Unhealthy, "closed for today"));
    let slow = examiner(&engine, "sleeps-at-open", "timeout = \"300ms\"").await.attempt(&[]).await;
    assert_eq!(fault(&slow).0, FaultKind::Timeout);
    assert_eq!(engine.live(), 0);
}

#[tokio::test]
async fn opening_and_checking_share_one_time_out() {
    let engine = engine(1);
    let hurried = examiner(&engine, "slow-twice", "timeout = \"500ms\"").await;
    let (kind, message) = {
        let attempt = hurried.attempt(&[]).await;
        let (kind, message) = fault(&attempt);
        (kind, message.to_owned())
    };
    assert_eq!(kind, FaultKind::Timeout, "{message}");
    assert!(message.contains("within 500ms"), "{message}");
    let patient = examiner(&engine, "slow-twice", "timeout = \"20s\"").await;
    assert_eq!(said(&patient.attempt(&[]).await).0, Status::Healthy);
}

#[tokio::test]
async fn there_are_no_more_connections_than_there_may_be() {
    let engine = engine(1);
    let (first, second) = (examiner(&engine, "counts", "").await, examiner(&engine, "counts", "").await);
    first.attempt(&[]).await;
    let attempt = second.attempt(&[]).await;
    assert_eq!(
        fault(&attempt),
        (
            FaultKind::Host,
            "there is no room for another live connection: there may be 1 at a time; raise `runner.max_live_connections`"
        )
    );
    assert_eq!(said(&first.attempt(&[]).await).1, "check 02", "the one that is open is not concerned");
    first.close().await;
    assert_eq!(said(&second.attempt(&[]).await).1, "check 01");
}

#[tokio::test]
async fn an_old_connection_is_opened_anew() {
    let engine = engine(1);
    let brief = aged(&engine, "counts", "", Some(Duration::ZERO)).await;
    let lasting = aged(&engine, "counts", "", Some(Duration::from_secs(3600))).await;
    for _ in 0..3 {
        assert_eq!(said(&brief.attempt(&[]).await).1, "check 01");
        assert_eq!(engine.live(), 1);
    }
    brief.close().await;
    for check in ["check 01", "check 02", "check 03"] {
        assert_eq!(said(&lasting.attempt(&[]).await).1, check);
    }
}

#[tokio::test]
async fn an_attempt_that_is_dropped_leaves_nothing_half_used() {
    let engine = engine(1);
    let examiner = examiner(&engine, "sleeps-later", "").await;
    examiner.attempt(&[]).await;
    // It waits for an hour, so this ends it on its way.
    let dropped = tokio::time::timeout(Duration::from_millis(50), examiner.attempt(&[])).await;
    assert!(dropped.is_err());
    assert_eq!(engine.live(), 0);
    examiner.close().await;
    assert_eq!(said(&examiner.attempt(&[]).await).0, Status::Healthy);
}
