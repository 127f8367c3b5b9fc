//! Whatever a guest leaves in its memory as its verdict: each is a verdict within bounds, or a fault.
#![no_main]

#[allow(dead_code, clippy::expect_used, clippy::panic)]
#[path = "../../../tests/support/guest.rs"]
mod guest;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use probity::{
    core::outcome::{FaultKind, Outcome},
    engine::{self, Compiler, Engine, Follow, Options, Prepared, Redactor, Request, Term},
    grant::Grants,
    limits::Limits,
};
use tokio::runtime::{Builder, Runtime};

/// What runs the guest.
struct Sandbox {
    runtime: Runtime,
    engine: Arc<Engine>,
    prepared: Prepared,
    grants: Arc<Grants>,
}

impl Sandbox {
    fn new() -> Sandbox {
        let options = Options { max_in_flight: 1, max_live_connections: 1, cache: None, compiler: Compiler::Here };
        let engine = Engine::new(options).expect("the engine starts");
        let runtime = Builder::new_current_thread().enable_all().build().expect("the runtime starts");
        let guest = guest::component(include_str!("lifting.wat"), "bare-checker-probe");
        let prepared = runtime.block_on(engine.prepare(engine::digest(&guest).into(), || Ok(guest)));
        Sandbox { runtime, prepared: prepared.expect("the guest is a probe"), engine, grants: Arc::default() }
    }
}

fuzz_target!(|memory: &[u8]| {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    let Sandbox { runtime, engine, prepared, grants } = SANDBOX.get_or_init(Sandbox::new);
    let letter = |half: u8| char::from(b'a' + half);
    let settings: String = memory.iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect();
    let request = Request {
        check: &"fuzzed".into(),
        settings: &settings,
        attempt: 1,
        state: &[],
        limits: Limits::DEFAULT,
        grants,
        tls: None,
        board: None,
        redact: Redactor::NONE,
        follow: Follow::default(),
    };
    let attempt = runtime.block_on(engine.check(prepared, request, Term::of(Duration::from_secs(5))));
    match attempt.outcome {
        Outcome::Verdict(verdict) => {
            assert!(verdict.message.len() <= 5 * 1024, "a message of {} bytes", verdict.message.len());
            assert!(verdict.details.len() <= 64 && verdict.measurements.len() <= 64);
        }
        Outcome::Fault(fault) => assert!(
            matches!(
                fault.kind,
                FaultKind::Trap
                    | FaultKind::Link
                    | FaultKind::OutputTooLarge
                    | FaultKind::InvalidSettings
                    | FaultKind::Denied
                    | FaultKind::Host
                    | FaultKind::Waiting
            ),
            "{fault:?}"
        ),
    }
});
