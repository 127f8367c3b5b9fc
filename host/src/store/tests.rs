mod clock;
mod unfinished;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use probity_core::{
    account::Incident,
    event::Event,
    health::{Health, Mode},
    machine::{Command, Machine, Policy, Step},
    outcome::{Detail, Fault, FaultKind, Measurement, Outcome, Status, Usage, Value, Verdict},
    report::{Kind, Report, Reports},
    rollup::{Level, Rollup},
    schedule::{Every, Schedule},
    time::Now,
};

use super::*;
use crate::events::{Events, Fact};

const PATIENCE: Duration = Duration::from_secs(30);
const TARGET: u64 = 7;

fn options(folder: &Path) -> Options {
    Options { folder: folder.join("history"), entries: 20, events: 10, flush_interval: Duration::from_secs(1) }
}

fn open(options: Options) -> (Store, Before) {
    Store::open(options, "abc", Clock::new(), |_| {}).unwrap()
}

fn policy() -> Arc<Policy> {
    let schedule = Schedule::Every(Every::new(Duration::from_secs(30), 0.0, "a").unwrap());
    Arc::new(Policy::usual(schedule))
}

fn verdict(status: Status, message: &str) -> Outcome {
    Outcome::Verdict(Verdict {
        measurements: vec![
            Measurement { name: "connect".into(), unit: "s".into(), value: 0.0015 },
            Measurement { name: "size".into(), unit: "By".into(), value: 12.0 },
        ],
        latency: Some(Duration::from_micros(1700)),
        ..Verdict::new(status, message)
    })
}

/// A check that lives as long as a store, with a clock that is told.
struct Check {
    store: Arc<Store>,
    keeper: Keeper,
    machine: Machine,
    now: Now,
}

impl Check {
    fn begin(store: &Arc<Store>, now: Timestamp) -> Check {
        let now = Now { elapsed: Duration::ZERO, wall: now };
        Check::begin_with(store, "tcp", TARGET, now)
    }

    fn begin_with(store: &Arc<Store>, probe: &str, target: u64, now: Now) -> Check {
        let mut keeper = Keeper::new(Arc::clone(store), "db".into(), probe, target, now);
        let machine = keeper.machine(policy(), now, 0.0);
        Check { store: Arc::clone(store), keeper, machine, now }
    }

    /// Runs as soon as it is due, and has what comes of it kept.
    fn run(&mut self, outcome: Outcome) {
        let mut events = Vec::new();
        loop {
            match self.machine.poll(self.now, &mut events) {
                Step::Run { .. } => break,
                Step::Wait(until) => self.now = self.now.plus(until - self.now.elapsed),
                Step::Close | Step::Rest => {}
            }
        }
        let run = Run {
            started: self.now.wall,
            took: Duration::from_millis(2),
            outcome,
            usage: Usage { fuel: 1234, peak_memory: 65_536 },
        };
        let run = Arc::new(run);
        self.now = self.now.plus(run.took);
        self.machine.finished(Arc::clone(&run), self.now, 0.5, &mut events);
        self.keeper.keep(&self.machine, Some((&run, 3, false)), !events.is_empty(), self.now);
    }

    fn asked(&self) -> Asked {
        Asked { times: Timestamp::MIN..Timestamp::MAX, before: None, limit: 1000 }
    }

    fn results(&self) -> Vec<Recorded> {
        assert!(self.store.flush(PATIENCE));
        self.store.results("db", &self.asked(), |_| true).unwrap().unwrap().entries
    }
}

/// An hour that is past, so that all that happens in it has happened.
fn past() -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(1800)
}

