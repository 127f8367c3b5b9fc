//! Commands: what their exit and their output come to, what they are started with, and core modules that become components.

use std::{path::Path, sync::Arc, time::Duration};

use probity::{
    engine::{Apart, Compiler, Engine, Follow, LoadError, Options, Redactor, Request, Term, digest, examine},
    grant::Grants,
    limits::Limits,
};
use probity_core::outcome::{Attempt, FaultKind, Outcome, Status, Value, Verdict};

use super::{BRIEF, LIMITS, LONG, TIRELESS, check, check_within, engine, fault, guest, prepare, status};

#[track_caller]
fn verdict(attempt: &Attempt) -> &Verdict {
    match &attempt.outcome {
        Outcome::Verdict(verdict) => verdict,
        Outcome::Fault(fault) => panic!("a fault: {fault:?}"),
    }
}

/// A component that exports `wasi:cli/run` in this version, and whose `run` comes to this.
fn runs(version: &str, body: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
            (core func $exit (canon lower (func $exit "exit")))
            (core module $m
                (import "exit" "exit" (func $exit (param i32)))
                (func (export "run") (result i32) {body}))
            (core instance $i (instantiate $m (with "exit" (instance (export "exit" (func $exit))))))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $run (export "run" (func $run)))
            (export "wasi:cli/run@{version}" (instance $run)))"#
    ))
    .unwrap()
}

#[tokio::test]
async fn the_exit_code_is_the_verdict_and_the_first_line_its_message() {
    let engine = engine(None);
    for (code, expected) in [(0, Status::Healthy), (1, Status::Degraded), (2, Status::Unhealthy)] {
        let said = guest::command(code, "LOAD OK - 0.5 | load1=50%;80;90 time=12ms\nmore\n");
        let attempt = check(&engine, said, LIMITS, &[]).await;
        let Verdict { status, message, details, measurements, .. } = verdict(&attempt);
        assert_eq!((*status, &**message), (expected, "LOAD OK - 0.5"));
        let details: Vec<_> = details.iter().map(|detail| (detail.key.as_str(), detail.value.clone())).collect();
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(details, [("output", text("more")), ("load1", text("50%;80;90"))]);
        let figures: Vec<_> =
            measurements.iter().map(|one| (one.name.as_str(), one.value, one.unit.as_str())).collect();
        assert_eq!(figures, [("load1", 0.5, "1"), ("time", 0.012, "s")]);
    }
    let attempt = check(&engine, guest::command(3, "LOAD UNKNOWN - the password is hunter2"), LIMITS, &[]).await;
    assert_eq!(fault(&attempt), (FaultKind::Host, "LOAD UNKNOWN - the password is ***"));
    for code in [4, 77, 255] {
        let attempt = check(&engine, guest::command(code, "odd"), LIMITS, &[]).await;
        let (kind, message) = fault(&attempt);
        assert_eq!(kind, FaultKind::Trap, "{message}");
        assert!(message.starts_with(&format!("the command ended with exit code {code}, ")), "{message}");
        assert!(message.ends_with("it said: odd"), "{message}");
    }
}

#[tokio::test]
async fn a_command_that_gives_no_code_says_by_its_end_whether_it_failed() {
    let engine = engine(None);
    for (body, expected) in [
        ("i32.const 0", Status::Healthy),
        ("i32.const 1", Status::Unhealthy),
        ("(call $exit (i32.const 0)) unreachable", Status::Healthy),
        ("(call $exit (i32.const 1)) unreachable", Status::Unhealthy),
    ] {
        for version in ["0.2.0", "0.2.12"] {
            let attempt = check(&engine, runs(version, body), LIMITS, &[]).await;
            assert_eq!(status(&attempt), expected, "{version} {body}");
            assert_eq!(&**attempt.outcome.message(), "the command said nothing");
        }
    }
    let attempt = check(&engine, guest::program("returns"), LIMITS, &[]).await;
    assert_eq!(status(&attempt), Status::Healthy);
    assert_eq!(&**attempt.outcome.message(), "the password is ***, and nobody may know");

    let Err(error) = prepare(&engine, runs("0.3.0", "i32.const 0")).await else { panic!("another WASI") };
    assert!(error.to_string().ends_with("or `wasi:cli/run@0.2.12`, and exports `wasi:cli/run@0.3.0`"), "{error}");
}

