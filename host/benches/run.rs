//! What the sandbox costs: one run of a probe that does nothing, against the same by wasmtime alone, against starting a
//! program, and against a check over a connection that is open already.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench, which must not go on if something is wrong"
)]

#[path = "support/bare.rs"]
mod bare;
#[path = "support/cpu.rs"]
mod cpu;
#[path = "../../tests/support/guest.rs"]
mod guest;
#[path = "support/table.rs"]
mod table;

use std::{fs, process::Command, sync::Arc, time::Duration};

use probity::{
    engine::{self, Engine, Follow, Opening, Options, Prepared, Redactor, Request, Session, Term, Tls},
    grant::Grants,
    limits::Limits,
};
use probity_core::outcome::Outcome;
use tokio::runtime::Runtime;
use wasmtime::{
    Store,
    component::{Component, Linker},
};

use self::{
    contract::{BareCheckerProbePre, exports::probity::probe::checker::Run},
    table::{Figure, Target, compared, median},
};

/// Enough rounds that one in which the machine was busy does not move the median.
const ROUNDS: usize = 41;
/// Runs in one round: tens of milliseconds' worth, so that what goes on beside them is the same in each.
const RUNS: u32 = 2_000;
/// Programs started in one round: about the same time's worth.
const PROGRAMS: u32 = 40;
/// The unit in which the kernel tells of the CPU time of ended children: USER_HZ, the same on all systems.
const TICK: Duration = Duration::from_millis(10);
/// As the configuration has it by default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The contract, bound without anything of ours.
mod contract {
    wasmtime::component::bindgen!({
        inline: "
            package probity:bench;

            world bare-checker-probe {
                export probity:probe/checker@0.1.0;
            }
        ",
        path: "../wit",
        world: "probity:bench/bare-checker-probe",
        exports: { default: async },
    });
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bytes = guest::saying("nothing to do");
    let ours = Ours::new(&runtime, bytes.clone());
    let bare = Bare::new(&bytes);
    let keeping = Ours::new(&runtime, guest::fixture("keeps"));
    let mut session = runtime.block_on(keeping.open());
    // All take turns, so that whatever else this machine does is the same to each.
    let (mut sandbox, mut alone, mut parent, mut live) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let ended_before = cpu_of_ended_children();
    for _ in 0..ROUNDS {
        sandbox.push(cpu_of_one(RUNS, || runtime.block_on(ours.rounds(RUNS))));
        alone.push(cpu_of_one(RUNS, || runtime.block_on(bare.rounds(RUNS))));
        parent.push(cpu_of_one(PROGRAMS, start_programs));
        let before = cpu::of_thread();
        session = runtime.block_on(keeping.checks(session, RUNS));
        live.push((cpu::of_thread() - before).as_secs_f64() / f64::from(RUNS));
    }
    // The children's time is told too coarsely for a median of rounds.
    let ended = (cpu_of_ended_children() - ended_before).as_secs_f64() / (ROUNDS as f64 * f64::from(PROGRAMS));
    let (sandbox, alone, program, live) = (median(sandbox), median(alone), median(parent) + ended, median(live));
    let time = |seconds| Figure::Time(Duration::from_secs_f64(seconds));
    let target = Target::AtMost(Figure::Times(1.3));
    compared("CPU of a run / by wasmtime alone", time(sandbox), time(alone), Figure::Times(sandbox / alone), target);
    let target = Target::AtLeast(Figure::Times(40.0));
    compared(
        "CPU of a run / of /bin/true, times cheaper",
        time(sandbox),
        time(program),
        Figure::Times(program / sandbox),
        target,
    );
    let target = Target::AtMost(Figure::Times(0.5));
    compared("CPU of a live check / of a run", time(live), time(sandbox), Figure::Times(live / sandbox), target);
}

/// CPU time, in seconds, of one of as many as the closure does on this thread.
fn cpu_of_one(many: u32, work: impl FnOnce()) -> f64 {
    let before = cpu::of_thread();
    work();
    (cpu::of_thread() - before).as_secs_f64() / f64::from(many)
}