#[test]
fn what_was_kept_is_found_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    check.run(verdict(Status::Healthy, "well"));
    check.run(verdict(Status::Healthy, "well"));
    check.run(Outcome::Fault(Fault::new(FaultKind::Trap, "crashed")));
    let results = check.results();
    let told: Vec<_> = results
        .iter()
        .map(|it| (it.number, it.health, &**it.run.outcome.message(), it.generation, it.run.usage.fuel))
        .collect();
    let expected = [
        (3, Health::Unknown, "crashed", 3, 1234),
        (2, Health::Healthy, "well", 3, 1234),
        (1, Health::Healthy, "well", 3, 1234),
    ];
    assert_eq!(told, expected);
    let Outcome::Verdict(verdict) = &results[1].run.outcome else { panic!("{results:?}") };
    assert_eq!(verdict.latency, Some(Duration::from_micros(1700)));
    assert_eq!(results[1].phases, [("connect".into(), Duration::from_micros(1500))]);
}

#[test]
fn the_latest_results_are_kept_and_the_latest_failures_for_longer() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    // So long that what is said is written down again.
    let said = |number: u64| format!("{}", number / 170);
    for at in 1..=300 {
        let status = if at <= 60 { Status::Unhealthy } else { Status::Healthy };
        check.run(verdict(status, &said(at)));
    }
    let numbers: Vec<u64> = check.results().iter().map(|result| result.number).collect();
    let expected: Vec<u64> = (281..=300).rev().chain((11..=60).rev()).collect();
    assert_eq!(numbers, expected);
    let wrong = check.results().into_iter().find(|it| **it.run.outcome.message() != *said(it.number));
    assert_eq!(wrong, None, "each says what it said");
    // Another number of them, and they have other places. Of those that were there for what they say, some are shown then.
    let store = Arc::try_unwrap(check.store).ok();
    drop((store, check.keeper));
    for (entries, first) in [(10, 291), (200, 271)] {
        let (store, _) = open_when_free(Options { entries, ..options(folder.path()) });
        let asked = Asked { times: Timestamp::MIN..Timestamp::MAX, before: None, limit: 1000 };
        let page = store.results("db", &asked, |status| status == Health::Healthy).unwrap().unwrap();
        let numbers: Vec<u64> = page.entries.iter().map(|result| result.number).collect();
        let wrong = page.entries.into_iter().find(|it| **it.run.outcome.message() != *said(it.number));
        assert_eq!(wrong, None, "{entries}: each says what it said");
        assert_eq!(numbers, (first..=300).rev().collect::<Vec<_>>(), "{entries}");
        assert!(store.close(PATIENCE));
    }
}

