//! What outlives the runner: its history, and where its checks stood, though it is killed, restarted, or has no room to write.

use std::{fs, process::Command, thread, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    events::Stream,
    guest,
    network::{may_unshare, same},
    runner::{BRISK, Check, EAGER, Home, Runner},
    servers,
    target::Target,
};

/// A check of a port that is there or not, as a test wants it.
fn config(port: u16, more: &str) -> String {
    format!(
        "{BRISK}{EAGER}[http.auth]\nallow_anonymous_control = true\n{more}\n[[check]]\nname = \"port\"\nprobe = \"tcp\"\n\
         group = \"ports\"\nsettings = {{ host = \"127.0.0.1\", port = {port} }}\n"
    )
}

fn uptime(runner: &Runner) -> Value {
    runner.json("/health/checks/port/uptime?window=1h&days=2")
}

#[test]
fn a_runner_goes_on_where_the_one_before_it_was() {
    let target = Target::greeting("hello");
    let address = target.address;
    let runner = Home::new(&config(address.port(), "")).start();
    runner.wait_for_runs("port", 3);
    drop(target);
    runner.wait_for_check("port", "is down", |check| check.status() == "unhealthy");
    let target = Target::tcp_at(address, drop);
    runner.wait_for_check("port", "is up again", |check| check.status() == "healthy");
    runner.change("PUT", "/connections/port/mode", r#"{"mode": "forced-up"}"#);
    let events = runner.json("/connections/port")["state"].clone();
    assert_eq!(events, "CONNECTED");
    let before = runner.wait_for_runs("port", 2);
    let transitions = ["probity_check_transitions_total", "probity_connection_transitions_total"];
    let changes = |runner: &Runner| {
        let metrics = runner.get("/metrics").text();
        transitions.map(|name| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name}{{check=\"port\"}} ")));
            line.unwrap().parse::<u64>().unwrap()
        })
    };
    let counted = changes(&runner);
    let incidents = runner.wait_for_json("/health/checks/port/incidents", "an incident that is over", |it| {
        it["incidents"][0]["ended"].is_string()
    });
    let home = runner.stop();

    let runner = home.start();
    let first = runner.check("port").or_else(|| {
        runner.wait_for_checks(&["port"]);
        runner.check("port")
    });
    let first = first.unwrap();
    assert!(first.runs() >= before.runs(), "{} after {}", first.runs(), before.runs());
    assert_eq!(first.state(), "CONNECTED");
    assert_eq!(first.0["mode"], "forced-up", "what somebody decreed holds until somebody takes it back");
    assert!(first.count("unhealthy") >= 1);
    let counts = changes(&runner);
    assert!(counted[0] >= 3 && counts[0] >= counted[0] && counts[1] >= counted[1], "{counts:?} after {counted:?}");
    runner.wait_for_runs("port", 2);
    let stats = runner.json("/connections/port/stats");
    assert_eq!((&stats["totalConnections"], &stats["totalReconnections"]), (&json!(2), &json!(1)), "{stats}");
    assert_eq!(runner.json("/health/checks/port/incidents"), incidents);
    let told = uptime(&runner);
    let window = &told["windows"][0];
    let time = &window["time"];
    let nanos = |key: &str| time[key].as_u64().unwrap();
    assert!(nanos("up") > 0 && nanos("down") > 0 && nanos("unknown") > 0, "{told}");
    assert_eq!((&window["incidents"], &window["window"]), (&json!(1), &json!("1h")), "{told}");
    assert!(window["mttr"].as_u64().unwrap() > 0 && window["mtbf"].as_u64().unwrap() > 0, "{told}");
    let availability = window["availability"].as_f64().unwrap();
    assert!(availability > 0.0 && availability < 100.0, "{told}");
    assert!(window["latency"]["p50"].as_u64() <= window["latency"]["p99"].as_u64(), "{told}");
    assert_eq!(told["days"].as_array().unwrap().len(), 2);
    assert_eq!(told["days"][1]["status"], "unhealthy", "{told}");
    drop(target);
}

