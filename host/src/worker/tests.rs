use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use probity_core::{
    activity, circuit,
    connection::State,
    health::Health,
    outcome::{Outcome, Status, Usage, Verdict},
    report,
    schedule::{Every, Schedule},
};

use super::*;

/// Does what a script says: how long each attempt takes, and what it comes to. After the script, all is well at once.
#[derive(Default)]
struct Script {
    steps: Mutex<VecDeque<(Duration, Status)>>,
    closed: AtomicU64,
    attempts: AtomicU64,
    states: Mutex<Vec<Vec<u8>>>,
}

impl Examine for Script {
    fn attempt<'a>(&'a self, state: &'a [u8]) -> Attempting<'a> {
        let (takes, status) = self.steps.lock().unwrap().pop_front().unwrap_or((Duration::ZERO, Status::Healthy));
        self.states.lock().unwrap().push(state.to_vec());
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            let message = format!("attempt {attempt}").into();
            let verdict =
                Verdict { status, message, details: vec![], measurements: vec![], latency: None, permanent: false };
            Attempt { state: vec![attempt as u8], ..Attempt::of(Outcome::Verdict(verdict)) }
        })
    }

    fn close(&self) -> Closing<'_> {
        self.closed.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }
}

fn script(steps: impl IntoIterator<Item = (Duration, Status)>) -> Arc<Script> {
    Arc::new(Script { steps: Mutex::new(steps.into_iter().collect()), ..Script::default() })
}

struct Office {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    inbox: Arc<Inbox>,
    worker: tokio::task::JoinHandle<()>,
}

fn assignment(examine: Arc<Script>, interval: Duration, generation: u64, afresh: bool) -> Assignment {
    let schedule = Schedule::Every(Every::new(interval, 0.0, "check").unwrap());
    let policy = Policy { fast_interval: interval, down_interval: None, ..Policy::usual(schedule) };
    let policy = Arc::new(policy);
    let info = CheckInfo {
        name: "check".into(),
        probe: "probe".into(),
        description: String::new(),
        critical: false,
        group: None,
        labels: Default::default(),
        policy: Arc::clone(&policy),
        timeout: interval,
        limits: None,
        grants: vec![],
        generation,
        digest: None,
    };
    Assignment { info: Arc::new(info), policy, examine, afresh, target: 0 }
}

impl Office {
    fn open(first: Assignment, room: usize) -> Office {
        let clock = Clock::new();
        let shared = Arc::new(Shared {
            board: Arc::new(Board::new("node".into(), clock)),
            events: Arc::new(Events::new(clock.now().wall, 100)),
            inboxes: Inboxes::default(),
            clock,
            room: Arc::new(Semaphore::new(room)),
            record: None,
        });
        let machine = Machine::new(Arc::clone(&first.policy), clock.now(), 0.0);
        let state = CheckState { info: Arc::clone(&first.info), snapshot: machine.snapshot() };
        let (slot, inbox) = (Arc::new(Slot::new(state)), Arc::new(Inbox::default()));
        let life = life(&shared, &first, 0.0);
        let worker = tokio::spawn(work(Arc::clone(&shared), Arc::clone(&slot), Arc::clone(&inbox), first, life));
        Office { shared, slot, inbox, worker }
    }