/// Opens a store whose last holder may still be about to let go of it.
fn open_when_free(options: Options) -> (Store, Before) {
    let until = Instant::now() + PATIENCE;
    loop {
        match Store::open(options.clone(), "def", Clock::new(), |_| {}) {
            Ok(opened) => return opened,
            Err(unheld) => assert!(Instant::now() < until, "{unheld}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_list_is_read_page_by_page_and_as_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    for at in 1..=9 {
        check.run(verdict(if at % 3 == 0 { Status::Degraded } else { Status::Healthy }, "said"));
    }
    check.results();
    let page = |asked: &Asked, status: Option<Status>| {
        let wanted = |it: Health| status.is_none_or(|status| it == status.into());
        let page = check.store.results("db", asked, wanted).unwrap().unwrap();
        (page.entries.iter().map(|it| it.number).collect::<Vec<_>>(), page.next)
    };
    let some = |before, limit| Asked { before, limit, ..check.asked() };
    assert_eq!(page(&some(None, 4), None), (vec![9, 8, 7, 6], Some(6)));
    assert_eq!(page(&some(Some(6), 5), None), (vec![5, 4, 3, 2, 1], None));
    assert_eq!(page(&some(None, 2), Some(Status::Degraded)), (vec![9, 6], Some(6)));
    assert_eq!(page(&some(Some(6), 2), Some(Status::Degraded)), (vec![3], None));
    let times = check.results()[5].run.started..check.results()[2].run.started;
    assert_eq!(page(&Asked { times, ..some(None, 10) }, None), (vec![6, 5, 4], None));
    assert_eq!(check.store.results("other", &check.asked(), |_| true), Ok(None));
}

#[test]
fn a_check_goes_on_where_it_was_and_the_time_between_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    for _ in 0..3 {
        check.run(verdict(Status::Healthy, "well"));
    }
    for _ in 0..3 {
        check.run(verdict(Status::Unhealthy, "down"));
    }
    check.run(verdict(Status::Healthy, "back"));
    check.run(verdict(Status::Healthy, "well"));
    let before = check.machine.snapshot();
    assert_eq!((before.stats.health_changes, before.stats.state_changes), (3, 4), "up, down and up again");
    assert!(check.store.close(PATIENCE));

    let (store, _) = open_when_free(options(folder.path()));
    let again = Check::begin(&Arc::new(store), Timestamp::now());
    let after = again.machine.snapshot();
    assert_eq!(after.stats, before.stats);
    assert_eq!((after.health, after.connection.state()), (before.health, before.connection.state()));
    assert_eq!(after.connection.totals(), before.connection.totals());
    assert_eq!(after.connection.since().as_microsecond(), before.connection.since().as_microsecond());
    assert_eq!(after.last.as_ref().map(|run| run.outcome.message().to_string()).as_deref(), Some("well"));
    let phases = after.last.as_ref().and_then(|run| match &run.outcome {
        Outcome::Verdict(verdict) => verdict.measurements.first().cloned(),
        Outcome::Fault(_) => None,
    });
    assert_eq!(phases, Some(Measurement { name: "connect".into(), unit: "s".into(), value: 0.0015 }));
    assert!(after.restored && after.is_awaited(), "it is known from before, and to be found out");
    assert_eq!(again.keeper.history().results().count(), 8);

    let now = Timestamp::now();
    let ago = |hours| now - SignedDuration::from_hours(hours);
    let wanted = [(Level::Hour, ago(3)), (Level::Minute, ago(1))];
    let found = again.store.stretches("db", &wanted, now).unwrap().unwrap();
    let (hours, minutes) = (&found[0], &found[1]);
    let total = &hours.total;
    assert_eq!((total.results, total.failures, total.incidents, total.repairs), (8, 3, 1, 1));
    assert!(
        total.up > 0 && total.down > 0 && total.unknown < 60_000,
        "the runner was there until it was closed: {total:?}"
    );
    assert_eq!(minutes.total, *total, "all of it lies within the hour");
}

#[test]
fn another_target_is_another_life() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    check.run(verdict(Status::Healthy, "well"));
    assert!(check.store.close(PATIENCE));
    let (store, _) = open_when_free(options(folder.path()));
    let other = Check::begin_with(&Arc::new(store), "tcp", TARGET + 1, now());
    assert_eq!((other.machine.snapshot().stats.runs(), other.machine.health()), (0, Health::Pending));
    assert_eq!(other.results().len(), 1, "its history is that of its name");
}

fn now() -> Now {
    Now { elapsed: Duration::ZERO, wall: Timestamp::now() }
}

fn detailed(message: &str, version: i64) -> Outcome {
    let details = vec![Detail { key: "version".into(), value: Value::Integer(version) }];
    Outcome::Verdict(Verdict { details, ..Verdict::new(Status::Healthy, message) })
}

/// What a check takes along: its state, how many reports, and its details.
fn taken_along(check: &Check) -> (Vec<u8>, Option<[u64; 5]>, Vec<Detail>) {
    let details = match check.machine.snapshot().last.map(|run| run.outcome.clone()) {
        Some(Outcome::Verdict(verdict)) => verdict.details,
        _ => vec![],
    };
    (check.keeper.state(), check.keeper.reports().map(|reports| reports.counts()), details)
}

