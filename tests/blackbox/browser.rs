//! The dashboard, the status page and the badges in a real browser. What is done there is written in `browser/walks.mjs`, a walk a
//! test; pictures of what was seen are kept in the target folder, in `screenshots`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    guest::{self, repository},
    runner::{EAGER, Home, Runner, TOKEN, run_to_end},
    servers,
};

/// Where what is built goes.
fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// What a walk takes that is not ours.
struct Browser {
    node: PathBuf,
    chromium: PathBuf,
    packages: PathBuf,
}

impl Browser {
    fn find() -> Option<Browser> {
        let (node, chromium) = (servers::find("node")?, servers::find("chromium")?);
        Some(Browser { node, chromium, packages: servers::npm_package("playwright-core")? })
    }

    /// Goes on a walk, whose words for `what` it is told; what it said.
    #[track_caller]
    fn walk(&self, name: &str, runner: &Runner, what: &[(&str, String)]) -> String {
        let pictures = target_dir().join("screenshots");
        fs::create_dir_all(&pictures).unwrap();
        let mut command = Command::new(&self.node);
        command.arg(repository().join("tests/blackbox/browser/walks.mjs")).arg(name);
        command.env("BASE", runner.url("")).env("CHROMIUM", &self.chromium).env("PACKAGES", &self.packages);
        command.env("PICTURES", pictures).env("HOME", runner.home.path(".")).envs(what.iter().cloned());
        // Each step of a walk has a deadline of its own.
        let ended = command.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let why = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}{why}\nthe runner said:\n{}", runner.log());
        said
    }
}

/// Checks of several groups: one whose target is at the walk's own port, one that is down, one that nothing is known of, and some
/// that are well.
fn house(port: u16) -> Home {
    let open = |name: &str, more: &str| {
        format!(
            "[[check]]\nname = \"{name}\"\nprobe = \"tcp\"\ninterval = \"200ms\"\n{EAGER}{more}\
             settings = {{ host = \"${{runner:host}}\", port = \"${{runner:port}}\" }}\n"
        )
    };
    let mut config = format!(
        "node_id = \"fra1\"\n[http.auth]\ntoken = \"{TOKEN}\"\n[notify]\nwindow = \"0s\"\n\
         [[notify.rule]]\nname = \"page\"\nsinks = [\"nowhere\"]\ngroups = [\"web\"]\n\
         [[notify.sink]]\nname = \"nowhere\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n[defaults]\njitter = 0.0\n\
         [[check]]\nname = \"orders-db\"\nprobe = \"tcp\"\ndescription = \"the orders database\"\ngroup = \"storage\"\n\
         critical = true\ninterval = \"200ms\"\nlabels = {{ team = \"orders\" }}\n{EAGER}settings = {{ host = \"127.0.0.1\", port = {port} }}\n\
         [[check]]\nname = \"archive\"\nprobe = \"tcp\"\ngroup = \"storage\"\n{EAGER}settings = {{ host = \"127.0.0.1\", port = 1 }}\n\
         [[check]]\nname = \"traps\"\ngroup = \"jobs\"\nprobe = \"traps\"\ninterval = \"200ms\"\n\
         [[check]]\nname = \"slow\"\ngroup = \"web\"\nprobe = \"degraded\"\n"
    );
    for (name, group) in [("cache", "storage"), ("shop", "web"), ("api", "web")] {
        config += &open(name, &format!("group = \"{group}\"\n"));
    }
    for at in 0..12 {
        config += &open(&format!("edge-{at:02}"), "group = \"edge\"\n");
    }
    let home = Home::new(&config);
    home.drop_in("traps", &guest::fixture("traps"));
    home.drop_in("degraded", &guest::verdict(1, "the queue is rather long"));
    home
}

fn words(port: u16) -> Vec<(&'static str, String)> {
    vec![("PORT", port.to_string()), ("TOKEN", TOKEN.to_owned())]
}

/// Waits until everything in the house is as it stays.
#[track_caller]
fn wait_for_house(runner: &Runner) {
    runner.wait_for_check("traps", "has run", |check| check.fault() == "trap");
    runner.wait_for_check("slow", "has run", |check| check.status() == "degraded");
    for down in ["archive", "orders-db"] {
        runner.wait_for_check(down, "is down", |check| check.status() == "unhealthy");
    }
    for up in ["cache", "shop", "api", "edge-11"] {
        runner.wait_for_check(up, "is up", |check| check.status() == "healthy");
    }
}

/// Goes on a walk through the house of that name.
#[track_caller]
fn walk_through_house(name: &str) {
    let Some(browser) = Browser::find() else { return };
    let port = servers::free_port();
    let runner = house(port).start();
    wait_for_house(&runner);
    browser.walk(name, &runner, &words(port));
    assert!(!runner.log().contains("panicked"), "{}", runner.log());
    runner.stop();
}

#[test]
fn the_overview_shows_what_goes_down_while_one_looks() {
    walk_through_house("overview");
}

#[test]
fn a_checks_page_shows_all_that_is_known_of_it() {
    walk_through_house("check");
}

#[test]
fn the_probes_page_shows_what_is_rejected_and_why() {
    walk_through_house("probes");
}

