//! The probe `heartbeat`, told and not told.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    runner::{Answer, BRISK, Check, GUARDED, Home, Runner},
    target::Target,
};

/// A check of these settings, which looks at the clock five times a second.
fn beats(settings: &str) -> Home {
    Home::new(&config(settings))
}

fn config(settings: &str) -> String {
    format!("{GUARDED}{BRISK}[[check]]\nname = \"backup\"\nprobe = \"heartbeat\"\nsettings = {{ {settings} }}\n")
}

/// One that does not look by itself for an hour, after the first time.
fn sleepy(settings: &str) -> Runner {
    let runner = Home::new(&config(settings).replace("200ms", "1h")).start();
    waits(&runner);
    runner
}

/// Waits until the check is known to wait for its first report.
fn waits(runner: &Runner) -> Check {
    let check = runner.wait_for_check("backup", "waits", |check| check.fault() == "waiting");
    assert_eq!((check.status(), check.state()), ("pending", "CONNECTING"), "{:#}", check.0);
    assert!(check.message().starts_with("nobody has reported yet; a report is due at 20"), "{}", check.message());
    check
}

fn report(runner: &Runner, path: &str, body: &str) -> Answer {
    runner.change("POST", &format!("/health/checks/backup/report{path}"), body)
}

/// Reports what is taken; what the check came to by that.
#[track_caller]
fn told(runner: &Runner, path: &str, body: &str) -> Value {
    let answer = report(runner, path, body);
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
    let told = answer.json();
    let check = runner.check("backup").unwrap();
    assert_eq!(
        (check.status(), check.message()),
        (told["status"].as_str().unwrap(), told["message"].as_str().unwrap())
    );
    told
}

#[test]
fn it_is_new_then_healthy_then_late_then_overdue_and_healthy_again() {
    let runner = beats("every = \"1s\", grace = \"5s\"").start();
    // Nobody is to blame for what has not been reported yet.
    waits(&runner);
    runner.wait_for_status("healthy");
    let never = runner.wait_for_check("backup", "is given up", |check| check.status() == "unhealthy");
    assert!(never.message().starts_with("nobody has reported yet: a report was due at 20"), "{}", never.message());
    assert!(never.message().ends_with("or 5.0 s later at most"), "{}", never.message());

    for _ in 0..2 {
        let answer = told(&runner, "", "");
        assert_eq!(answer["status"], "healthy", "{answer}");
        assert!(answer["message"].as_str().unwrap().starts_with("a success was reported at 20"), "{answer}");
        assert_eq!(runner.check("backup").unwrap().state(), "CONNECTED");
        let late = runner.wait_for_check("backup", "is late", |check| check.status() == "degraded");
        assert!(late.message().ends_with("and may be 5.0 s late"), "{}", late.message());
        let overdue = runner.wait_for_check("backup", "is overdue", |check| check.status() == "unhealthy");
        assert!(overdue.message().starts_with("a report was due at 20"), "{}", overdue.message());
        assert_eq!(overdue.state(), "FAILED");
    }
    runner.stop();
}

