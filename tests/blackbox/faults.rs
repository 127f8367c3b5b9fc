//! A probe that goes wrong is a fault of its own check, and nobody else's.

use std::thread;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    guest,
    runner::{Deadline, Home},
    target::Target,
};

/// Checks of hostile guests beside a good one, which is to keep its pace.
const CONFIG: &str = r#"
[defaults]
interval = "1s"
jitter = 0.0
timeout = "5s"
limits.fuel = 50_000_000

[[check]]
name = "spins"
probe = "loops"
timeout = "300ms"
limits.fuel = 1_000_000_000_000

[[check]]
name = "sleeps"
timeout = "300ms"

# A call costs a unit of fuel, and far more time.
[[check]]
name = "calls-without-end"
limits.fuel = 100_000

[[check]]
name = "quits"
probe = "dials"
critical = true
"#;

const GUESTS: [&str; 9] =
    ["loops", "traps", "recurses", "eats-memory", "sleeps", "shouts", "shouts-too-loud", "dials", "calls-without-end"];

#[test]
fn each_fault_is_its_own_and_the_others_go_on() {
    let config = GUESTS.iter().filter(|name| !["loops", "sleeps", "calls-without-end", "dials"].contains(name));
    let config = config.fold(CONFIG.to_owned(), |config, name| config + &format!("[[check]]\nname = \"{name}\"\n"));
    let home = Home::new(&(config + "[[check]]\nname = \"loops\"\n"));
    for name in GUESTS {
        home.drop_in(name, &guest::fixture(name));
    }
    home.drop_in("good", &guest::saying("still here"));
    let runner = home.start();
    let table = [
        ("loops", "out-of-fuel", "used up its 50000000 units of fuel; if it needs more, raise `limits.fuel`"),
        ("calls-without-end", "out-of-fuel", "units of fuel"),
        ("spins", "timeout", "no verdict within 300ms: the probe was still computing"),
        ("sleeps", "timeout", "no verdict within 300ms: the probe was still waiting"),
        ("eats-memory", "out-of-memory", "may have 67108864; if it needs more, raise `limits.memory`"),
        ("shouts", "output-too-large", "more than 1048576 bytes"),
        ("shouts-too-loud", "trap", "out of bounds"),
        ("traps", "trap", "unreachable"),
        ("recurses", "out-of-stack", "stack"),
        ("quits", "denied", r#"add to the check: allow = ["tcp:127.0.0.1:1"]"#),
    ];
    for (name, fault, part) in table {
        let check = runner.wait_for_check(name, fault, |check| check.fault() == fault);
        assert!(check.message().contains(part), "{name}: {}", check.message());
        assert_eq!(check.status(), "unknown", "{name}");
        assert_ne!(check.state(), "FAILED", "{name}: nothing is known of its target");
    }
    // Each of them has failed again, and again, and the good one has not noticed.
    runner.wait_for_runs("good", 3);
    for (name, ..) in table {
        runner.run(name);
    }
    assert_eq!(runner.check("good").unwrap().message(), "still here");

    // A fault is not downtime, not even of a critical check.
    let health = runner.wait_for_status("degraded");
    assert_eq!(health["checks"]["good"]["healthy"], true, "{health}");
    assert_eq!(runner.get("/health/ready").status, 200);
    assert_eq!(runner.get("/health/live").status, 200);
    runner.stop();
}

#[test]
fn guests_that_spin_do_not_keep_others_from_their_pace() {
    // More than any machine for tests has cores, and each of them wants one for itself all the time.
    let spinners: Vec<String> = (0..32).map(|number| format!("spins-{number}")).collect();
    let mut config =
        "[defaults]\ninterval = \"1s\"\njitter = 0.0\ntimeout = \"1s\"\nlimits.fuel = 1_000_000_000_000\n".to_owned();
    for name in &spinners {
        config += &format!("[[check]]\nname = \"{name}\"\nprobe = \"loops\"\n");
    }
    let home = Home::new(&config);
    home.drop_in("loops", &guest::fixture("loops"));
    home.drop_in("good", &guest::saying("still here"));
    let runner = home.start();
    for name in &spinners {
        runner.wait_for_check(name, "runs out of time", |check| check.fault() == "timeout");
    }
    let spun = runner.check("spins-0").unwrap().runs();
    runner.wait_for_runs("good", 5);
    // Whoever asks whether the runner lives asks often, and gives it a second at the most (as Kubernetes does). A hundred of
    // them fit the patience of this test with a lot to spare, unless each waits for all the guests to have had their turn.
    let patient = Deadline::new();
    for asked in 0..100 {
        assert_eq!(runner.get("/health/live").status, 200);
        assert!(!patient.is_over(), "{asked} requests were all that was answered");
    }
    runner.wait_for_check("spins-0", "still spins", |check| check.runs() > spun && check.fault() == "timeout");
    assert_eq!(runner.check("good").unwrap().status(), "healthy");
    runner.stop();
}

#[test]
fn a_fault_says_nothing_of_a_target_that_was_up() {
    let home = Home::new("[defaults]\ninterval = \"200ms\"\njitter = 0.0\nconnection = { fall = 1 }\n");
    home.drop_in("a", &guest::saying("up"));
    let runner = home.start();
    runner.wait_for_check("a", "is connected", |check| check.state() == "CONNECTED");
    runner.home.drop_in("a", &guest::fixture("traps"));
    runner.wait_for_check("a", "crashes", |check| check.fault() == "trap");
    let after = runner.wait_for_runs("a", 3);
    assert_eq!((after.status(), after.state()), ("unknown", "CONNECTED"));

    runner.home.drop_in("a", &guest::verdict(2, "down"));
    let down = runner.wait_for_message("a", "down");
    assert_eq!((down.status(), down.fault()), ("unhealthy", ""));
    assert_ne!(down.state(), "CONNECTED");
    runner.stop();
}

#[test]
fn a_check_says_that_its_probe_rests() {
    let home = Home::new("[defaults]\ninterval = \"100ms\"\njitter = 0.0\n");
    home.drop_in("traps", &guest::fixture("traps"));
    let runner = home.start();
    let check = runner.wait_for_check("traps", "rests", |check| check.0["probe_circuit"]["state"] == "open");
    let at = |time: &Value| time.as_str().unwrap().parse::<Timestamp>().unwrap();
    let late = at(&check.0["next_run"]).duration_since(at(&check.0["probe_circuit"]["expires_at"]));
    assert!(late.as_millis().abs() <= 100, "the next run is when it has rested: {}", check.0);
    assert_eq!(check.0["circuit"]["state"], "closed", "its target has no part in it");
    runner.stop();
}

#[test]
fn a_flood_of_faults_does_not_wear_the_runner_out() {
    let home = Home::new("[defaults]\ninterval = \"100ms\"\njitter = 0.0\n");
    for name in ["traps", "recurses", "eats-memory", "shouts"] {
        home.drop_in(name, &guest::fixture(name));
    }
    home.drop_in("good", &guest::saying("still here"));
    let runner = home.start();
    thread::scope(|scope| {
        for name in ["traps", "recurses", "eats-memory", "shouts"] {
            let runner = &runner;
            // A probe that keeps failing is given a rest, so this takes somebody who asks for it.
            scope.spawn(move || {
                runner.wait_for_runs(name, 1);
                (0..20).for_each(|_| drop(runner.run(name)));
            });
        }
    });
    assert_eq!(runner.wait_for_runs("good", 1).message(), "still here");
    runner.stop();
}

#[test]
fn requests_are_on_the_same_budgets_as_sockets() {
    let page = Target::reciting("", &["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]);
    let table = [
        (
            "sockets = 0",
            "too-many-sockets",
            "wanted more than 0 sockets at once; if it needs more, raise `limits.sockets`",
        ),
        ("lookups = 0", "too-many-lookups", "looked more than 0 names up; if it needs more, raise `limits.lookups`"),
        ("bytes_sent = 10", "too-much-sent", "sent more than 10 bytes; if it needs more, raise `limits.bytes_sent`"),
        ("bytes_received = 10", "too-much-received", "received more than 10 bytes; if it needs more, raise"),
    ];
    let config = table.iter().fold("[limits.max]\nsockets = 1\n".to_owned(), |config, (limit, kind, _)| {
        let url = format!("http://localhost:{}/", page.port());
        config
            + &format!(
                "[[check]]\nname = \"{kind}\"\nprobe = \"http\"\nsettings = {{ url = \"{url}\" }}\nlimits.{limit}\n"
            )
    });
    let runner = Home::new(&config).start();
    for (_, kind, part) in table {
        let check = runner.wait_for_check(kind, "is too much", |check| check.fault() == kind);
        assert!(check.message().contains(part), "{kind}: {}", check.message());
        assert_eq!(check.status(), "unknown", "it says nothing of the target");
    }
    runner.stop();
}