#[test]
fn what_a_check_takes_along_is_there_again_for_whom_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let live = |probe: &str, target: u64, run: &dyn Fn(&mut Check)| {
        let (store, _) = open_when_free(options(folder.path()));
        let mut check = Check::begin_with(&Arc::new(store), probe, target, now());
        let found = taken_along(&check);
        run(&mut check);
        assert!(check.store.close(PATIENCE));
        found
    };
    let said = |message: &'static str, version: i64| move |check: &mut Check| check.run(detailed(message, version));
    let mut reports = Reports::new(now());
    reports.take(Report::new(Kind::Fail, now()).text("disk full".into(), 9));
    let details = |version: i64| match detailed("", version) {
        Outcome::Verdict(verdict) => verdict.details,
        Outcome::Fault(_) => vec![],
    };
    let nothing = (vec![], None, vec![]);

    let first = live("tcp", TARGET, &|check| {
        check.keeper.leave(b"seen");
        check.keeper.hear(Some(reports.clone()));
        check.run(detailed("well", 1));
        // Neither of these changes what is kept of it.
        check.keeper.leave(b"seen");
        check.run(detailed("well", 1));
    });
    assert_eq!(first, nothing);
    let all = (b"seen".to_vec(), Some([0, 0, 1, 0, 0]), details(1));
    assert_eq!(live("tcp", TARGET, &said("well", 1)), all);
    assert_eq!(live("tcp", TARGET, &said("well", 2)), all, "it is kept though nothing of it changes");
    assert_eq!(live("tcp", TARGET, &|check| check.run(verdict(Status::Healthy, "bare"))).2, details(2));
    assert_eq!(live("tcp", TARGET, &said("well", 3)).2, vec![], "the last verdict had none");
    assert_eq!(
        live("tcp", TARGET, &|check| check.run(Outcome::Fault(Fault::new(FaultKind::Trap, "no")))).2,
        details(3)
    );
    assert_eq!(live("tcp", TARGET, &said("well", 3)).2, vec![], "a fault has none");
    assert_eq!(live("tcp", TARGET, &|_| {}), (all.0.clone(), all.1, details(3)));

    // Reports are for the probe, and all else for the target.
    let other = live("tcp", TARGET + 1, &said("well", 3));
    assert_eq!(other, (vec![], all.1, vec![]));
    assert_eq!(live("tcp", TARGET, &said("well", 3)), (vec![], all.1, vec![]), "what was another target's is gone");
    assert_eq!(live("heartbeat", TARGET + 2, &said("well", 3)), nothing);
    assert_eq!(live("tcp", TARGET, &|check| check.keeper.gone(now())), nothing);
    assert_eq!(live("tcp", TARGET, &|_| {}), nothing, "a check that is gone leaves nothing");
}

#[test]
fn whoever_leaves_late_does_not_take_the_check_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let store = Arc::new(store);
    let mut old = Check::begin(&store, past());
    old.run(verdict(Status::Healthy, "well"));
    // The check is taken out and put in again while its last run is under way.
    let mut new = Check::begin(&store, past());
    new.run(verdict(Status::Unhealthy, "down"));
    new.keeper.leave(b"seen");
    new.run(verdict(Status::Unhealthy, "down"));
    old.keeper.gone(now());
    assert!(store.flush(PATIENCE));
    assert!(store.close(PATIENCE));
    drop((old, new, store));
    let (store, _) = open_when_free(options(folder.path()));
    let next = Check::begin(&Arc::new(store), Timestamp::now());
    let snapshot = next.machine.snapshot();
    assert_eq!((snapshot.stats.unhealthy, next.keeper.state()), (2, b"seen".to_vec()));
    let incidents = next.store.incidents("db", &next.asked()).unwrap().unwrap();
    assert!(incidents.entries.iter().all(|incident| incident.ended.is_none()), "{incidents:?}");
}