#[test]
fn a_probe_goes_on_with_what_it_had_left_to_itself() {
    // It counts in a byte.
    let config = format!("{}[history]\nflush_interval = \"0s\"\n", BRISK.replace("200ms", "1h"));
    let home = Home::new(&config);
    home.drop_in("counting", &guest::fixture("remembers"));
    let count = |runner: &Runner| {
        let results = runner.json("/health/checks/counting/history?limit=1")["results"].clone();
        let message = results[0]["message"].as_str().unwrap_or("run no 000").to_owned();
        message.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let mut runner = home.start();
    let mut last = 0;
    for round in 0..3 {
        runner.wait_for_message("counting", &format!("run no {:03}", last + 1));
        for _ in 0..3 {
            runner.run("counting");
        }
        last = runner.wait_for("the last run to be kept", || match count(&runner) {
            kept if kept == last + 4 => Ok(kept),
            kept => Err(kept),
        });
        runner = if round == 0 {
            runner.stop().start()
        } else {
            runner.signal(Signal::KILL);
            runner.wait_for_exit();
            runner.home.clone().start()
        };
    }
    // Without a history nothing is left to anybody.
    let home = runner.stop();
    let data_dir = home.path("state").display().to_string();
    let command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", &data_dir, "--ephemeral"]);
    let ephemeral = home.clone().start_by(command);
    ephemeral.wait_for_message("counting", "run no 001");
    ephemeral.stop();
}

/// The events after one, up to the news that this probe was taken into use: their ids and their types.
fn events_until(runner: &Runner, after: &str, probe: &str) -> Vec<(String, String)> {
    let mut events = Vec::new();
    for (id, event) in Stream::open(runner, &format!("/events?after={after}"), None) {
        let found = event["type"] == "probity.reload" && event["data"]["what"] == probe;
        events.push((id, event["type"].as_str().unwrap().to_owned()));
        if found {
            break;
        }
    }
    events
}

#[test]
fn events_go_on_and_whoever_was_cut_off_by_a_restart_misses_none() {
    let number = |id: &str| id.rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
    let drop_in = |runner: &Runner, probe: &str| {
        runner.home.drop_in(probe, &guest::saying("new"));
        runner.wait_for_message(probe, "new");
    };
    let runner = Home::new(BRISK).start();
    drop_in(&runner, "a");
    let before = events_until(&runner, "0", "a");
    let last = &before.last().unwrap().0;
    drop_in(&runner, "b");
    let missed = events_until(&runner, last, "b");
    let runner = runner.stop().start();
    drop_in(&runner, "c");
    let after = events_until(&runner, last, "c");
    assert_eq!(after[..missed.len()], missed[..], "what was told under the runner before can still be read");
    let numbers: Vec<u64> = after.iter().map(|(id, _)| number(id)).collect();
    let expected: Vec<u64> = (number(last) + 1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "and it goes on without a gap: {after:?}");

    // Killed, some numbers are left out, and that is told.
    let mut runner = runner;
    let last = after.last().unwrap().0.clone();
    runner.signal(Signal::KILL);
    runner.wait_for_exit();
    let runner = runner.home.clone().start();
    drop_in(&runner, "d");
    let after = events_until(&runner, &last, "d");
    let (_, gap) = Stream::open(&runner, &format!("/events?after={last}"), None)
        .find(|(_, event)| event["type"] == "probity.gap")
        .unwrap();
    assert_eq!(gap["data"]["reason"], "left-out", "nobody is told to have missed numbers that nobody had: {gap}");
    assert!(after.iter().any(|(_, kind)| kind == "probity.gap"), "{after:?}");
    let events = after.iter().filter(|(_, kind)| kind != "probity.gap");
    let numbers: Vec<u64> = events.map(|(id, _)| number(id)).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{after:?}");
    assert!(*numbers.last().unwrap() > number(&last) + 1000, "no number is given away twice: {after:?}");
}

#[test]
fn results_are_read_page_by_page_and_bad_questions_are_answered() {
    let home = Home::new(&format!("{BRISK}[history]\nflush_interval = \"0s\"\n"));
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("a", "hello");
    runner.wait_for_json("/health/checks/a/history", "five results", |it| it["results"].as_array().unwrap().len() >= 5);
    let first = runner.json("/health/checks/a/history?limit=2");
    let numbers = |page: &Value| -> Vec<u64> {
        page["results"].as_array().unwrap().iter().map(|it| it["number"].as_u64().unwrap()).collect()
    };
    let cursor = first["next"].as_str().unwrap();
    let second = runner.json(&format!("/health/checks/a/history?limit=2&cursor={cursor}"));
    assert_eq!(numbers(&second), [numbers(&first)[1] - 1, numbers(&first)[1] - 2]);
    let result = &first["results"][0];
    assert_eq!(
        (&result["status"], &result["health"], &result["message"]),
        (&json!("healthy"), &json!("healthy"), &json!("hello"))
    );
    assert_eq!(runner.json("/health/checks/a/history?status=unhealthy,unknown")["results"], json!([]));
    assert_eq!(runner.json("/health/checks/a/history?to=2000-01-01T00:00:00Z")["results"], json!([]));
    let points = runner.json("/health/checks/a/latency?window=1h");
    // A minute may have ended meanwhile.
    let counts = points["points"].as_array().unwrap().iter().map(|point| point["count"].as_u64().unwrap());
    assert!(counts.sum::<u64>() >= 5, "{points}");
    assert_eq!(runner.get("/uptime?group=none").status, 404);
    assert!(runner.json("/uptime?days=1")["checks"]["a"]["days"][0]["time"]["up"].as_u64().unwrap() > 0);
    for (path, field) in [
        ("/health/checks/a/history?from=yesterday", "from"),
        ("/health/checks/a/history?to=1", "to"),
        ("/health/checks/a/history?status=good", "status"),
        ("/health/checks/a/history?limit=0", "limit"),
        ("/health/checks/a/history?limit=1001", "limit"),
        ("/health/checks/a/history?cursor=x", "cursor"),
        ("/health/checks/a/uptime?window=1y", "window"),
        ("/health/checks/a/uptime?window=", "window"),
        ("/health/checks/a/uptime?days=733", "days"),
        ("/health/checks/a/latency?window=1h,24h", "window"),
        ("/health/checks/a/incidents?limit=-1", "limit"),
    ] {
        let answer = runner.get(path);
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{path}: {}", answer.text());
    }
    assert_eq!(runner.get("/health/checks/b/history").status, 404);
}

#[test]
fn two_runners_do_not_share_a_history_and_one_may_do_without() {
    let home = Home::new(BRISK);
    let runner = home.start();
    let refused = runner.home.refusal();
    let expected = format!("the runner with process id {} keeps its history in ", runner.id());
    assert!(refused.contains(&expected) && refused.contains("--ephemeral"), "{refused}");
    let other = Home::new(BRISK);
    other.drop_in("a", &guest::saying("hello"));
    let data_dir = runner.home.path("state").display().to_string();
    let command = other.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", &data_dir, "--ephemeral"]);
    let ephemeral = other.start_by(command);
    ephemeral.wait_for_message("a", "hello");
    let answer = ephemeral.get("/health/checks/a/history");
    assert_eq!((answer.status, &answer.json()["type"]), (503, &json!("urn:probity:error:no-history")));
    assert_eq!(ephemeral.json("/health")["components"], json!({}));
    assert_eq!(runner.json("/health")["components"]["store"]["status"], "healthy");
}

/// Mounts a small file system as the runner's state, and becomes what it is told to run.
const MOUNT: &str = "mount -t tmpfs -o size=\"$1\" small \"$0\"\nshift\nexec \"$@\"\n";

/// A figure of the store.
fn store_figure(runner: &Runner, name: &str) -> u64 {
    let metrics = runner.get("/metrics").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("probity_store_{name} ")));
    line.unwrap().parse().unwrap()
}