struct Ours {
    engine: Arc<Engine>,
    prepared: Prepared,
    tls: Tls,
}

impl Ours {
    fn new(runtime: &Runtime, bytes: Vec<u8>) -> Ours {
        let options = Options { max_in_flight: 1_000, ..Options::default() };
        let engine = Engine::new(options).expect("a sandbox");
        let prepared = runtime.block_on(engine.prepare(engine::digest(&bytes).into(), || Ok(bytes))).expect("a probe");
        // Made once for all runs of a check, as a runner does.
        let tls = engine.tls(&Arc::default());
        Ours { engine, prepared, tls }
    }

    async fn rounds(&self, many: u32) {
        let (check, grants) = ("bench".into(), Arc::default());
        for _ in 0..many {
            let attempt = self.engine.check(&self.prepared, self.request(&check, &grants), Term::of(TIMEOUT)).await;
            assert!(matches!(attempt.outcome, Outcome::Verdict(_)), "{:?}", attempt.outcome);
        }
    }

    async fn open(&self) -> Box<Session> {
        let (check, grants) = ("bench".into(), Arc::default());
        match self.engine.open(&self.prepared, self.request(&check, &grants), Term::of(TIMEOUT)).await {
            Opening::Open(session) => session,
            Opening::Failed(attempt) => panic!("{:?}", attempt.outcome),
        }
    }

    async fn checks(&self, mut session: Box<Session>, many: u32) -> Box<Session> {
        let (check, grants) = ("bench".into(), Arc::default());
        for _ in 0..many {
            let (attempt, kept) = session.check(self.request(&check, &grants), Term::of(TIMEOUT)).await;
            session = kept.unwrap_or_else(|| panic!("{:?}", attempt.outcome));
        }
        session
    }

    fn request<'a>(&'a self, check: &'a Arc<str>, grants: &'a Arc<Grants>) -> Request<'a> {
        Request {
            check,
            settings: "{}",
            attempt: 1,
            state: &[],
            limits: Limits::DEFAULT,
            grants,
            tls: Some(&self.tls),
            board: None,
            redact: Redactor::NONE,
            follow: Follow::default(),
        }
    }
}

/// What anybody would write who only wants a run to be safe: the engine's own budgets, and nothing around them.
struct Bare {
    engine: wasmtime::Engine,
    pre: BareCheckerProbePre<()>,
}

impl Bare {
    fn new(bytes: &[u8]) -> Bare {
        let engine = bare::engine();
        let component = Component::new(&engine, bytes).expect("a component");
        let linked = Linker::new(&engine).instantiate_pre(&component).expect("a component without imports");
        Bare { pre: BareCheckerProbePre::new(linked).expect("a probe"), engine }
    }

    async fn rounds(&self, many: u32) {
        for _ in 0..many {
            let mut store = Store::new(&self.engine, ());
            store.set_fuel(Limits::DEFAULT.fuel).expect("fuel is on");
            store.set_epoch_deadline(1);
            store.epoch_deadline_async_yield_and_update(1);
            let probe = self.pre.instantiate_async(&mut store).await.expect("an instance");
            let run =
                Run { check: "bench".into(), attempt: 1, time_left: 0, traceparent: String::new(), state: Vec::new() };
            let verdict = probe.probity_probe_checker().call_check(&mut store, "{}", &run).await;
            assert!(matches!(verdict, Ok(Ok(_))), "{verdict:?}");
        }
    }
}

/// Starts programs that do nothing, and waits for the end of each.
fn start_programs() {
    for _ in 0..PROGRAMS {
        let status = Command::new("/bin/true").status().expect("/bin/true starts");
        assert!(status.success(), "{status}");
    }
}

/// CPU time of the children of this process that have ended: the fields `cutime` and `cstime` of proc_pid_stat(5).
fn cpu_of_ended_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // The second field, the program's name in brackets, may hold anything; the third is counted as 0 here.
    let (_, after_name) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = after_name.split(' ').skip(13).take(2).map(|field| field.parse::<u32>().expect("a number"));
    TICK * ticks.sum::<u32>()
}