#[test]
fn events_can_be_filtered() {
    walk_through_house("events");
}

#[test]
fn alerts_say_what_they_are_of_and_can_be_acknowledged_and_silenced() {
    walk_through_house("alerts");
}

#[test]
fn the_status_page_says_when_it_was_true_and_is_true_again() {
    walk_through_house("dated");
}

#[test]
fn whoever_has_a_token_can_log_in_and_control() {
    walk_through_house("control");
}

#[test]
fn everything_can_be_done_by_keyboard() {
    walk_through_house("keyboard");
}

#[test]
fn pages_are_for_everybody() {
    walk_through_house("light");
}

#[test]
fn pages_are_for_everybody_in_the_dark_as_well() {
    walk_through_house("dark");
}

#[test]
fn the_status_page_and_badges_are_pictures_of_it() {
    walk_through_house("status");
}

#[test]
fn a_stream_that_breaks_is_followed_again_and_nothing_is_missed() {
    let Some(browser) = Browser::find() else { return };
    let port = servers::free_port();
    let runner = house(port).start();
    wait_for_house(&runner);
    browser.walk("broken", &runner, &words(port));
    runner.stop();
}

#[test]
fn where_reading_takes_a_token_the_dashboard_asks_for_it() {
    let Some(browser) = Browser::find() else { return };
    let home = Home::empty();
    home.put("pilot.txt", b"a-token-that-may-control");
    let mut command = home.command(&["hash-token", "--name", "pilot", "--scope", "control"]);
    command.stdin(fs::File::open(home.path("pilot.txt")).unwrap());
    let pilot = run_to_end(command).stdout;
    let config = format!(
        "[http.auth]\nread = \"token\"\ntoken = \"{TOKEN}\"\n{pilot}[http.status_page]\npublic = true\ntitle = \"Acme & Sons\"\n\
         groups = [\"shown\"]\n[[check]]\nname = \"here\"\nprobe = \"tcp\"\ngroup = \"shown\"\n{EAGER}\
         settings = {{ host = \"${{runner:host}}\", port = \"${{runner:port}}\" }}\n\
         [[check]]\nname = \"hidden\"\nprobe = \"tcp\"\n{EAGER}settings = {{ host = \"127.0.0.1\", port = 1 }}\n"
    );
    let runner = Home::new(&config).start();
    runner.wait_for_log("check=\"hidden\" kind=\"unhealthy\"");
    let controller = ("CONTROLLER", "a-token-that-may-control".to_owned());
    browser.walk("guarded", &runner, &[words(1), vec![controller]].concat());
    runner.stop();
}

#[test]
fn whoever_is_at_the_machine_controls_from_the_dashboard_where_that_is_allowed() {
    let Some(browser) = Browser::find() else { return };
    let config = "http.auth.allow_anonymous_control = true\n[[check]]\nname = \"here\"\nprobe = \"tcp\"\n\
                  settings = { host = \"${runner:host}\", port = \"${runner:port}\" }\n";
    let runner = Home::new(config).start();
    runner.wait_for_check("here", "is up", |check| check.status() == "healthy");
    browser.walk("anonymous", &runner, &words(1));
    runner.stop();
}

#[test]
fn where_no_history_is_kept_the_dashboard_does_without() {
    let Some(browser) = Browser::find() else { return };
    let config = format!(
        "history.ephemeral = true\n[[check]]\nname = \"here\"\nprobe = \"tcp\"\ninterval = \"200ms\"\n{EAGER}\
         settings = {{ host = \"${{runner:host}}\", port = \"${{runner:port}}\" }}\n"
    );
    let runner = Home::new(&config).start();
    runner.wait_for_check("here", "has run some times", |check| check.runs() > 2);
    browser.walk("forgetful", &runner, &words(1));
    runner.stop();
}

/// A thousand checks on one page: how long it takes is printed, and no more is promised than that it is a page that works.
#[test]
fn a_thousand_checks_stay_smooth() {
    let Some(browser) = Browser::find() else { return };
    let mut config = String::from("[defaults]\ninterval = \"5s\"\n");
    for at in 0..1_000 {
        let port = if at % 100 == 99 { "1" } else { "\"${runner:port}\"" };
        config += &format!(
            "[[check]]\nname = \"check-{at:04}\"\nprobe = \"tcp\"\ngroup = \"group-{:02}\"\n{EAGER}\
             settings = {{ host = \"127.0.0.1\", port = {port} }}\n",
            at / 50
        );
    }
    let runner = Home::new(&config).start();
    runner.wait_for_status("degraded");
    runner.wait_for_json("/health/checks", "all to have run", |all| {
        let checks = all["checks"].as_object().unwrap();
        checks.len() == 1_000 && checks.values().all(|check| !check["timestamp"].is_null())
    });
    runner.wait_for_json("/uptime", "the uptime of all to be known", |all| {
        let checks = all["checks"].as_object().unwrap();
        checks.values().all(|check| !check["windows"][0]["availability"].is_null())
    });
    println!("{}", browser.walk("thousand", &runner, &words(1)));
    runner.stop();
}