/// Mounts a small file system with a history that was set aside, and no room, and becomes what it is told to run.
const CROWDED: &str = "mount -t tmpfs -o size=1m small \"$0\"
    mkdir -p \"$0/history/damaged/keyspaces/1/tables\"
    echo wanted > \"$0/history/damaged/keyspaces/1/tables/7\"
    cat /dev/zero > \"$0/filler\" 2>/dev/null || true
    exec \"$@\"
";

#[test]
fn a_disk_that_is_full_from_the_start_costs_no_history_that_was_set_aside() {
    if servers::find("nsenter").and(servers::find("mount")).is_none() {
        return;
    }
    if !may_unshare("--mount").unwrap_or(false) {
        eprintln!("SKIPPED: this test needs mounts of its own");
        return;
    }
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello"));
    fs::create_dir(home.path("state")).unwrap();
    let run = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    let mut mount = Command::new("unshare");
    mount.args(["--mount", "--", "sh", "-e", "-c", CROWDED]).arg(home.path("state"));
    let runner = home.start_by(same(&run, mount));
    runner.wait_for("it to be tried again", || match store_figure(&runner, "errors_total") {
        3.. => Ok(()),
        count => Err(count),
    });
    let message = runner.json("/health")["components"]["store"]["message"].to_string();
    assert!(message.contains("No space left"), "{message}");
    let state = format!("/proc/{}/root{}", runner.id(), runner.home.path("state").display());
    fs::remove_file(format!("{state}/filler")).unwrap();
    runner.wait_for_status("healthy");
    let kept = fs::read_to_string(format!("{state}/history/damaged/keyspaces/1/tables/7")).unwrap();
    assert_eq!((kept.as_str(), store_figure(&runner, "damaged_total")), ("wanted\n", 0));
}

