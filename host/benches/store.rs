//! What history costs: keeping results as they come from three thousand runs a second, and reading what a page shows, beside SQLite
//! with the same rows. It decided on the library: at most 5 us of processor a result.

#![allow(clippy::expect_used, reason = "a bench that can't go on must not")]

#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/table.rs"]
mod table;

use std::{path::Path, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use probity::{
    clock::Clock,
    store::{Asked, Keeper, Options, Store},
};
use probity_core::{
    machine::{Machine, Policy},
    outcome::{Measurement, Outcome, Run, Status, Usage, Verdict},
    rollup::Level,
    schedule::{Every, Schedule},
    time::Now,
};
use rusqlite::{Connection, Statement, params};

use crate::table::{Figure, Target, compared, figure};

/// Results a second.
const RATE: usize = 3_000;
/// Checks, each of which runs once a second.
const CHECKS: usize = RATE;
/// Results of each check that are kept.
const KEPT: usize = 400;
/// Seconds of the runner's life until as many are kept as there will be: from then on each takes the place of another.
const FILLED: usize = KEPT + 100;
/// Seconds after that. What is written in them is merged several times.
const SECONDS: usize = 120;
/// How many results of a check a page shows.
const PAGE: usize = 100;
/// How often a page is read.
const READS: u32 = 500;
/// Longer than any flush takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, store) = keep(&folder.path().join("history"));
    let sqlite = Sqlite::new(&folder.path().join("sqlite"));
    let theirs = sqlite.keep();
    let per_result = |cpu: Duration| cpu / u32::try_from(RATE * SECONDS).expect("it is far below");
    let (ours, theirs) = (per_result(ours), per_result(theirs));
    figure("keep a result", Figure::Time(ours), Target::AtMost(Figure::Time(Duration::from_micros(5))));
    beside_sqlite("keep a result, beside SQLite", ours, theirs, Target::AtMost(Figure::Times(1.0)));

    let asked = Asked { times: Timestamp::MIN..Timestamp::MAX, before: None, limit: PAGE };
    let ours = read(|check| {
        let page = store.results(check, &asked, |_| true).expect("it can be read").expect("it is known");
        assert!(!page.entries.is_empty());
    });
    let mut pages = sqlite.pages();
    let theirs = read(|check| assert!(page(&mut pages, check) > 0));
    beside_sqlite("read a page of results, beside SQLite", ours, theirs, Target::None);
    let now = start() + SignedDuration::from_secs((FILLED + SECONDS) as i64);
    let uptime = read(|check| {
        let from = now - SignedDuration::from_hours(24);
        assert!(store.stretches(check, &[(Level::Hour, from)], now).expect("it can be read").is_some());
    });
    figure("read the uptime of a day", Figure::Time(uptime), Target::None);
}

fn beside_sqlite(what: &str, ours: Duration, theirs: Duration, target: Target) {
    let ratio = Figure::Times(ours.as_secs_f64() / theirs.as_secs_f64());
    compared(what, Figure::Time(ours), Figure::Time(theirs), ratio, target);
}

fn start() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().expect("a date")
}

fn run(at: usize, now: Timestamp) -> Run {
    let seconds = |name: &str, value| Measurement { name: name.into(), unit: "s".into(), value };
    // One in a hundred fails.
    let status = if at.is_multiple_of(100) { Status::Unhealthy } else { Status::Healthy };
    Run {
        started: now,
        took: Duration::from_micros(1_500 + (at % 700) as u64),
        outcome: Outcome::Verdict(Verdict {
            measurements: vec![seconds("connect", 0.000_9), seconds("first-byte", 0.000_4)],
            latency: Some(Duration::from_micros(1_300 + (at % 900) as u64)),
            ..Verdict::new(status, if status.is_up() { "answers on port 5432" } else { "connection refused" })
        }),
        usage: Usage { fuel: 12_345, peak_memory: 196_608 },
    }
}

fn name(check: usize) -> Arc<str> {
    format!("check-{check}").into()
}