#[test]
fn a_store_that_can_be_read_only_later_adds_what_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut earlier = Check::begin(&Arc::new(store), past());
    for _ in 0..3 {
        earlier.run(detailed("well", 1));
    }
    earlier.keeper.leave(b"seen");
    let mut reports = Reports::new(now());
    reports.take(Report::new(Kind::Success, now()));
    earlier.keeper.hear(Some(reports));
    earlier.machine.obey(Command::Mode(Mode::ForcedDown), earlier.now, &mut vec![]);
    earlier.keeper.keep(&earlier.machine, None, true, earlier.now);
    assert!(earlier.store.close(PATIENCE));
    drop(earlier);

    // A file lies where the folder should be.
    let (aside, place) = (folder.path().join("aside"), folder.path().join("history"));
    fs::rename(&place, &aside).unwrap();
    fs::write(&place, "").unwrap();
    let (store, before) = open(options(folder.path()));
    let events = Events::resumed(before.instance, before.last, before.events, 10);
    let store = Arc::new(store);
    events.keep({
        let store = Arc::clone(&store);
        move |record| store.event(record)
    });
    let mut check = Check::begin(&store, Timestamp::now());
    check.run(verdict(Status::Unhealthy, "down"));
    let fact = || Fact::Check { check: "db".into(), group: None, event: Event::Error { message: "no".into() } };
    events.tell(Timestamp::now(), fact());
    assert!(store.flush(PATIENCE), "it is dropped, and nobody waits for ever");
    assert!(!store.standing().works && check.keeper.recall().is_none());
    assert!(store.figures().dropped >= 2);
    fs::remove_file(&place).unwrap();
    fs::rename(&aside, &place).unwrap();
    let until = Instant::now() + PATIENCE;
    while !store.standing().works {
        assert!(Instant::now() < until, "{:?}", store.standing());
        std::thread::yield_now();
    }

    // What comes from whoever has not looked yet overwrites nothing.
    check.run(verdict(Status::Unhealthy, "down"));
    assert!(store.flush(PATIENCE));
    let recalled = check.keeper.recall().unwrap();
    assert!(check.keeper.recall().is_none(), "it is told once");
    assert_eq!((&*recalled.state, recalled.reports.unwrap().counts()), (&b"seen"[..], [0, 1, 0, 0, 0]));
    check.machine.recall(&recalled.life.unwrap(), check.now, &mut vec![]);
    check.keeper.leave(&recalled.state);
    check.run(verdict(Status::Unhealthy, "down"));
    let stats = check.machine.snapshot().stats;
    assert_eq!((stats.healthy, stats.unhealthy, check.machine.snapshot().mode), (3, 3, Mode::ForcedDown));
    let numbers: Vec<u64> = check.results().iter().map(|result| result.number).collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1], "one result was dropped, and those before it are there");
    events.tell(Timestamp::now(), fact());
    assert!(store.close(PATIENCE));
    let (name, last) = (events.instance().to_owned(), events.last());
    drop((check, events, store));

    let (store, before) = open_when_free(options(folder.path()));
    assert_eq!(
        (before.instance, before.last, before.events.len()),
        (name, last, 1),
        "events are those of the later runner"
    );
    let next = Check::begin(&Arc::new(store), Timestamp::now());
    assert_eq!((next.machine.snapshot().stats, next.keeper.state()), (stats, b"seen".to_vec()));
}