#[test]
fn a_full_disk_stops_no_check_and_history_goes_on_when_there_is_room_again() {
    if servers::find("nsenter").and(servers::find("mount")).is_none() {
        return;
    }
    if !may_unshare("--mount").unwrap_or(false) {
        eprintln!("SKIPPED: this test needs mounts of its own");
        return;
    }
    let home = Home::new(&format!("{BRISK}[history]\nflush_interval = \"0s\"\n"));
    home.drop_in("a", &guest::saying("hello"));
    fs::create_dir(home.path("state")).unwrap();
    let run = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    let mut mount = Command::new("unshare");
    mount.args(["--mount", "--", "sh", "-e", "-c", MOUNT]).arg(home.path("state")).arg("24m");
    let runner = home.start_by(same(&run, mount));
    let store = |status: &'static str| {
        let what = format!("the store to be {status}");
        runner.wait_for_json("/health", &what, move |it| it["components"]["store"]["status"] == status)
    };
    let newest = || runner.json("/health/checks/a/history?limit=1")["results"][0]["number"].as_u64().unwrap_or(0);
    let in_mount = |command: &[&str]| {
        let mut enter = Command::new("nsenter");
        enter.args(["--mount", "--target", &runner.id().to_string(), "--"]).args(command);
        let done = enter.current_dir("/").output().unwrap();
        assert!(done.status.success(), "{command:?}: {done:?}");
    };
    store("healthy");
    runner.wait_for_message("a", "hello");
    runner.wait_for("results to be kept", || if newest() >= 3 { Ok(()) } else { Err("none yet") });
    let state = runner.home.path("state").display().to_string();

    let filler = format!("{state}/filler");
    in_mount(&["sh", "-c", &format!("cat /dev/zero > {filler} 2>/dev/null || true")]);
    let health = store("degraded");
    assert_eq!(health["status"], "degraded", "{health}");
    let said = health["components"]["store"]["message"].as_str().unwrap();
    assert!(said.contains("nothing is kept for now") && said.contains("No space left"), "{said}");
    assert!(health["message"].as_str().unwrap().contains("store: "), "{health}");
    runner.wait_for_runs("a", 3);
    assert_eq!(runner.get("/health/checks/a/history").status, 503);
    runner.wait_for("it to be tried again", || match store_figure(&runner, "errors_total") {
        3.. => Ok(()),
        count => Err(count),
    });
    let log = runner.log();
    assert!(log.matches("nothing is kept for now").count() <= 2, "each trouble is told once: {log}");
    assert!(!log.contains("history is kept again"), "{log}");
    in_mount(&["rm", &filler]);
    let health = store("healthy");
    assert_eq!(health["status"], "healthy", "{health}");
    runner.wait_for_log("history is kept again");
    let before = newest();
    runner.wait_for("more results to be kept", || if newest() > before + 2 { Ok(()) } else { Err("none yet") });
}

