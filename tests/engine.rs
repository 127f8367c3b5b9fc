//! The sandbox, in process: what each kind of guest comes to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "engine/budgets.rs"]
mod budgets;
#[path = "engine/commands.rs"]
mod commands;
#[path = "engine/compiling.rs"]
mod compiling;
#[path = "support/guest.rs"]
mod guest;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use probity::{
    engine::{self, Engine, Follow, LoadError, Options, Prepared, Redactor, Request, Term},
    grant::{Grant, Grants},
    limits::Limits,
};
use probity_core::outcome::{Attempt, FaultKind, Outcome, Status};

const LIMITS: Limits = Limits { fuel: 100_000_000, ..Limits::DEFAULT };
/// With fuel to spare: whoever has that is stopped by the clock.
const TIRELESS: Limits = Limits { fuel: u64::MAX, ..Limits::DEFAULT };
/// Long enough for whatever ends by itself.
const LONG: Duration = Duration::from_secs(20);
/// Soon over.
const BRIEF: Duration = Duration::from_millis(300);

fn engine(cache: Option<&Path>) -> Arc<Engine> {
    Engine::new(Options { max_in_flight: 16, max_live_connections: 2, cache, ..Options::default() }).unwrap()
}

async fn prepare(engine: &Arc<Engine>, bytes: Vec<u8>) -> Result<Prepared, LoadError> {
    let digest = engine::digest(&bytes).into();
    engine.prepare(digest, || Ok(bytes)).await
}

async fn check(engine: &Arc<Engine>, bytes: Vec<u8>, limits: Limits, allow: &[&str]) -> Attempt {
    check_within(LONG, engine, bytes, limits, allow).await
}

async fn check_within(
    timeout: Duration,
    engine: &Arc<Engine>,
    bytes: Vec<u8>,
    limits: Limits,
    allow: &[&str],
) -> Attempt {
    let prepared = prepare(engine, bytes).await.unwrap();
    let grants = Grants::new(allow.iter().map(|text| text.parse::<Grant>().unwrap()), Arc::default());
    let request = Request {
        check: &"test".into(),
        settings: "{}",
        attempt: 1,
        state: &[],
        limits,
        grants: &Arc::new(grants),
        tls: None,
        board: None,
        redact: &Redactor::new(|text| text.replace("hunter2", "***")),
        follow: Follow::default(),
    };
    engine.check(&prepared, request, Term::of(timeout)).await
}

#[track_caller]
fn fault(attempt: &Attempt) -> (FaultKind, &str) {
    match &attempt.outcome {
        Outcome::Fault(fault) => (fault.kind, &fault.message),
        Outcome::Verdict(verdict) => panic!("a verdict: {verdict:?}"),
    }
}

#[tokio::test]
async fn a_verdict_is_what_the_guest_said_with_its_secrets_hidden() {
    let attempt = check(&engine(None), guest::verdict(1, "the password hunter2 is slow"), LIMITS, &[]).await;
    let Outcome::Verdict(verdict) = attempt.outcome else { panic!("a verdict") };
    assert_eq!(verdict.status, Status::Degraded);
    assert_eq!(&*verdict.message, "the password *** is slow");
    assert!(attempt.usage.fuel > 0 && attempt.usage.peak_memory == 64 * 1024, "{:?}", attempt.usage);
}

#[tokio::test]
async fn each_budget_has_its_own_fault() {
    let engine = engine(None);
    let table = [
        ("loops", LIMITS, LONG, FaultKind::OutOfFuel, "100000000 units of fuel"),
        ("loops", TIRELESS, BRIEF, FaultKind::Timeout, "still computing"),
        // A call costs a unit of fuel, and far more time.
        ("calls-without-end", Limits { fuel: 1_000_000, ..LIMITS }, LONG, FaultKind::OutOfFuel, "units of fuel"),
        ("sleeps", TIRELESS, BRIEF, FaultKind::Timeout, "still waiting"),
        ("eats-memory", LIMITS, LONG, FaultKind::OutOfMemory, "may have 67108864"),
        ("eats-memory", Limits { memory: 96 << 20, ..LIMITS }, LONG, FaultKind::OutOfMemory, "may have 100663296"),
        ("shouts", LIMITS, LONG, FaultKind::OutputTooLarge, "more than 1048576 bytes"),
        ("shouts-too-loud", LIMITS, LONG, FaultKind::Trap, "out of bounds"),
        ("traps", LIMITS, LONG, FaultKind::Trap, "unreachable"),
        ("recurses", LIMITS, LONG, FaultKind::OutOfStack, "stack"),
    ];
    for (name, limits, timeout, kind, part) in table {
        let attempt = check_within(timeout, &engine, guest::fixture(name), limits, &[]).await;
        let (found, message) = fault(&attempt);
        assert_eq!(found, kind, "{name}: {message}");
        assert!(message.contains(part), "{name}: {message}");
        // No less is to be had than the limit says, either.
        assert!(kind != FaultKind::OutOfMemory || attempt.usage.peak_memory == limits.memory, "{:?}", attempt.usage);
    }
}

