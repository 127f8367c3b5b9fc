//! What it costs to take in one outcome: the machine of a check, and the snapshot that is published of it.

#![allow(clippy::expect_used, reason = "a bench that can't go on must not")]

#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/table.rs"]
mod table;

use std::{hint::black_box, sync::Arc, time::Duration};

use probity_core::{
    machine::{Machine, Policy, Step},
    outcome::{Outcome, Run, Status, Usage, Verdict},
    schedule::{Every, Schedule},
    time::Now,
};

use crate::table::{Figure, Target, figure, median};

const INTERVAL: Duration = Duration::from_secs(30);
/// Enough rounds that one in which the machine was busy does not move the median.
const ROUNDS: usize = 51;
/// Outcomes in one round: some milliseconds' worth, which is far above the clock's grain.
const OUTCOMES: u32 = 20_000;
/// As many checks as one runner is to bear.
const MACHINES: u32 = 100_000;

fn main() {
    // One failure in eight: too few in a row for a fall, so that the check stays up and is in doubt now and then.
    let seldom = |nth: u32| if nth.is_multiple_of(8) { Status::Unhealthy } else { Status::Healthy };
    // Three failures, one success: the connection is lost and regained each time.
    let often = |nth: u32| if nth.is_multiple_of(4) { Status::Healthy } else { Status::Unhealthy };
    let target = Target::AtMost(Figure::Time(Duration::from_micros(1)));
    figure("one outcome: always healthy", measure(|_| Status::Healthy), target);
    figure("one outcome: one in eight fails", measure(seldom), target);
    figure("one outcome: lost and regained every four", measure(often), target);
    let target = Target::AtMost(Figure::Bytes(2.0 * 1024.0));
    figure("memory of a machine and its snapshot", weigh(), target);
}

/// What one of a hundred thousand machines takes of memory, with a policy of its own, its last run and its snapshot.
fn weigh() -> Figure {
    let wall = "2026-01-01T00:00:00Z".parse().expect("a date");
    let now = Now { elapsed: Duration::ZERO, wall };
    let before = memory::resident();
    let mut events = Vec::new();
    let made: Vec<_> = (0..MACHINES)
        .map(|_| {
            let mut machine = Box::new(Machine::new(Arc::new(policy()), now, 0.0));
            machine.poll(now, &mut events);
            machine.finished(Arc::new(run(Status::Healthy, now)), now, 0.5, &mut events);
            events.clear();
            (Box::new(machine.snapshot()), machine)
        })
        .collect();
    let grown = memory::resident() - before;
    drop(black_box(made));
    Figure::Bytes(grown / f64::from(MACHINES))
}

fn policy() -> Policy {
    let schedule = Schedule::Every(Every::new(INTERVAL, 0.1, "bench").expect("the interval is in range"));
    Policy { fast_interval: INTERVAL / 6, down_interval: Some(INTERVAL), ..Policy::usual(schedule) }
}

fn measure(status: impl Fn(u32) -> Status) -> Figure {
    let wall = "2026-01-01T00:00:00Z".parse().expect("a date");
    let mut now = Now { elapsed: Duration::ZERO, wall };
    let mut machine = Machine::new(Arc::new(policy()), now, 0.0);
    let runs: Vec<Arc<Run>> = (0..OUTCOMES).map(|nth| Arc::new(run(status(nth), now))).collect();
    let mut events = Vec::new();
    let rounds = (0..ROUNDS).map(|_| {
        let before = cpu::of_thread();
        for run in &runs {
            if let Step::Wait(until) = machine.poll(now, &mut events) {
                now = now.plus(until - now.elapsed);
            }
            machine.finished(Arc::clone(run), now, 0.5, &mut events);
            black_box(machine.snapshot());
            events.clear();
        }
        (cpu::of_thread() - before).as_secs_f64() / f64::from(OUTCOMES)
    });
    Figure::Time(Duration::from_secs_f64(median(rounds.collect())))
}

fn run(status: Status, now: Now) -> Run {
    let verdict = Verdict {
        status,
        message: "connected in 312 us".into(),
        details: vec![],
        measurements: vec![],
        latency: Some(Duration::from_micros(312)),
        permanent: false,
    };
    Run {
        started: now.wall,
        took: Duration::from_micros(400),
        outcome: Outcome::Verdict(verdict),
        usage: Usage { fuel: 30_000, peak_memory: 192 * 1024 },
    }
}