#[test]
fn time_in_which_the_runner_was_stopped_is_unknown() {
    // Longer than a runner with much to do is late.
    const STOPPED: Duration = Duration::from_secs(7);
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_runs("a", 3);
    let unknown = || {
        let told = runner.json("/health/checks/a/uptime?window=1h");
        told["windows"][0]["time"]["unknown"].as_u64().ok_or(told)
    };
    assert_eq!(unknown(), Ok(0));
    runner.signal(Signal::STOP);
    thread::sleep(STOPPED);
    runner.signal(Signal::CONT);
    let unknown = runner.wait_for("the time to be told as unknown", || match unknown() {
        Ok(0) => Err("none is".to_owned()),
        other => other.map_err(|told| told.to_string()),
    });
    let unknown = Duration::from_nanos(unknown);
    assert!(unknown >= STOPPED && unknown < STOPPED + Duration::from_secs(3), "{unknown:?}");
    let check = runner.wait_for_runs("a", 1);
    assert_eq!(check.status(), "healthy");
    runner.wait_for_log("the runner stood still");
}

#[test]
fn a_place_that_may_not_be_written_at_the_start_is_told_of() {
    if !may_unshare("--mount").unwrap_or(false) || servers::find("mount").is_none() {
        eprintln!("SKIPPED: this test needs mounts of its own");
        return;
    }
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello"));
    fs::create_dir(home.path("state")).unwrap();
    let run = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    let mut mount = Command::new("unshare");
    mount.args(["--mount", "--", "sh", "-e", "-c", MOUNT]).arg(home.path("state")).arg("24m,ro");
    let runner = home.start_by(same(&run, mount));
    runner.wait_for_message("a", "hello");
    let health = runner.wait_for_status("degraded");
    let said = health["components"]["store"]["message"].as_str().unwrap();
    assert!(said.contains("Read-only file system"), "{said}");
    let state = runner.home.path("state").display().to_string();
    let mut enter = Command::new("nsenter");
    enter.args(["--mount", "--target", &runner.id().to_string(), "--", "mount", "-o", "remount,rw", &state]);
    assert!(enter.current_dir("/").status().unwrap().success());
    runner.wait_for_status("healthy");
    runner.wait_for("results to be kept", || {
        let history = runner.json("/health/checks/a/history");
        if history["results"].as_array().unwrap().is_empty() { Err(history) } else { Ok(()) }
    });
}

/// Makes the runner's state what it is, but not to be written, and becomes what it is told to run.
const SEAL: &str = "mount --bind \"$0\" \"$0\"\nmount -o remount,bind,ro \"$0\"\nexec \"$@\"\n";

