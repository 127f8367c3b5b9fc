//! What taking in an outcome takes of the allocator: nothing, as long as nothing changes.

#![allow(clippy::unwrap_used, missing_docs)]

use std::{sync::Arc, time::Duration};

use probity_core::{
    machine::{Machine, Policy, Step},
    outcome::{Outcome, Run, Status, Usage, Verdict},
    schedule::{Every, Schedule},
    snapshot::Snapshot,
    time::Now,
};

/// More than a machine with its snapshot may take: a hundred thousand of them are to fit 200 MB.
const MOST: usize = 2 * 1024;

fn machine(now: Now) -> Machine {
    let schedule = Schedule::Every(Every::new(Duration::from_secs(30), 0.1, "a").unwrap());
    Machine::new(Arc::new(Policy::usual(schedule)), now, 0.0)
}

fn run(status: Status, now: Now) -> Arc<Run> {
    let verdict = Verdict {
        status,
        message: "said".into(),
        details: vec![],
        measurements: vec![],
        latency: None,
        permanent: false,
    };
    Arc::new(Run {
        started: now.wall,
        took: Duration::from_millis(1),
        outcome: Outcome::Verdict(verdict),
        usage: Usage::default(),
    })
}

/// Runs the check once, when it is due.
fn live(machine: &mut Machine, now: &mut Now, run: Arc<Run>, events: &mut Vec<probity_core::event::Event>) -> Snapshot {
    while let Step::Wait(until) = machine.poll(*now, events) {
        *now = now.plus(until - now.elapsed);
    }
    machine.finished(run, *now, 0.5, events);
    machine.snapshot()
}

#[test]
fn nothing_is_allocated_while_nothing_changes() {
    let mut now = Now { elapsed: Duration::ZERO, wall: "2026-03-02T12:00:00Z".parse().unwrap() };
    let (mut machine, mut events) = (machine(now), Vec::new());
    let runs: Vec<_> = (0..100).map(|_| run(Status::Healthy, now)).collect();
    let first = run(Status::Healthy, now);
    live(&mut machine, &mut now, first, &mut events);
    events.clear();
    let counted = allocation_counter::measure(|| {
        for run in runs {
            live(&mut machine, &mut now, run, &mut events);
        }
    });
    assert_eq!((counted.count_total, events.len()), (0, 0));

    // And the counter counts: a change is told, and what is told takes room.
    let mut told = Vec::new();
    let lost: Vec<_> = (0..3).map(|_| run(Status::Unhealthy, now)).collect();
    let counted = allocation_counter::measure(|| {
        for run in lost {
            live(&mut machine, &mut now, run, &mut told);
        }
    });
    assert!(counted.count_total > 0 && !told.is_empty());
}

#[test]
fn a_machine_and_its_snapshot_are_small() {
    let now = Now { elapsed: Duration::ZERO, wall: "2026-03-02T12:00:00Z".parse().unwrap() };
    let mut made = None;
    let counted = allocation_counter::measure(|| {
        let machine = machine(now);
        made = Some((Box::new(machine.snapshot()), Box::new(machine)));
    });
    assert!(counted.bytes_current > 0 && counted.bytes_current <= MOST as i64, "{} bytes", counted.bytes_current);
    drop(made);
}
