use std::{
    num::NonZeroU32,
    sync::{
        Mutex,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use futures_util::{StreamExt, stream::BoxStream};
use probity_core::{
    health::Health,
    outcome::{FaultKind, Status},
};

use super::*;
use crate::events::{Fact, Record};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

const UP: u8 = 0;
const DOWN: u8 = 1;
const SILENT: u8 = 2;
const PANICS: u8 = 3;

/// A target that is as a test says.
#[derive(Clone, Default)]
struct Target {
    how: Arc<AtomicU8>,
    asked: Arc<AtomicU64>,
}

impl Target {
    fn is(&self, how: u8) {
        self.how.store(how, Ordering::Relaxed);
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    async fn ask(self) -> Result<(), String> {
        /// Panics when it is dropped before its time.
        struct Unfinished;
        impl Drop for Unfinished {
            fn drop(&mut self) {
                assert!(std::thread::panicking(), "left in the middle");
            }
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(SECOND / 10).await;
        match self.how.load(Ordering::Relaxed) {
            UP => Ok(()),
            DOWN => Err("connection refused".to_owned()),
            SILENT => {
                let _unfinished = Unfinished;
                std::future::pending().await
            }
            _ => panic!("boom"),
        }
    }

    fn builder(&self, name: &str) -> Builder {
        let target = self.clone();
        ConnectionManager::builder(name, move || target.clone().ask()).jitter(0.0)
    }

    fn manager(&self) -> ConnectionManager {
        self.builder("target").build().unwrap()
    }
}

/// The words of an event: its kind, or both states of a change.
fn words(record: &Record) -> String {
    match &record.fact {
        Fact::Check { event: probity_core::event::Event::StateChange(change), .. } => {
            format!("{} -> {}", change.from.as_str(), change.to.as_str())
        }
        fact => fact.kind().to_owned(),
    }
}

/// Everything that a listener hears.
fn heard_by(manager: &ConnectionManager) -> Arc<Mutex<Vec<String>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    manager.on_any(move |record| hears.lock().unwrap().push(words(record)));
    heard
}

async fn rest(events: BoxStream<'static, Arc<Record>>) -> Vec<String> {
    events.map(|record| words(&record)).collect().await
}

fn is_shut_down<T: fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::ShutDown { .. })), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_is_asked_twice_is_done_once() {
    let target = Target::default();
    let manager = target.manager();
    let events = manager.events();
    tokio::time::sleep(MINUTE).await;
    assert_eq!((manager.state(), target.asked()), (State::Disconnected, 0), "nobody asked");

    let (one, other) = tokio::join!(manager.connect(), manager.connect());
    assert_eq!((one, other, target.asked()), (Ok(()), Ok(()), 1));
    manager.connect().await.unwrap();
    assert_eq!((manager.state(), manager.is_healthy(), target.asked()), (State::Connected, true, 1));
    assert_eq!(manager.stats().totals.total_connections, 1);

    manager.disconnect().await.unwrap();
    manager.disconnect().await.unwrap();
    assert_eq!((manager.state(), manager.is_healthy()), (State::Disconnected, false));
    assert_eq!(manager.stats().totals.total_connections, 1);
    manager.reset().await.unwrap();
    manager.reset().await.unwrap();
    assert_eq!(manager.stats().totals, Default::default());
    tokio::time::sleep(MINUTE).await;
    assert_eq!(target.asked(), 1, "nobody watches it any more");

    manager.shutdown().await;
    manager.shutdown().await;
    let expected = [
        "DISCONNECTED -> CONNECTING",
        "CONNECTING -> CONNECTED",
        "connected",
        "health-change",
        "CONNECTED -> DISCONNECTED",
        "disconnected",
        "health-change",
    ];
    assert_eq!(rest(events).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_target_is_lost_and_regained_and_all_of_it_is_counted_and_told() {
    let target = Target::default();
    let manager = target.builder("target").interval(10 * SECOND).fast_interval(SECOND).build().unwrap();
    let heard = heard_by(&manager);
    manager.connect().await.unwrap();
    target.is(DOWN);
    let mut lost = manager.events().filter(|record| std::future::ready(record.fact.kind() == "reconnecting"));
    lost.next().await.unwrap();
    assert_eq!((manager.state(), manager.is_healthy()), (State::Reconnecting, false));
    target.is(UP);
    let mut found = manager.events().filter(|record| std::future::ready(record.fact.kind() == "connected"));
    found.next().await.unwrap();
    manager.shutdown().await;
    let expected = [
        "DISCONNECTED -> CONNECTING",
        "CONNECTING -> CONNECTED",
        "connected",
        "health-change",
        "error",
        "CONNECTED -> RECONNECTING",
        "unhealthy",
        "reconnecting",
        "RECONNECTING -> CONNECTED",
        "connected",
        "health-change",
        "CONNECTED -> DISCONNECTED",
        "disconnected",
        "health-change",
    ];
    assert_eq!(*heard.lock().unwrap(), expected);

    let stats = manager.stats();
    let totals = stats.totals;
    assert_eq!((totals.total_connections, totals.total_reconnections, totals.total_failures), (2, 1, 1));
    let good = totals.successful_health_checks;
    assert_eq!((totals.failed_health_checks, totals.total_health_checks), (3, good + 3));
    assert!(totals.uptime >= 5000, "{totals:?}");
    let json = serde_json::to_value(stats).unwrap();
    assert_eq!(json["healthCheckSuccessRate"], format!("{:.2}%", 100.0 * good as f64 / (good + 3) as f64));
    assert_eq!(json["currentState"], "DISCONNECTED");
    for name in [
        "totalConnections",
        "totalReconnections",
        "totalFailures",
        "totalHealthChecks",
        "successfulHealthChecks",
        "failedHealthChecks",
        "uptime",
    ] {
        assert!(json[name].is_u64(), "{name} in {json}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_harms_nobody_and_can_be_removed() {
    let target = Target::default();
    let manager = target.manager();
    let called = Arc::new(AtomicU64::new(0));
    let calls = Arc::clone(&called);
    let panics = manager
        .on("state-change", move |_| {
            calls.fetch_add(1, Ordering::Relaxed);
            panic!("I always do");
        })
        .unwrap();
    let heard = heard_by(&manager);
    manager.connect().await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(called.load(Ordering::Relaxed), 2, "it is called again");
    assert_eq!(heard.lock().unwrap().len(), 4);
    panics.remove();
    manager.disconnect().await.unwrap();
    assert_eq!(manager.state(), State::Disconnected);
    manager.shutdown().await;
    assert_eq!(called.load(Ordering::Relaxed), 2, "it is removed");
    assert_eq!(heard.lock().unwrap().len(), 7);
    let unknown = manager.on("conected", |_| {}).unwrap_err().to_string();
    assert!(unknown.starts_with("there are no events `conected`; there are state-change, connected,"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_health_check_that_panics_says_nothing_of_the_target() {
    let target = Target::default();
    let manager = target.manager();
    target.is(PANICS);
    let Outcome::Fault(fault) = manager.perform_health_check().await.unwrap() else {
        panic!("a fault");
    };
    assert_eq!(fault.kind, FaultKind::Trap);
    assert_eq!(&*fault.message, "the health check panicked (boom); have it return an error instead");
    let error = manager.connect().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { why: Unavailable::Unknown, .. }), "{error:?}");
    assert_eq!((manager.snapshot().health, manager.stats().totals.total_failures), (Health::Unknown, 0));
    target.is(UP);
    let _lease = manager.acquire().await.unwrap();
    assert_eq!(manager.stats().totals.unknown_health_checks, 2);
}

#[tokio::test(start_paused = true)]
async fn no_answer_in_time_is_down_however_the_check_takes_it() {
    let target = Target::default();
    let manager = target.manager();
    target.is(SILENT);
    let error = manager.connect().await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("the target of `target` is down (last: no answer within 5s); ask again in "), "{text}");
    assert_eq!((manager.state(), manager.stats().totals.failed_health_checks), (State::Failed, 1));
    // What is given up panics when it is dropped, and so it does in the middle.
    let given_up = async {
        tokio::time::sleep(SECOND).await;
        manager.disconnect().await
    };
    let (outcome, given_up) = tokio::join!(manager.perform_health_check(), given_up);
    assert_eq!((outcome, given_up), (Err(Error::Disconnected { name: "target".into() }), Ok(())));
    target.is(UP);
    manager.connect().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_check_says_is_what_counts() {
    let said = Arc::new(Mutex::new(Status::Degraded));
    let say = Arc::clone(&said);
    let manager = ConnectionManager::builder("said", move || {
        let status = *say.lock().unwrap();
        async move { Ok::<_, std::io::Error>(status) }
    });
    let manager = manager.autoconnect(true).build().unwrap();
    manager.connect().await.unwrap();
    assert_eq!((manager.snapshot().health, manager.is_healthy()), (Health::Degraded, true));
    *said.lock().unwrap() = Status::Unhealthy;
    manager.reset().await.unwrap();
    let error = manager.connect().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { why: Unavailable::Down, retry_after: Some(_), .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_idle_is_closed_and_made_again_when_somebody_asks() {
    let target = Target::default();
    let manager = target.builder("target").idle_timeout(10 * MINUTE).cleanup_interval(MINUTE).build().unwrap();
    manager.connect().await.unwrap();
    tokio::time::sleep(9 * MINUTE).await;
    manager.touch();
    tokio::time::sleep(9 * MINUTE).await;
    assert_eq!(manager.state(), State::Connected);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(manager.state(), State::Disconnected);

    let lease = manager.acquire().await.unwrap();
    assert_eq!((manager.state(), lease.generation()), (State::Connected, 1));
    manager.disconnect().await.unwrap();
    target.is(DOWN);
    let error = manager.acquire().await.unwrap_err();
    let Error::Unavailable { why: Unavailable::Down, retry_after: Some(after), last: Some(last), .. } = error else {
        panic!("{error:?}");
    };
    assert!((SECOND / 2..2 * SECOND).contains(&after), "{after:?}");
    assert_eq!(&*last, "connection refused");
}

#[tokio::test(start_paused = true)]
async fn reports_open_the_circuit_and_dated_ones_do_not_count() {
    let target = Target::default();
    let trip = circuit::Trip { failures: NonZeroU32::new(2), ..Default::default() };
    let builder = target.builder("target").circuit(circuit::Policy { trip, ..Default::default() });
    let manager = builder.build().unwrap();
    let mut leases = Vec::new();
    for _ in 0..3 {
        leases.push(manager.acquire().await.unwrap());
    }
    let late = leases.pop().unwrap();
    tokio::time::sleep(SECOND).await;
    for lease in leases {
        manager.report(lease, &Err::<(), _>("broken pipe")).await.unwrap();
    }
    let last = manager.snapshot().last.unwrap();
    assert_eq!((&**last.outcome.message(), last.took), ("reported: broken pipe", SECOND));
    assert_eq!(manager.snapshot().circuit.state(), circuit::State::Open);
    let error = manager.acquire().await.unwrap_err();
    let Error::Unavailable { why: Unavailable::CircuitOpen, retry_after: Some(after), .. } = error else {
        panic!("{error:?}");
    };
    assert!((MINUTE - SECOND..=MINUTE).contains(&after), "{after:?}");

    let before = manager.snapshot().circuit.generation();
    manager.report(late, &Ok::<_, Error>(())).await.unwrap();
    assert_eq!(manager.snapshot().circuit.generation(), before, "it was let through before");
    manager.control_circuit(circuit::Command::ForceClosed).await.unwrap();
    let lease = manager.acquire().await.unwrap();
    assert_eq!(lease.generation(), before + 1);

    let other = target.manager();
    let stats = other.stats();
    other.report(lease, &Err::<(), _>("somebody else's")).await.unwrap();
    assert_eq!(other.stats(), stats, "it is of another connection");
}

#[tokio::test(start_paused = true)]
async fn what_is_decreed_counts() {
    let target = Target::default();
    let manager = target.manager();
    manager.connect().await.unwrap();
    for (mode, expected) in [(Mode::ForcedDown, Unavailable::ForcedDown), (Mode::Disabled, Unavailable::Disabled)] {
        manager.set_mode(mode).await.unwrap();
        assert!(!manager.is_healthy());
        let error = manager.acquire().await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { why, .. } if why == expected), "{error:?}");
    }
    let error = manager.connect().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { why: Unavailable::Disabled, .. }), "{error:?}");
    manager.set_mode(Mode::Auto).await.unwrap();
    manager.acquire().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_takes_the_connection_with_it() {
    let target = Target::default();
    let manager = target.manager();
    let other = manager.clone();
    let heard = heard_by(&manager);
    let events = manager.events();
    manager.connect().await.unwrap();
    drop(manager);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(other.state(), State::Connected);
    drop(other);
    let told = rest(events).await;
    assert_eq!(told[4..], ["CONNECTED -> DISCONNECTED", "disconnected", "health-change"]);
    let asked = target.asked();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(target.asked(), asked);
    assert_eq!(*heard.lock().unwrap(), told);
}

#[tokio::test(start_paused = true)]
async fn what_is_shut_down_says_so() {
    let manager = Target::default().manager();
    let events = manager.events();
    let (asked, ()) = tokio::join!(manager.connect(), manager.shutdown());
    assert!(asked.is_err(), "{asked:?}");
    is_shut_down(manager.connect().await);
    is_shut_down(manager.disconnect().await);
    is_shut_down(manager.perform_health_check().await);
    is_shut_down(manager.acquire().await);
    assert_eq!(manager.state(), State::Disconnected);
    rest(events).await;
}

#[test]
fn a_connection_ends_with_its_runtime() {
    let target = Target::default();
    let outside = target.builder("target").build().unwrap_err();
    assert_eq!(outside, BuildError::Runtime);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let first = runtime();
    let manager = first.block_on(async { target.manager() });
    let shared = first.block_on(async { ConnectionManager::shared("runtime", || target.builder("shared")) }).unwrap();
    drop(first);
    runtime().block_on(async {
        is_shut_down(manager.connect().await);
        manager.shutdown().await;
        is_shut_down(shared.connect().await);
        let shared = ConnectionManager::shared("runtime", || unreachable!("it is known")).unwrap();
        shared.connect().await.unwrap();
        assert!(ConnectionManager::forget("runtime").await);
    });
}

#[tokio::test(start_paused = true)]
async fn all_users_of_a_key_share_one_connection() {
    let target = Target::default();
    let made = AtomicU64::new(0);
    let get = || {
        let make = || {
            made.fetch_add(1, Ordering::Relaxed);
            target.builder("orders")
        };
        ConnectionManager::shared("orders", make).unwrap()
    };
    let (one, other) = (get(), get());
    one.connect().await.unwrap();
    assert!(other.is_healthy());
    assert_eq!((target.asked(), made.load(Ordering::Relaxed)), (1, 1));

    assert!(ConnectionManager::forget("orders").await);
    assert!(!ConnectionManager::forget("orders").await);
    is_shut_down(other.connect().await);
    let next = get();
    assert_eq!((next.state(), made.load(Ordering::Relaxed)), (State::Disconnected, 2));
    next.shutdown().await;
    get().connect().await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 2, "shut down is not forgotten");
    assert!(ConnectionManager::forget("orders").await);

    let wrong = ConnectionManager::shared("orders", || target.builder("orders").timeout(Duration::ZERO)).unwrap_err();
    assert_eq!(wrong.to_string(), "the timeout must be from 1ms to 1h, not 0ns; for example 5s");
    get();
    assert_eq!(made.load(Ordering::Relaxed), 3, "and what can't be made is not remembered");
    ConnectionManager::forget("orders").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn whoever_comes_at_the_same_time_gets_the_same_one() {
    let target = Target::default();
    for round in 0..50 {
        let key = format!("rush-{round}");
        let get = || {
            let (key, target) = (key.clone(), target.clone());
            tokio::spawn(async move { ConnectionManager::shared(&key, || target.builder("rush")).unwrap() })
        };
        let rush: Vec<_> = std::iter::repeat_with(get).take(8).collect();
        let first = ConnectionManager::shared(&key, || target.builder("rush")).unwrap();
        for other in rush {
            assert!(Arc::ptr_eq(&first.life, &other.await.unwrap().life));
        }
        assert!(ConnectionManager::forget(&key).await);
    }
}

#[tokio::test(start_paused = true)]
async fn shared_ones_that_nobody_needs_are_dropped_and_made_again() {
    let target = Target::default();
    let get = || ConnectionManager::shared("sessions", || target.builder("sessions"));
    let events = {
        let manager = get().unwrap();
        manager.connect().await.unwrap();
        manager.events()
    };
    tokio::time::sleep(DAY - MINUTE).await;
    drop(get().unwrap());
    tokio::time::sleep(DAY - MINUTE).await;
    let held = get().unwrap();
    assert_eq!(held.state(), State::Connected, "somebody asked for it meanwhile");
    tokio::time::sleep(2 * DAY).await;
    assert_eq!(held.state(), State::Connected, "somebody holds it");
    drop(held);
    let told = rest(events).await;
    assert_eq!(told[told.len() - 3..], ["CONNECTED -> DISCONNECTED", "disconnected", "health-change"]);

    let asked = target.asked();
    tokio::time::sleep(DAY).await;
    assert_eq!(target.asked(), asked, "nobody is asked any more");
    let again = ConnectionManager::shared("sessions", || unreachable!("the settings are kept")).unwrap();
    again.connect().await.unwrap();
    assert_eq!(again.stats().totals.total_connections, 1, "it is a new one");
    ConnectionManager::forget("sessions").await;
}

#[tokio::test]
async fn settings_out_of_their_range_are_refused() {
    let builder = || Target::default().builder("target");
    let table = [
        (builder().interval(Duration::ZERO), "the interval must be from 100ms to 366 days, not 0ns; for example 30s"),
        (builder().jitter(1.5), "the jitter must be from 0 to 1, a share of the interval, not 1.5; for example 0.1"),
        (builder().timeout(DAY), "the timeout must be from 1ms to 1h, not 86400s; for example 5s"),
        (builder().fast_interval(Duration::ZERO), "the fast_interval must be from 100ms to 366 days, not 0ns"),
        (builder().down_interval(Some(400 * DAY)), "the down_interval must be from 100ms to 366 days, not 34560000s"),
        (builder().idle_timeout(Duration::ZERO), "the idle_timeout must be from 100ms to 366 days, not 0ns"),
        (builder().inactive_after(Duration::ZERO), "the inactive_after must be from 100ms to 366 days, not 0ns"),
        (builder().cleanup_interval(Duration::ZERO), "the cleanup_interval must be from 100ms to 366 days, not 0ns"),
    ];
    for (builder, expected) in table {
        assert_eq!(builder.build().unwrap_err().to_string(), expected);
    }
}