#[test]
fn events_go_on_with_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let tell = |events: &Events, count: usize| {
        for _ in 0..count {
            let event = Event::Error { message: "refused".into() };
            events.tell(Timestamp::now(), Fact::Check { check: "db".into(), group: None, event });
        }
    };
    let live = |options: Options, count: usize, close: bool| {
        let (store, before) = open_when_free(options);
        let store = Arc::new(store);
        let found = (before.instance.clone(), before.last, before.events.len());
        let events = Events::resumed(before.instance, before.last, before.events, 10);
        let keeper = Arc::clone(&store);
        events.keep(move |record| keeper.event(record));
        tell(&events, count);
        assert!(store.flush(PATIENCE));
        if close {
            assert!(store.close(PATIENCE));
        } else {
            // As if it were killed: what follows never reaches the disk.
            fs::create_dir_all(folder.path().join("copy")).unwrap();
            copy(&folder.path().join("history"), &folder.path().join("copy/history"));
        }
        found
    };
    assert_eq!(live(options(folder.path()), 3, true), ("def".into(), 0, 0));
    assert_eq!(live(options(folder.path()), 20, true), ("def".into(), 3, 3));
    assert_eq!(live(options(folder.path()), 1, false), ("def".into(), 23, 10));
    let (name, last, kept) = live(options(&folder.path().join("copy")), 0, true);
    assert_eq!((name.as_str(), kept), ("def", 10));
    assert!(last > 24, "no number is given away twice, though nobody knows how many were: {last}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { fs::copy(&path, &to).map(drop).unwrap() }
    }
}

#[test]
fn whoever_comes_second_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let refused = Store::open(options(folder.path()), "abc", Clock::new(), |_| {}).err().unwrap();
    assert!(refused.to_string().contains(&format!("process id {}", std::process::id())), "{refused}");
    assert!(store.close(PATIENCE));
    drop(open_when_free(options(folder.path())));
}

#[test]
fn what_is_damaged_is_set_aside_and_a_new_history_begins() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..6_u64 {
        let (store, _) = open_when_free(options(folder.path()));
        let store = Arc::new(store);
        let mut check = Check::begin(&store, past());
        (0..40).for_each(|at| check.run(verdict(Status::Healthy, &format!("{at}"))));
        let results = check.results();
        assert_eq!(results.len(), 20, "{round}: {:?}", store.standing());
        assert!(store.close(PATIENCE));
        drop((check, store));
        // Each file in turn: cut short, or with other bytes in the middle.
        let files = files(&folder.path().join("history/db"));
        let path = &files[usize::try_from(round).unwrap() % files.len()];
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        if round % 2 == 0 {
            bytes.truncate(middle);
        } else {
            bytes[middle..].iter_mut().take(64).for_each(|byte| *byte ^= 0x5a);
        }
        fs::write(path, bytes).unwrap();
    }
    let (store, _) = open_when_free(options(folder.path()));
    assert!(store.standing().keeps, "{:?}", store.standing());
    assert!(store.close(PATIENCE));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else if path.metadata().unwrap().len() > 0 {
            found.push(path)
        }
    }
    found.sort();
    found
}

#[test]
fn what_no_reader_knows_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    check.run(verdict(Status::Healthy, "well"));
    assert!(check.store.close(PATIENCE));
    drop(check);
    let db = db::Db::open(&folder.path().join("history/db")).unwrap();
    let (key, value) = (keys::meta(load::FRAME), Some(vec![record::VERSION + 1, 1, 2]));
    db.commit([(&key, &value)].into_iter()).unwrap();
    drop(db);
    let (store, _) = open_when_free(options(folder.path()));
    let standing = store.standing();
    assert!(!standing.keeps && standing.message.contains("newer version"), "{standing:?}");
    assert!(folder.path().join("history/db").exists());
    assert!(
        store
            .results("db", &Asked { times: Timestamp::MIN..Timestamp::MAX, before: None, limit: 1 }, |_| true)
            .is_err()
    );
}

#[test]
fn what_there_is_no_room_for_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    assert!(store.close(PATIENCE));
    // Nobody writes this one, as if its disk stood still.
    let store = Store::look(&folder.path().join("history"), Clock::new()).unwrap();
    for _ in 0..queue::ROOM {
        store.put(Item::Begun("db".into(), 1, Timestamp::now()));
    }
    assert!(store.standing().keeps);
    store.put(Item::Begun("db".into(), 1, Timestamp::now()));
    let standing = store.standing();
    assert!(standing.works && !standing.keeps, "{standing:?}");
    assert!(standing.message.starts_with("not all is kept") && standing.message.ends_with(": 1"), "{standing:?}");
}
