//! Whether probes that spin, sleep or flood delay the others: how late the runs of honest checks start, with two such probes
//! for each core, beside how late they start with none.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench, which must not go on if something is wrong")]

#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/guest.rs"]
mod guest;
#[path = "support/lag.rs"]
mod lag;
#[path = "support/runner.rs"]
mod runner;
#[path = "support/table.rs"]
mod table;

use std::{
    fmt::Write,
    fs, thread,
    time::{Duration, Instant},
};

use self::{
    runner::{Home, Runner},
    table::{Figure, Target, beside, figure},
};

/// Honest checks, each of which runs once a second. The others' own runs, which end by their time-out, are one in a thousand
/// of theirs, and hardly count among those of which 99 in 100 are looked at.
const HONEST: usize = 500;
/// How long a run of a noisy probe lasts.
const TIMEOUT: Duration = Duration::from_secs(10);
/// By now everything that is loaded once is loaded.
const WARM: Duration = Duration::from_secs(5);
/// How long is measured: ten thousand honest runs.
const MEASURED: Duration = Duration::from_secs(20);
/// Noisy probes for each core.
const EACH: usize = 2;
/// What the others may be delayed.
const TARGET: Target = Target::AtMost(Figure::Time(Duration::from_millis(50)));

fn main() {
    let quiet = late(None);
    figure("start lag of 99 %, nobody is noisy", quiet, Target::None);
    for (what, fixture) in [("spin", "loops"), ("sleep", "sleeps"), ("flood the host", "calls-without-end")] {
        beside(&format!("start lag of 99 %, {EACH} a core {what} / none"), late(Some(fixture)), quiet, TARGET);
    }
}

/// How late 99 of 100 runs start beside probes of this kind.
fn late(noisy: Option<&str>) -> Figure {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut config = format!(
        "[defaults]\ninterval = \"1s\"\njitter = 0.0\ntimeout = \"{}s\"\nlimits.fuel = 1_000_000_000_000_000\n",
        TIMEOUT.as_secs()
    );
    let mut check = |name: String, probe: &str| {
        writeln!(config, "[[check]]\nname = \"{name}\"\nprobe = \"{probe}\"")
            .expect("memory takes what is written to it");
    };
    (0..HONEST).for_each(|number| check(format!("honest-{number}"), "honest"));
    if noisy.is_some() {
        (0..EACH * cores).for_each(|number| check(format!("noisy-{number}"), "noisy"));
    }
    let home = Home::new(&config);
    fs::write(home.probes().join("honest.wasm"), guest::saying("fine")).expect("a file in the folder");
    if let Some(fixture) = noisy {
        fs::write(home.probes().join("noisy.wasm"), guest::fixture(fixture)).expect("a file in the folder");
    }
    let runner = home.start();
    let pace = |runner: &Runner| lag::counts(&runner.get("/metrics"));
    runner.wait("/health/checks", |status, _| status == 200);
    thread::sleep(WARM);
    let (then, begun) = (pace(&runner), Instant::now());
    thread::sleep(MEASURED);
    let counts = lag::since(pace(&runner), then);
    let runs: u64 = counts.iter().sum();
    let expected = (HONEST as f64 * begun.elapsed().as_secs_f64()) as u64;
    // What was late before is made up for meanwhile, and the other way round.
    assert!(runs.abs_diff(expected) < expected / 4, "{runs} runs where there should be {expected}");
    Figure::Time(Duration::from_secs_f64(lag::quantile(&counts, 0.99)))
}