/// The processor's time that it takes to keep what happens in all seconds, all threads together.
fn keep(folder: &Path) -> (Duration, Store) {
    let options =
        Options { folder: folder.into(), entries: KEPT as u64, events: 10_000, flush_interval: Duration::from_secs(1) };
    let (store, _) = Store::open(options, "bench", Clock::new(), |_| {}).expect("it can be opened");
    let store = Arc::new(store);
    let mut now = Now { elapsed: Duration::ZERO, wall: start() };
    let schedule =
        Schedule::Every(Every::new(Duration::from_secs(30), 0.1, "bench").expect("the interval is in range"));
    let policy = Arc::new(Policy::usual(schedule));
    let begin = |check| {
        let mut keeper = Keeper::new(Arc::clone(&store), name(check), "tcp", 1, now);
        let machine = keeper.machine(Arc::clone(&policy), now, 0.0);
        (keeper, machine)
    };
    let mut keepers: Vec<(Keeper, Machine)> = (0..CHECKS).map(begin).collect();
    assert!(store.flush(PATIENCE));
    let mut spent = Duration::ZERO;
    for second in 0..FILLED + SECONDS {
        let runs: Vec<Arc<Run>> = (0..RATE).map(|at| Arc::new(run(second * RATE + at, now.wall))).collect();
        let before = cpu::of_process();
        for ((keeper, machine), run) in keepers.iter_mut().zip(&runs) {
            keeper.keep(machine, Some((run, 1, false)), false, now);
        }
        assert!(store.flush(PATIENCE));
        spent += if second < FILLED { Duration::ZERO } else { cpu::of_process() - before };
        now = now.plus(Duration::from_secs(1));
    }
    assert_eq!(store.figures().dropped, 0);
    drop(keepers);
    let Ok(store) = Arc::try_unwrap(store) else { unreachable!("nobody else has it") };
    (spent, store)
}

/// The same results in a table, and nothing else.
struct Sqlite(Connection);

impl Sqlite {
    fn new(file: &Path) -> Sqlite {
        let sqlite = Connection::open(file).expect("it can be opened");
        sqlite
            .execute_batch(
                "pragma journal_mode = wal; pragma synchronous = full;
                 create table results (check_id integer, place integer, number integer, started integer, took integer,
                    latency integer, status integer, health integer, generation integer, fuel integer, memory integer,
                    message text, connect integer, first_byte integer, primary key (check_id, place)) without rowid;",
            )
            .expect("a table");
        Sqlite(sqlite)
    }

    fn keep(&self) -> Duration {
        let mut spent = Duration::ZERO;
        for second in 0..FILLED + SECONDS {
            let now = start() + SignedDuration::from_secs(second as i64);
            let runs: Vec<Run> = (0..RATE).map(|at| run(second * RATE + at, now)).collect();
            let before = cpu::of_process();
            let batch = self.0.unchecked_transaction().expect("a transaction");
            let mut insert = batch
                .prepare("insert or replace into results values (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)")
                .expect("a statement");
            for (check, run) in runs.iter().enumerate() {
                let up = run.outcome.message().starts_with("answers");
                let row = params![
                    check as i64,
                    (second % FILLED) as i64,
                    second as i64,
                    run.started.as_microsecond(),
                    run.took.as_nanos() as i64,
                    run.latency().as_nanos() as i64,
                    up,
                    up,
                    run.usage.fuel as i64,
                    run.usage.peak_memory as i64,
                    &**run.outcome.message(),
                    900_000,
                    400_000
                ];
                insert.execute(row).expect("a row");
            }
            drop(insert);
            batch.commit().expect("it is written");
            spent += if second < FILLED { Duration::ZERO } else { cpu::of_process() - before };
        }
        spent
    }

    fn pages(&self) -> Statement<'_> {
        let select = "select * from results where check_id = ? order by number desc limit 100";
        self.0.prepare(select).expect("a statement")
    }
}

/// How many rows a page of a check has.
fn page(pages: &mut Statement<'_>, check: &str) -> usize {
    let check: i64 = check.trim_start_matches("check-").parse().expect("a number");
    let rows = pages.query_map([check], |row| Ok((row.get::<_, i64>(3)?, row.get::<_, String>(11)?)));
    rows.expect("rows").filter_map(Result::ok).count()
}

/// The processor's time that it takes to read something of one check, of many in turn.
fn read(mut read: impl FnMut(&str)) -> Duration {
    let before = cpu::of_thread();
    for at in 0..READS {
        read(&name(at as usize * 37 % CHECKS));
    }
    (cpu::of_thread() - before) / READS
}