#[test]
fn what_is_reported_counts_at_once() {
    let runner = sleepy("every = \"1h\"");
    for (path, body, status, message) in [
        ("", "", "healthy", "a success was reported at "),
        ("/fail", "copied\ndisk full\n", "unhealthy", ": disk full"),
        ("/start", "", "unhealthy", ": disk full"),
        ("/success", "", "healthy", "a success was reported at "),
        ("/1", "", "degraded", "exit code 1 was reported at "),
        ("/2", "", "unhealthy", "exit code 2 was reported at "),
        ("/3", "", "unknown", "the job does not know: exit code 3 was reported at "),
        ("/0", "", "healthy", "a success was reported at "),
        ("/137", "Killed", "unhealthy", ": Killed"),
        ("", "{\"exit_code\": 0, \"duration\": 1500000000}", "healthy", "a success was reported at "),
        ("", "{\"kind\": \"fail\", \"message\": \"no\"}", "unhealthy", ": no"),
        ("", "{\"kind\": \"success\"}", "healthy", "a success was reported at "),
    ] {
        let answer = told(&runner, path, body);
        assert_eq!(answer["status"], status, "{path} {body}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(message), "{path} {body}: {answer}");
    }
    let check = runner.check("backup").unwrap();
    assert_eq!(check.0["reports"], json!({ "start": 1, "success": 3, "fail": 2, "exit": 6, "log": 0 }));
    // Each change was told once, as any other.
    let transitions = ["health-change", "unhealthy"];
    let events = runner.log();
    assert!(transitions.iter().all(|kind| events.contains(&format!("check=\"backup\" kind=\"{kind}\""))), "{events}");
    assert!(runner.get("/metrics").text().contains("probity_check_reports_total{check=\"backup\",kind=\"exit\"} 6\n"));
    runner.stop();
}

#[test]
fn exit_codes_may_mean_what_a_shell_means() {
    let runner = sleepy("every = \"1h\", exit_codes = \"unix\"");
    for (code, status) in [(1, "unhealthy"), (0, "healthy"), (3, "unhealthy")] {
        assert_eq!(told(&runner, &format!("/{code}"), "")["status"], status, "{code}");
    }
    runner.stop();
}

#[test]
fn a_job_that_began_must_end() {
    let runner = beats("every = \"1h\", max_duration = \"1s\"").start();
    waits(&runner);
    assert_eq!(told(&runner, "", "")["status"], "healthy");
    let begun = told(&runner, "/start", "");
    assert_eq!(begun["status"], "healthy", "{begun}");
    assert!(runner.check("backup").unwrap().0["details"]["running-since"].is_string());
    let overrun = runner.wait_for_check("backup", "takes too long", |check| check.status() == "unhealthy");
    assert!(overrun.message().starts_with("the job has been running for 1."), "{}", overrun.message());
    assert_eq!(told(&runner, "/0", "")["status"], "healthy");
    let check = runner.check("backup").unwrap();
    let duration = check.0["measurements"].as_array().unwrap().iter().find(|figure| figure["name"] == "duration");
    assert!(duration.unwrap()["value"].as_f64().unwrap() > 1.0, "from its start to its end: {:#}", check.0);
    runner.stop();
}

#[test]
fn a_job_that_runs_is_not_late() {
    let runner = beats("every = \"1s\", grace = \"1s\", max_duration = \"20s\"").start();
    waits(&runner);
    told(&runner, "", "");
    assert_eq!(told(&runner, "/start", "")["status"], "healthy");
    // By now it would be overdue, had it not begun.
    let running = runner.wait_for_check("backup", "is past its time", |check| {
        let late = check.0["measurements"].as_array().unwrap().iter().find(|figure| figure["name"] == "late").cloned();
        late.is_some_and(|late| late["value"].as_f64() > Some(2.0))
    });
    assert_eq!(running.status(), "healthy", "{:#}", running.0);
    runner.stop();
}

#[test]
fn what_a_job_says_is_shown_and_kept() {
    let runner = sleepy("every = \"1h\"");
    told(&runner, "", "");
    let lines: String = (1..=2_000).map(|line| format!("copied file {line}\n")).collect();
    assert!(lines.len() > 20_000);
    told(&runner, "/log", &lines);
    let check = runner.check("backup").unwrap();
    assert_eq!(check.status(), "healthy", "a line is no verdict");
    // The first 10 KiB are kept, and the last lines of those are shown.
    let shown = check.0["details"]["log"].as_str().unwrap();
    assert!(shown.len() <= 1_000 && shown.lines().all(|line| line.starts_with("cop")), "{shown}");
    let page = runner.change("GET", "/health/checks/backup/reports", "").json();
    let log = &page["reports"][0];
    assert_eq!((&log["kind"], &log["length"]), (&json!("log"), &json!(lines.len())));
    let text = log["text"].as_str().unwrap();
    assert!((10_000..=10 * 1024).contains(&text.len()) && lines.starts_with(text), "{}", text.len());
    assert!(text.ends_with(shown), "{shown}");

    let failed = told(&runner, "/fail", "tried\nno \u{1b}[31mspace\n\n");
    assert!(failed["message"].as_str().unwrap().ends_with(": no  [31mspace"), "no colours: {failed}");

    // A job whose output is long has still run; whoever speaks JSON knows what he says.
    let large = "x".repeat(2 * 1024 * 1024);
    assert_eq!(told(&runner, "/success", &large)["status"], "healthy");
    let refused = report(&runner, "", &format!("{{\"kind\": \"fail\", \"message\": \"{large}\"}}"));
    assert_eq!((refused.status, &refused.json()["field"]), (413, &json!("body")), "{}", refused.text());
    assert_eq!(runner.check("backup").unwrap().0["reports"]["fail"], 1, "it was not taken");
    runner.stop();
}

#[test]
fn a_job_by_the_calendar_is_expected_by_the_calendar() {
    let runner = beats("cron = \"* * * * * *\", timezone = \"Asia/Kolkata\", grace = \"5s\"").start();
    waits(&runner);
    told(&runner, "", "");
    runner.wait_for_check("backup", "is late after the next tick", |check| check.status() == "degraded");
    runner.wait_for_check("backup", "is overdue", |check| check.status() == "unhealthy");
    assert_eq!(told(&runner, "", "")["message"].as_str().map(|message| message.starts_with("a success")), Some(true));

    runner.home.put("probity.toml", config("cron = \"0 0 1 1 *\", timezone = \"Europe/Stockholm\"").as_bytes());
    let yearly = runner.wait_for_check("backup", "is expected next year", |check| {
        check.status() == "healthy"
            && check.0["details"]["next-report"].as_str().is_some_and(|next| next.ends_with("-12-31T23:00:00Z"))
    });
    assert!(yearly.message().starts_with("a success was reported at "), "{}", yearly.message());
    runner.stop();
}

#[test]
fn what_can_not_be_expected_is_said_to_be_so() {
    for (settings, part) in [
        ("", "/every: missing; say how often reports are expected"),
        ("every = \"1h\", cron = \"@daily\"", "/cron: excludes `every`"),
        ("every = \"soon\"", "expected a span of time"),
        ("cron = \"0 3 * *\"", "/cron: `0 3 * *` has 4 fields"),
        ("cron = \"0 0 30 2 *\"", "/cron: `0 0 30 2 *` never occurs"),
        (
            "cron = \"@daily\", timezone = \"Europe/Stokholm\"",
            "/timezone: `Europe/Stokholm` is not an IANA time zone; did you mean",
        ),
        ("every = \"1h\", exit_codes = \"dos\"", "unknown variant `dos`"),
    ] {
        let home = beats(settings);
        let ended = home.run(&["validate"]);
        assert_eq!(ended.code, Some(1), "{settings}: {ended:?}");
        assert!(ended.stdout.contains(part), "{settings}: {}", ended.stdout);
        let runner = home.start();
        let check = runner.wait_for_check("backup", "is refused", |check| check.fault() == "invalid-settings");
        assert!(check.message().contains(part), "{settings}: {}", check.message());
        // It takes reports all the same: they are for when the settings are right.
        assert_eq!(told(&runner, "", "")["status"], "unknown");
        runner.stop();
    }
}

#[test]
fn nobody_reports_what_is_not_his_to_report() {
    let target = Target::greeting("hello");
    let door = format!(
        "[[check]]\nname = \"door\"\nprobe = \"tcp\"\nsettings = {{ host = \"127.0.0.1\", port = {} }}\n",
        target.port()
    );
    let open = config("every = \"1h\"").replace(GUARDED, "http.auth.allow_anonymous_control = true\n");
    let runner = Home::new(&(config("every = \"1h\"") + &door)).start();
    waits(&runner);
    runner.wait_for_check("door", "is there", |check| check.status() == "healthy");
    let path = "/health/checks/backup/report";
    for (answer, status, part) in [
        (runner.ask("POST", path, &[]), 401, "Authorization: Bearer"),
        (runner.ask("POST", path, &[("authorization", "Bearer wrong")]), 401, "not a token"),
        (runner.ask("GET", "/health/checks/backup/reports", &[]), 401, "Authorization: Bearer"),
        (runner.change("GET", path, ""), 405, "Allow"),
        (report(&runner, "/frobnicate", ""), 400, "write start, success, fail, log, or an exit code from 0 to 255"),
        (report(&runner, "", "{\"kind\": \"succes\"}"), 400, "succes"),
        (runner.change("POST", "/health/checks/bakcup/report", ""), 404, "\"nearest\":[\"backup\"]"),
        (
            runner.change("POST", "/health/checks/door/report", ""),
            409,
            "`door` takes no reports: its probe `tcp` does not import",
        ),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(part), "{}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let check = runner.check("backup").unwrap();
    assert_eq!((check.status(), &check.0["reports"]["success"]), ("pending", &json!(0)));
    runner.stop();

    let runner = Home::new(&open).start();
    waits(&runner);
    assert_eq!(runner.ask("POST", path, &[]).json()["status"], "healthy");
    runner.stop();
}

#[test]
fn reports_outlive_a_reload_and_no_reset_and_no_other_probe() {
    let runner = sleepy("every = \"1h\"");
    told(&runner, "/fail", "no");
    let reported = |runner: &Runner| runner.check("backup").unwrap().0["reports"]["fail"].clone();
    runner.home.put("probity.toml", config("every = \"2h\", grace = \"1h\"").replace("200ms", "1h").as_bytes());
    let after = runner.wait_for_check("backup", "is reloaded", |check| check.generation() == 2 && check.runs() > 0);
    assert_eq!(after.status(), "unhealthy", "{:#}", after.0);
    assert_eq!(reported(&runner), json!(1));

    assert_eq!(runner.change("POST", "/connections/backup/reset", "").status, 200);
    waits(&runner);
    assert_eq!(reported(&runner), json!(0));
    told(&runner, "/fail", "no");
    let other = config("words = 1").replace("heartbeat", "tcp");
    runner.home.put("probity.toml", other.as_bytes());
    runner.wait_for_check("backup", "has another probe", |check| check.fault() == "invalid-settings");
    assert_eq!(report(&runner, "", "").status, 409);
    runner.home.put("probity.toml", config("every = \"1h\"").replace("200ms", "1h").as_bytes());
    waits(&runner);
    runner.stop();
}

/// What was reported to the check, as far as it is kept.
fn heard(runner: &Runner) -> Value {
    runner.change("GET", "/health/checks/backup/reports", "").json()
}

/// The check, as this runner judges it.
fn judged(runner: &Runner) -> Check {
    runner.wait_for_checks(&["backup"]);
    runner.run("backup")
}

#[test]
fn reports_outlive_the_runner_however_it_ends() {
    let config = config("every = \"1h\"") + "[history]\nflush_interval = \"0s\"\n";
    let runner = Home::new(&config).start();
    waits(&runner);
    told(&runner, "/log", "copying");
    told(&runner, "", "all is copied");
    let (before, message) = (heard(&runner), runner.check("backup").unwrap().message().to_owned());
    let home = runner.stop();

    let mut runner = home.start();
    let check = judged(&runner);
    assert_eq!((check.status(), check.state(), check.message()), ("healthy", "CONNECTED", &*message), "{:#}", check.0);
    assert_eq!(heard(&runner), before);
    told(&runner, "/start", "");
    told(&runner, "/2", "disk full");
    let before = heard(&runner);
    assert_eq!(before["counts"], json!({ "start": 1, "success": 1, "fail": 0, "exit": 1, "log": 1 }));
    runner.wait_for_json("/health/checks/backup/history?limit=1", "the last of it to be kept", |it| {
        it["results"][0]["message"].as_str().is_some_and(|message| message.ends_with(": disk full"))
    });
    runner.signal(Signal::KILL);
    runner.wait_for_exit();

    let runner = runner.home.clone().start();
    let check = judged(&runner);
    assert_eq!(check.status(), "unhealthy", "{:#}", check.0);
    assert!(check.message().ends_with(": disk full"), "{}", check.message());
    assert_eq!(heard(&runner), before);
    assert_eq!(told(&runner, "", "")["status"], "healthy");
    runner.stop();
}

#[test]
fn a_job_that_is_late_is_no_less_late_for_a_restart() {
    let never = beats("every = \"1s\", grace = \"1s\"").start();
    never.wait_for_check("backup", "is given up", |check| check.status() == "unhealthy");
    let since = heard(&never)["since"].clone();
    let never = never.stop().start();
    let check = judged(&never);
    assert_eq!(check.status(), "unhealthy", "nobody has reported under the runner before either: {:#}", check.0);
    assert_eq!(heard(&never)["since"], since);
    never.stop();
}
