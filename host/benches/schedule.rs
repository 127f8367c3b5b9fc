//! A hundred thousand checks on one machine: how late their runs start, what that takes of the CPU, and what each check
//! takes of memory.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench, which must not go on if something is wrong")]

#[path = "support/cpu.rs"]
mod cpu;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/guest.rs"]
mod guest;
#[path = "support/lag.rs"]
mod lag;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/table.rs"]
mod table;

use std::{
    fmt::Write,
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use probity::{
    alerts::Alerts,
    app,
    board::{Board, CheckInfo, CheckState, Slot},
    clock::Clock,
    config::{Config, Overrides, Surroundings},
    engine::{Engine, Options},
    events::Events,
    supervisor::{Loader, Prober, Supervisor},
    worker::{self, Assignment, Attempting, Examine, Inbox, Inboxes, Shared},
};
use probity_core::{
    history,
    machine::{Machine, Policy},
    outcome::{Attempt, Outcome, Status, Verdict},
    schedule::{Every, Schedule},
};
use tokio::{
    runtime::{Handle, Runtime},
    sync::{Semaphore, mpsc},
};

use self::table::{Figure, Target, beside, figure};

const CHECKS: usize = 100_000;
const INTERVAL: Duration = Duration::from_secs(30);
/// The first runs are spread over this, as the supervisor does it.
const SPREAD: Duration = Duration::from_secs(10);
/// By now every check has had its first run and keeps to its place in the interval: that begins half an interval to one
/// and a half after the first run.
const STEADY: Duration = Duration::from_secs(60);
/// What a check may take, its configuration and its results included.
const MEMORY: Target = Target::AtMost(Figure::Bytes(4096.0));
/// How long the thread sleeps that runs are compared with: an interval has thousands of that.
const NAP: Duration = Duration::from_millis(10);
/// As the configuration has it by default.
const MAX_IN_FLIGHT: usize = 1_000;

fn main() {
    // In this order: what the first gives back to the allocator, the second would take without the kernel's noticing.
    guests();
    attempts();
}

/// The whole runner but HTTP, with a probe that does nothing.
fn guests() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("p.wasm"), guest::saying("nothing to do")).expect("a file in the folder");
    let engine = Engine::new(Options { max_in_flight: MAX_IN_FLIGHT, ..Options::default() });
    let engine = engine.expect("a sandbox");
    let runtime = app::runtime().expect("a runtime");
    let before = memory::resident();

    let mut text = format!("[defaults]\ninterval = \"{}s\"\n", INTERVAL.as_secs());
    for check in 0..CHECKS {
        writeln!(text, "[[check]]\nname = \"c{check}\"\nprobe = \"p\"").expect("memory takes what is written to it");
    }
    let here = Some(folder.path().to_owned());
    let overrides = Overrides { probes: here.clone(), data_dir: here, ..Overrides::default() };
    let surroundings = Surroundings::of_process(None, Timestamp::now());
    let config = Config::parse(Path::new(""), &text, &overrides, surroundings).expect("a config");
    drop(text);
    let shared = Arc::new(shared(engine.room()));
    let board = Arc::clone(&shared.board);
    let alerts = Alerts::untold(Arc::clone(&shared.board), Arc::clone(&shared.events));
    let loader = Loader {
        path: None,
        overrides,
        listening: config.listen,
        auth: Default::default(),
        alerts,
        reaction: Default::default(),
        prober: Arc::new(Prober::new(Arc::clone(&engine))),
    };
    let (supervisor, _) = Supervisor::new(engine, shared, loader, config, None);
    let (commands, inbox) = mpsc::channel(1);
    // On a thread of its own, as the runner has it.
    let supervisor = runtime.spawn_blocking(|| Handle::current().block_on(supervisor.run(inbox)));

    watch("guest", &board);
    let of_each = |now: f64| Figure::Bytes((now - before) / CHECKS as f64);
    figure("memory of a check, two results kept", of_each(memory::resident()), MEMORY);
    for slot in board.checks().values() {
        let state = slot.state();
        for _ in 0..history::RESULTS {
            board.publish(slot, CheckState::clone(&state), state.snapshot.last.as_deref());
        }
    }
    let what = format!("memory of a check, {} results kept", history::RESULTS);
    figure(&what, of_each(memory::resident()), MEMORY);
    // A supervisor that nobody can command any more stops.
    drop(commands);
    runtime.block_on(supervisor).expect("it stops in good order");
}