#[tokio::test]
async fn a_command_gets_what_its_settings_say_and_nothing_else() {
    let engine = engine(None);
    let prepared = prepare(&engine, guest::program("tells-its-start")).await.unwrap();
    let settings = r#"{"args":["-p",5432],"env":{"A":"b","PATH":"/nowhere"},"host":"db"}"#;
    let (name, nothing): (Arc<str>, Arc<Grants>) = ("door".into(), Arc::default());
    let request = |settings| Request {
        check: &name,
        settings,
        attempt: 1,
        state: &[],
        limits: LIMITS,
        grants: &nothing,
        tls: None,
        board: None,
        redact: Redactor::NONE,
        follow: Follow::default(),
    };
    let attempt = engine.check(&prepared, request(settings), Term::of(LONG)).await;
    let expected = format!("door\0-p\x005432\0A=b\0PATH=/nowhere\0{settings} and no files");
    assert_eq!(&**attempt.outcome.message(), expected);
    let attempt = engine.check(&prepared, request("{}"), Term::of(LONG)).await;
    assert_eq!(&**attempt.outcome.message(), "door\0{} and no files");

    let wrong = r#"{"args":["a",[]],"env":"A=b"}"#;
    let problems = engine.validate(&prepared, wrong).await.unwrap().unwrap();
    assert!(problems.contains("/args/1: must be a text or a number; /env: must be a table"), "{problems}");
    let attempt = engine.check(&prepared, request(wrong), Term::of(LONG)).await;
    assert_eq!(fault(&attempt).0, FaultKind::InvalidSettings);
    assert_eq!(engine.validate(&prepared, settings).await, Ok(None));
}

#[tokio::test]
async fn commands_have_the_budgets_of_all_probes_and_one_of_their_own() {
    let engine = engine(None);
    let small = Limits { output: 16, ..LIMITS };
    let table = [
        (guest::program("floods-output"), LIMITS, LONG, FaultKind::OutputTooLarge, "than 65536 bytes"),
        (guest::program("floods-output"), TIRELESS, LONG, FaultKind::OutputTooLarge, "raise `limits.output`"),
        (guest::command(0, "seventeen letters"), small, LONG, FaultKind::OutputTooLarge, "than 16 bytes"),
        (guest::program("never-ends"), LIMITS, LONG, FaultKind::OutOfFuel, "units of fuel"),
        (guest::program("never-ends"), TIRELESS, BRIEF, FaultKind::Timeout, "still computing"),
        (guest::program("crashes"), LIMITS, LONG, FaultKind::Trap, "unreachable"),
    ];
    for (bytes, limits, timeout, kind, part) in table {
        let attempt = check_within(timeout, &engine, bytes, limits, &[]).await;
        let (found, message) = fault(&attempt);
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(part), "{message}");
    }
    let attempt = check(&engine, guest::command(0, "sixteen letters!"), small, &[]).await;
    assert_eq!(status(&attempt), Status::Healthy, "{attempt:?}");
    let attempt = check(&engine, guest::program("floods-errors"), LIMITS, &[]).await;
    assert_eq!(status(&attempt), Status::Healthy, "{attempt:?}");
}