#[test]
fn a_history_that_can_be_read_only_later_is_gone_on_with() {
    if servers::find("nsenter").and(servers::find("mount")).is_none() {
        return;
    }
    if !may_unshare("--mount").unwrap_or(false) {
        eprintln!("SKIPPED: this test needs mounts of its own");
        return;
    }
    let home = Home::new(&format!("{BRISK}[http.auth]\nallow_anonymous_control = true\n"));
    home.drop_in("counting", &guest::fixture("remembers"));
    let runner = home.start();
    let count = |check: &Check| check.message().rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    runner.wait_for_check("counting", "has run some times", |check| check.runs() >= 5);
    runner.change("PUT", "/connections/counting/mode", r#"{"mode": "forced-up"}"#);
    let home = runner.stop();

    let state = home.path("state").display().to_string();
    let run = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    let mut mount = Command::new("unshare");
    mount.args(["--mount", "--", "sh", "-e", "-c", SEAL, &state]);
    let runner = home.start_by(same(&run, mount));
    let lived = runner.wait_for_check("counting", "runs as if for the first time", |check| check.runs() >= 2);
    assert_eq!((lived.runs(), &lived.0["mode"]), (count(&lived), &json!("auto")), "{:#}", lived.0);
    let mut enter = Command::new("nsenter");
    enter.args(["--mount", "--target", &runner.id().to_string(), "--", "mount", "-o", "remount,bind,rw", &state]);
    assert!(enter.current_dir("/").status().unwrap().success());
    let check = runner.wait_for_check("counting", "knows of its earlier life", |check| check.0["mode"] == "forced-up");
    // Its runs are those of both lives; what its probe has left since is fresher.
    assert!(check.runs() >= count(&check) + 5, "{:#}", check.0);
    let again = runner.wait_for_runs("counting", 2);
    assert_eq!(again.runs() - count(&again), check.runs() - count(&check), "{:#}", again.0);
}

#[test]
fn a_damaged_history_is_set_aside() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_runs("a", 3);
    let home = runner.stop();
    let journal = fs::read_dir(home.path("state/history/db")).unwrap().map(|entry| entry.unwrap().path());
    let versions: Vec<_> = journal.filter(|path| path.is_file()).collect();
    for path in versions {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, bytes.iter().map(|byte| byte ^ 0x5a).collect::<Vec<u8>>()).unwrap();
    }
    let runner = home.start();
    runner.wait_for_message("a", "hello");
    let health = runner.wait_for_status("healthy");
    let said = health["components"]["store"]["message"].as_str().unwrap();
    assert!(said.contains("was damaged") && said.contains("state/history/damaged"), "{said}");
    assert!(runner.get("/metrics").text().contains("probity_store_damaged_total 1\n"));
}

/// How often it is killed.
const KILLS: usize = 100;

#[test]
fn killed_a_hundred_times_under_load_it_loses_nothing_that_was_shown_and_is_never_damaged() {
    let mut more = "[history]\nflush_interval = \"0s\"\nmax_history_entries = 100000\n".to_owned();
    for at in 0..20 {
        more += &format!("[[check]]\nname = \"load-{at}\"\nprobe = \"a\"\ninterval = \"100ms\"\n");
    }
    let mut home = Home::new(&format!("{BRISK}{more}"));
    home.drop_in("a", &guest::saying("hello"));
    let mut seen: Vec<(u64, String)> = Vec::new();
    for kill in 0..=KILLS {
        let mut runner = home.start();
        let newest = |runner: &Runner| -> Vec<(u64, String)> {
            let page = runner.wait_for("the check", || {
                let answer = runner.get("/health/checks/load-7/history?limit=1000");
                if answer.status == 200 { Ok(answer.json()) } else { Err(answer.text()) }
            });
            let results = page["results"].as_array().unwrap().iter();
            results.map(|it| (it["number"].as_u64().unwrap(), it["started"].as_str().unwrap().to_owned())).collect()
        };
        let found = newest(&runner);
        for result in &seen {
            assert!(found.contains(result), "kill {kill}: {result:?} was shown, and is gone; there are {found:?}");
        }
        let last = found.first().map_or(0, |(number, _)| *number);
        seen = runner.wait_for("more results", || {
            let results = newest(&runner);
            if results.first().is_some_and(|(number, _)| *number > last) { Ok(results) } else { Err(last) }
        });
        seen.truncate(500);
        if kill == KILLS {
            let numbers: Vec<u64> = seen.iter().rev().map(|(number, _)| *number).collect();
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "none is left out: {numbers:?}");
            assert!(!runner.home.path("state/history/damaged").exists());
            assert_eq!(runner.json("/health")["components"]["store"]["message"], "keeps what happens");
        }
        runner.signal(Signal::KILL);
        runner.wait_for_exit();
        home = runner.home.clone();
    }
}