#[tokio::test]
async fn a_spinning_guest_does_not_outlive_its_time_by_much() {
    let engine = engine(None);
    let prepared = prepare(&engine, guest::fixture("loops")).await.unwrap();
    let others = tokio::spawn(async {
        let mut turns = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            turns += 1;
            // More than one: it is not let go of once.
            if turns == 2 {
                return turns;
            }
        }
    });
    let request = Request {
        check: &"test".into(),
        settings: "{}",
        attempt: 1,
        state: &[],
        limits: TIRELESS,
        grants: &Arc::default(),
        tls: None,
        board: None,
        redact: Redactor::NONE,
        follow: Follow::default(),
    };
    let before = Instant::now();
    engine.check(&prepared, request, Term::of(BRIEF)).await;
    // This test has one thread: whatever else finished did so because the guest was made to let go of it.
    assert!(others.is_finished(), "nothing else ran for {:?}", before.elapsed());
}

#[tokio::test]
async fn a_refusal_names_the_grant_to_add() {
    let engine = engine(None);
    let attempt = check(&engine, guest::fixture("dials"), LIMITS, &[]).await;
    let (kind, message) = fault(&attempt);
    assert_eq!(kind, FaultKind::Denied);
    assert!(message.ends_with(r#"add to the check: allow = ["tcp:127.0.0.1:1"]"#), "{message}");

    let attempt = check(&engine, guest::fixture("dials"), LIMITS, &["tcp:127.0.0.1:1"]).await;
    assert!(matches!(attempt.outcome, Outcome::Verdict(_)), "{:?}", attempt.outcome);
}

#[tokio::test]
async fn an_echo_and_each_look_have_grants_of_their_own() {
    let engine = engine(None);
    for (name, grants) in
        [("echoes", r#"["icmp:127.0.0.1"]"#), ("looks-around", r#"["system:disk", "system:memory", "system:cpu"]"#)]
    {
        let attempt = check(&engine, guest::fixture(name), LIMITS, &["tcp:*:*"]).await;
        let (kind, message) = fault(&attempt);
        assert_eq!(kind, FaultKind::Denied, "{name}: {message}");
        assert!(message.ends_with(&format!("add to the check: allow = {grants}")), "{name}: {message}");
    }
    let attempt = check(&engine, guest::fixture("looks-around"), LIMITS, &["system:disk", "system:cpu"]).await;
    assert!(fault(&attempt).1.ends_with(r#"allow = ["system:memory"]"#), "{attempt:?}");
    let all = ["system:disk", "system:memory", "system:cpu"];
    let attempt = check(&engine, guest::fixture("looks-around"), LIMITS, &all).await;
    assert_eq!(status(&attempt), Status::Healthy, "{attempt:?}");
}

#[tokio::test]
async fn echoes_come_back_within_bounds() {
    if !can_send_echo_requests() {
        return eprintln!("SKIPPED: this process may send no echo requests");
    }
    let engine = engine(None);
    let allow = ["icmp:127.0.0.1"];
    for name in ["echoes", "hoards-sockets"] {
        let attempt = check(&engine, guest::fixture(name), LIMITS, &allow).await;
        assert_eq!(status(&attempt), Status::Healthy, "{name}: {attempt:?}");
    }
    // Whoever waits is cut off, and his socket with him.
    let waits = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { check_within(BRIEF, &engine, guest::fixture("waits-for-an-echo"), LIMITS, &allow).await }
    });
    while sockets() == 0 && !waits.is_finished() {
        tokio::task::yield_now().await;
    }
    assert_eq!(sockets(), 1);
    let attempt = waits.await.unwrap();
    assert_eq!(fault(&attempt).0, FaultKind::Timeout, "{attempt:?}");
    assert_eq!(sockets(), 0);
}

#[track_caller]
fn status(attempt: &Attempt) -> Status {
    match &attempt.outcome {
        Outcome::Verdict(verdict) => verdict.status,
        Outcome::Fault(fault) => panic!("a fault: {fault:?}"),
    }
}

/// Whether this process has the capability `CAP_NET_RAW`; where groups have the right, others test it.
fn can_send_echo_requests() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    u64::from_str_radix(capabilities, 16).unwrap() & 1 << 13 != 0
}

/// How many sockets for echo requests this process has.
fn sockets() -> usize {
    // The tenth column is the socket's inode.
    let tables = ["raw", "icmp"].map(|kind| std::fs::read_to_string(format!("/proc/self/net/{kind}")).unwrap());
    let of_icmp: Vec<String> = tables
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .map(|line| format!("socket:[{}]", line.split_whitespace().nth(9).unwrap()))
        .collect();
    let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    targets.filter(|target| of_icmp.iter().any(|socket| target.as_os_str() == socket.as_str())).count()
}

#[tokio::test]
async fn what_is_no_probe_says_what_it_is() {
    let engine = engine(None);
    let good = guest::saying("fine");
    let module = wat::parse_str("(module)").unwrap();
    let other = wat::parse_str(r#"(component (instance $i) (export "acme:other/thing@1.0.0" (instance $i)))"#).unwrap();
    let moon = std::fs::read(guest::repository().join("tests/fixtures/guests/wants-the-moon.wat")).unwrap();
    let table: [(Vec<u8>, &str); 8] = [
        (b"not wasm at all".to_vec(), "this is not WebAssembly: the file begins with `not wasm at all`"),
        (Vec::new(), "nothing at all"),
        (good[..good.len() - 10].to_vec(), "damaged or incomplete"),
        (module, "core WebAssembly module"),
        (
            other,
            "must export `probity:probe/checker@0.1.0`, `probity:probe/connector@0.1.0` or `wasi:cli/run@0.2.12`, and exports `acme:other/thing@1.0.0`",
        ),
        (
            wat::parse_bytes(&moon).unwrap().into_owned(),
            "it wants `moon:base/airlock@1.0.0`, and there is nothing of `moon:base`",
        ),
        (
            wat::parse_bytes(&moon).unwrap().into_owned(),
            "it wants `wasi:clocks/monotonic-clock@0.4.0`, and there is `wasi:clocks/monotonic-clock@0.2.12`, \
             `wasi:clocks/monotonic-clock@0.3.0`",
        ),
        (guest::fixture("loops-at-start"), "fails as soon as it is started"),
    ];
    for (bytes, part) in table {
        let Err(error) = prepare(&engine, bytes).await else { panic!("loaded, though: {part}") };
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn too_large_a_file_is_not_even_looked_at() {
    let error = engine::examine(&[0; 100], 99).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file has 100 bytes, and a component may have 99; if it is to be trusted, raise `limits.component_size`"
    );
}

#[tokio::test]
async fn a_guest_larger_than_the_pool_runs_all_the_same() {
    let wat = r#"(module
        (memory (export "memory") 2000)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
        (func (export "probity:probe/checker@0.1.0#check")
            (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32) i32.const 0))"#;
    let large = guest::component(wat, "bare-checker-probe");
    let engine = engine(None);
    let (kind, message) = {
        let attempt = check(&engine, large.clone(), LIMITS, &[]).await;
        let (kind, message) = fault(&attempt);
        (kind, message.to_owned())
    };
    assert_eq!(kind, FaultKind::OutOfMemory, "{message}");
    let attempt = check(&engine, large, Limits { memory: 256 * 1024 * 1024, ..LIMITS }, &[]).await;
    assert!(matches!(attempt.outcome, Outcome::Verdict(_)), "{:?}", attempt.outcome);
}