#[tokio::test]
async fn commands_reach_what_they_are_granted() {
    let engine = engine(None);
    let dials = guest::dialling_command();
    let attempt = check(&engine, dials.clone(), LIMITS, &[]).await;
    let (kind, message) = fault(&attempt);
    assert_eq!(kind, FaultKind::Denied);
    assert!(message.ends_with(r#"add to the check: allow = ["tcp:127.0.0.1:1"]"#), "{message}");
    let attempt = check(&engine, dials, LIMITS, &["tcp:127.0.0.1:1"]).await;
    assert_eq!(status(&attempt), Status::Unhealthy, "{attempt:?}");
}

#[tokio::test]
async fn a_command_can_describe_itself() {
    // At 512 lies a description: its name, and at 544 that it suggests an interval, of 5 s.
    let wat = r#"(module
        (memory (export "memory") 1)
        (data (i32.const 512) "\00\01\00\00\04\00\00\00")
        (data (i32.const 544) "\01\00\00\00\00\00\00\00\00\f2\05\2a\01\00\00\00")
        (data (i32.const 256) "door")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
        (func (export "wasi:cli/run@0.2.12#run") (result i32) i32.const 0)
        (func (export "probity:probe/manifest@0.1.0#describe") (result i32) i32.const 512)
        (func (export "probity:probe/manifest@0.1.0#validate") (param i32 i32) (result i32) i32.const 0))"#;
    let engine = engine(None);
    let bytes = guest::component(wat, "described-command");
    let prepared = prepare(&engine, bytes.clone()).await.unwrap();
    let manifest = prepared.manifest.as_ref().unwrap();
    assert_eq!((manifest.name.as_str(), manifest.default_interval), ("door", Some(Duration::from_secs(5))));
    assert_eq!(engine.validate(&prepared, "{}").await, Ok(None));
    let problems = engine.validate(&prepared, r#"{"args":5}"#).await.unwrap().unwrap();
    assert!(problems.starts_with("/args: must be a list"), "{problems}");
    assert_eq!(status(&check(&engine, bytes, LIMITS, &[]).await), Status::Healthy);
}

#[tokio::test]
async fn a_core_module_is_what_it_becomes_under_the_digest_of_its_file() {
    let module = guest::command(0, "hello");
    let shape = examine(&module, u64::MAX).unwrap();
    assert!(shape.adapted && shape.imports == ["wasi_snapshot_preview1"], "{shape:?}");
    let prepared = prepare(&engine(None), module.clone()).await.unwrap();
    assert_eq!(*prepared.digest, *digest(&module));
    assert_eq!(prepared.size, module.len() as u64);
    assert_eq!(prepared.shape.exports, ["wasi:cli/run@0.2.12"]);
    let imports = &prepared.shape.imports;
    assert!(imports.iter().any(|import| import == "wasi:cli/exit@0.2.12"), "{imports:?}");
    assert!(!imports.iter().any(|import| import.contains("sockets")), "{imports:?}");
}

#[tokio::test]
async fn another_process_adapts_it_and_what_it_makes_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    let bytes = guest::command(1, "from afar");
    let make = |cache: &Path, program: &str| {
        let (time, memory) = (Duration::from_secs(60), 1 << 30);
        let compiler = Compiler::Apart(Apart { program: program.into(), time, memory });
        Engine::new(Options { cache: Some(cache), compiler, ..Options::default() }).unwrap()
    };
    for program in [env!("CARGO_BIN_EXE_probity"), "/no/such/program"] {
        let attempt = check(&make(&cache, program), bytes.clone(), LIMITS, &[]).await;
        assert_eq!((status(&attempt), &**attempt.outcome.message()), (Status::Degraded, "from afar"));
    }
}

#[tokio::test]
async fn a_core_module_that_can_not_be_adapted_says_why() {
    let engine = engine(None);
    let good = guest::command(0, "good");
    let imports = |import: &str| {
        wat::parse_str(format!(
            r#"(module (import {import} (func)) (memory (export "memory") 1) (func (export "_start")))"#
        ))
        .unwrap()
    };
    for (bytes, part) in [
        (wat::parse_str("(module)").unwrap(), "it exports no `_start`"),
        (wat::parse_str(r#"(module (memory (export "_start") 1))"#).unwrap(), "it exports no `_start`"),
        (imports(r#""env" "abort""#), "it wants `env.abort`; and a core module is offered the functions of `wasi_sna"),
        (imports(r#""wasi_unstable" "fd_write""#), "it wants `wasi_unstable.fd_write`"),
        (imports(r#""wasi_snapshot_preview1" "sock_open""#), "it wants `wasi_snapshot_preview1.sock_open`"),
        (imports(r#""wasi_snapshot_preview1" "fd_write""#), "can't be compiled: "),
        (
            wat::parse_str(
                r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))) (func (export "_start")))"#,
            )
            .unwrap(),
            "can't be compiled: ",
        ),
        (
            wat::parse_str(r#"(module (func (export "_start")) (@custom "component-type:x" "\00\ff\00garbage"))"#)
                .unwrap(),
            "can't be compiled: ",
        ),
        (good[..good.len() - 10].to_vec(), "damaged or incomplete"),
        (
            wat::parse_str(r#"(module (memory (export "memory") 1 1 shared) (func (export "_start")))"#).unwrap(),
            "a part of WebAssembly that is off here",
        ),
    ] {
        let Err(error) = prepare(&engine, bytes).await else { panic!("loaded, though: {part}") };
        assert!(error.to_string().contains(part), "{part}: {error}");
        println!("{error}");
    }
    // What has no memory can say nothing, and is no worse for it.
    let silent = wat::parse_str(r#"(module (func (export "_start")))"#).unwrap();
    match prepare(&engine, silent).await {
        Ok(_) => {}
        Err(error) => assert!(matches!(error, LoadError::Compile(_)), "{error}"),
    }
}

#[tokio::test]
async fn a_damaged_core_module_is_taken_or_refused_and_never_a_panic() {
    let engine = engine(None);
    let good = guest::program("tells-its-start");
    // Any bytes that are spread over the whole, and the same each time.
    for flip in 0..120_usize {
        let mut flipped = good.clone();
        let at = 8 + flip * 7919 % (flipped.len() - 8);
        flipped[at] ^= 1 << (flip % 8);
        match prepare(&engine, flipped).await {
            Ok(prepared) => assert!(prepared.shape.adapted),
            Err(error) => assert!(!error.to_string().contains("panicked"), "{error}"),
        }
    }
}