    fn message(&self) -> Option<String> {
        self.slot.state().snapshot.last.as_ref().map(|run| run.outcome.message().to_string())
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_check_runs_on_its_schedule_and_its_state_is_handed_on() {
    let script = script([]);
    let office = Office::open(assignment(Arc::clone(&script), SECOND, 1, true), 1);
    tokio::time::sleep(SECOND * 10).await;
    let runs = script.attempts.load(Ordering::Relaxed);
    assert!((9..=12).contains(&runs), "{runs}");
    assert_eq!(office.slot.state().snapshot.health, Health::Healthy);
    assert_eq!(office.slot.history().results().count() as u64, runs);
    assert_eq!(script.states.lock().unwrap()[..3], [vec![], vec![1], vec![2]]);
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_replaced_assignment_is_never_published() {
    let slow = script([(SECOND * 5, Status::Unhealthy)]);
    let office = Office::open(assignment(slow, SECOND, 1, true), 1);
    tokio::time::sleep(SECOND).await;
    office.inbox.assign(assignment(script([]), SECOND * 60, 2, false));
    assert_eq!(office.message(), None);
    let version = office.shared.board.version();
    tokio::time::sleep(SECOND * 5).await;
    assert!(office.shared.board.version() > version);
    let state = office.slot.state();
    assert_eq!((state.info.generation, state.snapshot.health), (2, Health::Healthy));
    assert_eq!((state.snapshot.stats.runs(), state.snapshot.stats.unhealthy), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_new_is_seen_at_once_and_what_is_another_target_starts_afresh() {
    let office = Office::open(assignment(script([]), SECOND * 3600, 1, true), 1);
    tokio::time::sleep(SECOND).await;
    office.inbox.assign(assignment(script([]), SECOND * 3600, 2, false));
    tokio::time::sleep(SECOND).await;
    assert_eq!(office.slot.state().snapshot.stats.runs(), 2);
    let other = script([]);
    office.inbox.assign(assignment(Arc::clone(&other), SECOND * 3600, 3, true));
    tokio::time::sleep(SECOND).await;
    assert_eq!(office.slot.state().snapshot.stats.runs(), 1);
    assert_eq!(other.states.lock().unwrap()[0], Vec::<u8>::new(), "what the old target left is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_when_a_run_that_started_after_it_is_published() {
    let office = Office::open(assignment(script([(SECOND * 5, Status::Healthy)]), SECOND * 3600, 1, true), 1);
    tokio::time::sleep(SECOND).await;
    let asked = office.inbox.ask(Ask::Run);
    asked.await.unwrap();
    assert_eq!(office.message().as_deref(), Some("attempt 2"));
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_for_room_and_the_wait_is_lag() {
    let office = Office::open(assignment(script([]), SECOND * 3600, 1, true), 1);
    let taken = Arc::clone(&office.shared.room).acquire_owned().await.unwrap();
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(office.slot.state().snapshot.health, Health::Pending);
    drop(taken);
    tokio::time::sleep(SECOND).await;
    assert_eq!(office.slot.state().snapshot.health, Health::Healthy);
    let (_, sum) = office.shared.board.lag.read();
    assert!(sum >= 2.9, "{sum}");
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_the_run_under_way() {
    let mut office = Office::open(assignment(script([(SECOND * 5, Status::Healthy)]), SECOND * 3600, 1, true), 1);
    tokio::time::sleep(SECOND).await;
    let asked = office.inbox.ask(Ask::Run);
    office.inbox.stop(Stop::Drained);
    (&mut office.worker).await.unwrap();
    assert_eq!(office.message().as_deref(), Some("attempt 1"));
    assert!(asked.await.is_err(), "who asked for another run is told that there is none");
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_a_removed_check_is_of_no_interest() {
    let mut office = Office::open(assignment(script([(SECOND * 5, Status::Healthy)]), SECOND * 3600, 1, true), 1);
    tokio::time::sleep(SECOND).await;
    office.inbox.stop(Stop::Removed);
    (&mut office.worker).await.unwrap();
    assert_eq!(office.message(), None);
}

fn state(office: &Office) -> State {
    office.slot.state().snapshot.connection.state()
}

async fn told(office: &Office) -> Vec<&'static str> {
    let mut follower = office.shared.events.follow(0);
    let mut kinds = vec![];
    while let Some(crate::events::Followed::Event(record)) = futures_util::FutureExt::now_or_never(follower.next()) {
        kinds.push(record.fact.kind());
    }
    kinds
}

#[tokio::test(start_paused = true)]
async fn disconnecting_ends_the_attempt_under_way_and_takes_leave() {
    let script = script([(SECOND * 100, Status::Healthy)]);
    let office = Office::open(assignment(Arc::clone(&script), SECOND, 1, true), 1);
    tokio::time::sleep(SECOND).await;
    assert_eq!((state(&office), office.shared.board.in_flight()), (State::Connecting, 1));
    assert_eq!(office.inbox.ask(Ask::Command(Command::Disconnect)).await, Ok(Answer::Done));
    assert_eq!(state(&office), State::Disconnected);
    tokio::time::sleep(SECOND).await;
    assert_eq!((office.shared.board.in_flight(), script.closed.load(Ordering::Relaxed)), (0, 1));
    tokio::time::sleep(SECOND * 1000).await;
    assert_eq!(script.attempts.load(Ordering::Relaxed), 1, "nobody watches it any more");
    assert_eq!(told(&office).await, ["state-change", "state-change", "disconnected"]);

    assert_eq!(office.inbox.ask(Ask::Command(Command::Connect)).await, Ok(Answer::Done));
    assert_eq!(state(&office), State::Connected, "whoever connects is answered when the target has been examined");
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_the_connection_waits_for_the_outcome() {
    let office = Office::open(assignment(script([(SECOND * 5, Status::Healthy)]), SECOND * 3600, 1, true), 1);
    tokio::time::sleep(SECOND).await;
    let (first, second) = (office.inbox.ask(Ask::Acquire), office.inbox.ask(Ask::Acquire));
    let ready = Ok(Answer::Acquired(Acquired::Ready { generation: 1 }));
    assert_eq!((first.await, second.await), (ready.clone(), ready.clone()));
    assert_eq!(office.slot.state().snapshot.stats.runs(), 1, "all of them are served by one run");
    let before = tokio::time::Instant::now();
    assert_eq!(office.inbox.ask(Ask::Acquire).await, ready);
    assert!(before.elapsed() < SECOND / 10);

    office.inbox.ask(Ask::Command(Command::Circuit(circuit::Command::ForceOpen))).await.unwrap();
    let refused = office.inbox.ask(Ask::Acquire).await;
    assert!(matches!(refused, Ok(Answer::Acquired(Acquired::Refused { .. }))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_when_somebody_disconnects_is_told() {
    let office = Office::open(assignment(script([(SECOND * 50, Status::Healthy)]), SECOND * 3600, 1, true), 1);
    tokio::time::sleep(SECOND).await;
    let waiting = office.inbox.ask(Ask::Acquire);
    tokio::time::sleep(SECOND).await;
    office.inbox.ask(Ask::Command(Command::Disconnect)).await.unwrap();
    assert!(matches!(waiting.await, Ok(Answer::Acquired(Acquired::Refused { .. }))));
}

#[tokio::test(start_paused = true)]
async fn reports_are_taken_in_while_a_run_is_under_way() {
    let steps = [(Duration::ZERO, Status::Healthy), (SECOND * 500, Status::Healthy)];
    let office = Office::open(assignment(script(steps), SECOND * 30, 1, true), 1);
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!(office.shared.board.in_flight(), 1);
    for _ in 0..3 {
        let run = Run {
            started: office.shared.clock.now().wall,
            took: SECOND,
            outcome: Outcome::Verdict(Verdict {
                status: Status::Unhealthy,
                message: "reset by peer".into(),
                details: vec![],
                measurements: vec![],
                latency: None,
                permanent: false,
            }),
            usage: Usage::default(),
        };
        office.inbox.ask(Ask::Report { run: Arc::new(run), generation: None }).await.unwrap();
    }
    assert_eq!(state(&office), State::Reconnecting);
    assert_eq!(office.message().as_deref(), Some("reset by peer"));
    assert_eq!(office.slot.history().failures().count(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_others_told_outlives_an_assignment_and_no_reset() {
    let office = Office::open(assignment(script([]), SECOND * 30, 1, true), 1);
    let now = office.shared.clock.now();
    office.slot.listen(now);
    assert!(office.shared.board.report(&office.slot, report::Report::new(report::Kind::Fail, now)));
    let kept = || office.slot.reports().map(|reports| reports.latest().count());
    office.inbox.assign(assignment(script([]), SECOND * 30, 2, true));
    tokio::time::sleep(SECOND).await;
    assert_eq!(kept(), Some(1), "it may be judged by other settings now");
    office.inbox.ask(Ask::Command(Command::Reset)).await.unwrap();
    assert_eq!(kept(), Some(0));

    office.slot.listen_no_more();
    assert!(!office.shared.board.report(&office.slot, report::Report::new(report::Kind::Fail, now)));
    office.inbox.ask(Ask::Command(Command::Reset)).await.unwrap();
    assert_eq!(kept(), None);
}

#[tokio::test(start_paused = true)]
async fn a_touch_keeps_a_connection_and_its_want_lets_it_go() {
    let mut assigned = assignment(script([]), SECOND * 10, 1, true);
    let activity = activity::Policy { idle_timeout: Some(SECOND * 60), cleanup_interval: SECOND };
    assigned.policy = Arc::new(Policy { activity, ..Policy::clone(&assigned.policy) });
    let office = Office::open(assigned, 1);
    for _ in 0..10 {
        tokio::time::sleep(SECOND * 30).await;
        office.slot.touch(office.shared.clock.now().elapsed);
    }
    assert_eq!(state(&office), State::Connected);
    tokio::time::sleep(SECOND * 62).await;
    assert_eq!(state(&office), State::Disconnected);
    let runs = office.slot.state().snapshot.stats.runs();
    tokio::time::sleep(SECOND * 1000).await;
    assert_eq!(office.slot.state().snapshot.stats.runs(), runs, "what is idle is left alone");
    assert!(matches!(office.inbox.ask(Ask::Acquire).await, Ok(Answer::Acquired(Acquired::Ready { .. }))));
    assert_eq!(state(&office), State::Connected, "and made again when it is needed");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stopped_answers_nobody_and_lets_nobody_wait() {
    let script = script([]);
    let mut office = Office::open(assignment(Arc::clone(&script), SECOND, 1, true), 1);
    tokio::time::sleep(SECOND).await;
    office.inbox.stop(Stop::Drained);
    assert!(office.inbox.ask(Ask::Run).await.is_err());
    (&mut office.worker).await.unwrap();
    assert_eq!(script.closed.load(Ordering::Relaxed), 1, "leave was taken");
    assert!(office.inbox.ask(Ask::Acquire).await.is_err());
}
