//! Each budget beyond fuel, memory and time: what ends a run, what is cut, and what is shared by the calls of a run.

use std::{io::Write, net::TcpListener, sync::Arc, thread};

use probity::{
    engine::{Engine, LoadError, Options, digest, examine},
    experiments::Experiments,
    limits::Limits,
};
use probity_core::outcome::{FaultKind, Outcome, Status};

use super::{LIMITS, check, engine, fault, guest, prepare, status};

/// A server on this machine that does so with whoever connects; its port.
fn server(serve: impl Fn(std::net::TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    // It ends with the test.
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    port
}

#[tokio::test]
async fn whoever_goes_beyond_a_budget_is_told_which_setting_it_was() {
    let engine = engine(None);
    let sink = server(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())));
    let source = server(|mut stream| while stream.write_all(&[0; 4096]).is_ok() {});
    let (pours, swallows) =
        (guest::hostile("pours", &[("PORT", &sink)]), guest::hostile("swallows", &[("PORT", &source)]));
    let hostile = |name| guest::hostile(name, &[]);
    let table = [
        (hostile("grows-tables"), LIMITS, FaultKind::TablesTooLarge, "may have 20000;", "table_elements"),
        (
            hostile("grows-tables"),
            Limits { table_elements: 0, ..LIMITS },
            FaultKind::TablesTooLarge,
            "0;",
            "table_elements",
        ),
        (hostile("floods-sockets"), LIMITS, FaultKind::TooManySockets, "more than 16 sockets", "sockets"),
        (hostile("floods-sockets"), Limits { sockets: 3, ..LIMITS }, FaultKind::TooManySockets, "than 3 ", "sockets"),
        (hostile("floods-names"), LIMITS, FaultKind::TooManyLookups, "more than 64 names", "lookups"),
        (hostile("hoards-pollables"), LIMITS, FaultKind::TooManyHandles, "more than 1000 handles", "handles"),
        (
            guest::fixture("dials"),
            Limits { instances: 1, ..LIMITS },
            FaultKind::TooManyInstances,
            "than 1 core",
            "instances",
        ),
        (
            pours.clone(),
            Limits { bytes_sent: 100_000, ..LIMITS },
            FaultKind::TooMuchSent,
            "than 100000 bytes",
            "bytes_sent",
        ),
        (
            swallows,
            Limits { bytes_received: 100_000, ..LIMITS },
            FaultKind::TooMuchReceived,
            "than 100000 bytes",
            "bytes_received",
        ),
        (pours, LIMITS, FaultKind::TooMuchSent, "than 16777216 bytes", "bytes_sent"),
    ];
    for (bytes, limits, kind, part, setting) in table {
        let attempt = check(&engine, bytes, limits, &["tcp:*:*", "tcp:localhost:*", "tcp:127.0.0.1:*"]).await;
        let (found, message) = fault(&attempt);
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(part), "{message}");
        assert!(message.ends_with(&format!(", raise `limits.{setting}`")), "{message}");
    }
}

#[tokio::test]
async fn what_is_left_open_is_closed() {
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let engine = engine(None);
    let prepared = prepare(&engine, guest::hostile("leaves-open", &[])).await.unwrap();
    let attempt = check(&engine, guest::hostile("leaves-open", &[]), LIMITS, &["tcp:localhost:*"]).await;
    assert_eq!(status(&attempt), Status::Healthy, "{attempt:?}");
    let before = files();
    for _ in 0..50 {
        check(&engine, guest::hostile("leaves-open", &[]), LIMITS, &["tcp:localhost:*"]).await;
    }
    // Other tests of this process have files of their own.
    assert!(files() < before + 50, "{} after {before}", files());
    drop(prepared);
}

#[tokio::test]
async fn what_is_too_long_is_cut_to_what_the_check_says() {
    let engine = engine(None);
    let limits = Limits { message: 16, ..LIMITS };
    let attempt = check(&engine, guest::saying(&"m".repeat(100)), limits, &[]).await;
    assert_eq!(&**attempt.outcome.message(), format!("{}… (captured 16 of 100 bytes)", "m".repeat(16)));

    let attempt =
        check(&engine, guest::hostile("measures-nothing", &[]), Limits { measurements: 2, ..LIMITS }, &[]).await;
    let Outcome::Verdict(verdict) = &attempt.outcome else { panic!("{attempt:?}") };
    assert_eq!((verdict.measurements.len(), &*verdict.message), (2, " (kept 2 of 4 measurements)"));
    assert!(verdict.measurements.iter().all(|measurement| measurement.value.is_nan()), "{verdict:?}");

    let attempt = check(&engine, guest::hostile("tells-too-much", &[]), LIMITS, &[]).await;
    assert_eq!(fault(&attempt).0, FaultKind::OutputTooLarge);
    let attempt = check(&engine, guest::hostile("garbles", &[]), LIMITS, &[]).await;
    assert!(fault(&attempt).1.contains("utf-8"), "{attempt:?}");
}

/// A component that uses something, however little sense that makes.
fn using(core: &str) -> Vec<u8> {
    wat::parse_str(format!(
        "(component (core module {core}) (instance $i) (export \"probity:probe/checker@0.1.0\" (instance $i)))"
    ))
    .unwrap()
}

#[test]
fn what_no_tool_chain_needs_is_refused_by_name() {
    let table = [
        ("(memory 1 1 shared)", "threads"),
        ("(memory 1) (func (drop (i32.atomic.load (i32.const 0))))", "threads"),
        ("(memory i64 1)", "memory64"),
        ("(memory 1 (pagesize 1))", "custom page sizes"),
        ("(type (struct))", "gc"),
        ("(func (param externref))", "gc"),
        ("(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))", "function references"),
        ("(tag) (func (throw 0))", "exceptions"),
        ("(type $f (func)) (type $c (cont $f)) (func (param (ref null $c)))", "stack switching"),
        ("(func return_call 0)", "tail call"),
        ("(func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))", "wide arithmetic"),
        ("(func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))", "relaxed SIMD"),
    ];
    for (core, name) in table {
        let error = examine(&using(core), u64::MAX).unwrap_err().to_string();
        assert!(error.contains("a part of WebAssembly that is off here"), "{core}: {error}");
        println!("{core}: {error}");
        assert!(error.to_lowercase().replace(['-', '_'], " ").contains(&name.to_lowercase()), "{name}: {error}");
    }
    let of_component =
        r#"(component (type error-context) (instance $i) (export "probity:probe/checker@0.1.0" (instance $i)))"#;
    let error = examine(&wat::parse_str(of_component).unwrap(), u64::MAX).unwrap_err().to_string();
    assert!(error.contains("off here"), "{error}");
}

#[tokio::test]
async fn what_is_tried_out_is_refused_unless_it_is_asked_for() {
    let asynchronous =
        r#"(component (type (func async)) (instance $i) (export "probity:probe/checker@0.1.0" (instance $i)))"#;
    let bytes = wat::parse_str(asynchronous).unwrap();
    assert!(examine(&bytes, u64::MAX).unwrap().experiments.wasi_0_3);
    let load = async |engine: Arc<Engine>| {
        let bytes = bytes.clone();
        engine.prepare(digest(&bytes).into(), || Ok(bytes)).await.err().unwrap()
    };
    assert_eq!(load(engine(None)).await, LoadError::Experimental("wasi-0.3"));
    let trying = Engine::new(Options { experiments: Experiments::ALL, ..Options::default() }).unwrap();
    // It gets as far as being found to export no `check`.
    assert!(matches!(load(trying).await, LoadError::Mismatch(_)));
}