/// The workers alone, with attempts that do nothing: what keeping time costs.
fn attempts() {
    let runtime = app::runtime().expect("a runtime");
    let shared = Arc::new(shared(Arc::new(Semaphore::new(MAX_IN_FLIGHT))));
    let board = Arc::clone(&shared.board);
    let slots: Vec<_> = (0..CHECKS).map(|check| start(&runtime, &shared, format!("c{check}").into())).collect();
    board.arrange(slots, &[]);
    watch("no guest", &board);
}

/// Waits until all checks run at their pace, and measures for one interval.
fn watch(what: &str, board: &Board) {
    thread::sleep(STEADY);
    assert!(board.all_examined(), "not all checks had their first run within {STEADY:?}");
    let (since, cpu, (lags, _)) = (Instant::now(), cpu::of_process(), board.lag.read());
    let sleeper = oversleep();
    let cores = (cpu::of_process() - cpu).as_secs_f64() / since.elapsed().as_secs_f64();
    let counts = lag::since(board.lag.read().0, lags);
    let runs: u64 = counts.iter().sum();
    assert!(runs.abs_diff(CHECKS as u64) < CHECKS as u64 / 10, "{runs} runs of {CHECKS} checks in an interval");

    let late = Figure::Time(Duration::from_secs_f64(lag::quantile(&counts, 0.99)));
    let target = Target::AtMost(Figure::Time(Duration::from_millis(20)));
    beside(&format!("{what}: start lag of 99 % / a thread's"), late, Figure::Time(sleeper), target);
    figure(&format!("{what}: CPU"), Figure::Cores(cores), Target::AtMost(Figure::Cores(1.0)));
}

/// For one interval, how late a thread is that does nothing but sleep, 99 times in 100: the machine's own share of the lag.
fn oversleep() -> Duration {
    let end = Instant::now() + INTERVAL;
    let mut late = Vec::new();
    while Instant::now() < end {
        let since = Instant::now();
        thread::sleep(NAP);
        late.push(since.elapsed() - NAP);
    }
    late.sort();
    late[late.len() * 99 / 100]
}

fn shared(room: Arc<Semaphore>) -> Shared {
    let clock = Clock::new();
    let board = Arc::new(Board::new("bench".into(), clock));
    // As many events as are usually kept.
    let events = Arc::new(Events::new(board.started, 10_000));
    Shared { board, events, inboxes: Inboxes::default(), clock, room, record: None }
}

/// Starts a worker as the supervisor would.
fn start(runtime: &Runtime, shared: &Arc<Shared>, name: Arc<str>) -> (Arc<str>, Arc<Slot>) {
    let schedule = Schedule::Every(Every::new(INTERVAL, 0.1, &name).expect("the interval is in range"));
    let policy = Policy { spread: SPREAD, fast_interval: INTERVAL, down_interval: None, ..Policy::usual(schedule) };
    let policy = Arc::new(policy);
    let info = Arc::new(CheckInfo {
        name: Arc::clone(&name),
        probe: "none".into(),
        description: String::new(),
        critical: false,
        group: None,
        labels: [].into(),
        policy: Arc::clone(&policy),
        timeout: Duration::from_secs(10),
        limits: None,
        grants: vec![],
        generation: 1,
        digest: None,
    });
    let snapshot = Machine::new(Arc::clone(&policy), shared.clock.now(), 0.0).snapshot();
    let slot = Arc::new(Slot::new(CheckState { info: Arc::clone(&info), snapshot }));
    let assignment = Assignment { info, policy, examine: Arc::new(Nothing), afresh: true, target: 0 };
    let inbox = Arc::new(Inbox::default());
    shared.inboxes.add(Arc::clone(&name), Arc::clone(&inbox));
    let life = worker::life(shared, &assignment, fastrand::f64());
    runtime.spawn(worker::work(Arc::clone(shared), Arc::clone(&slot), inbox, assignment, life));
    (name, slot)
}

/// An attempt that does nothing, and finds all well.
struct Nothing;

impl Examine for Nothing {
    fn attempt<'a>(&'a self, _: &'a [u8]) -> Attempting<'a> {
        let verdict = Verdict {
            status: Status::Healthy,
            message: "nothing to do".into(),
            details: vec![],
            measurements: vec![],
            latency: None,
            permanent: false,
        };
        let attempt = Attempt::of(Outcome::Verdict(verdict));
        Box::pin(std::future::ready(attempt))
    }
}
