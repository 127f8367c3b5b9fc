//! Changes of the configuration of a runner that is up.

use std::{fs, os::unix::fs::symlink};

use rustix::process::Signal;

use crate::{
    guest,
    runner::{BRISK, Home},
    target::Target,
};

fn door(name: &str, port: u16, more: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"tcp\"\nsettings = {{ host = \"127.0.0.1\", port = {port} }}\n{more}\n"
    )
}

#[test]
fn checks_come_change_and_go_with_the_configuration() {
    let (one, two) = (Target::greeting("one"), Target::greeting("two"));
    let runner =
        Home::new(&(BRISK.to_owned() + &door("stays", one.port(), "") + &door("goes", one.port(), ""))).start();
    let stays = runner.wait_for_check("stays", "is healthy", |check| check.status() == "healthy");
    runner.wait_for_check("goes", "is healthy", |check| check.status() == "healthy");

    let config =
        BRISK.to_owned() + &door("stays", one.port(), "") + &door("comes", two.port(), "description = \"new here\"");
    runner.home.put("probity.toml", config.as_bytes());
    let comes = runner.wait_for_check("comes", "is healthy", |check| check.status() == "healthy");
    assert!(comes.message().contains(&two.address.to_string()), "{}", comes.message());
    runner.wait_until_gone("goes");
    let after = runner.check("stays").unwrap();
    assert_eq!(after.generation(), stays.generation(), "what did not change was left alone");

    // A check can be switched off without taking it out.
    let config = BRISK.to_owned() + &door("stays", one.port(), "") + &door("comes", two.port(), "enabled = false");
    runner.home.put("probity.toml", config.as_bytes());
    runner.wait_until_gone("comes");
    runner.stop();
}

#[test]
fn other_settings_start_a_check_afresh_and_another_interval_does_not() {
    let (one, two) = (Target::greeting("one"), Target::greeting("two"));
    let runner = Home::new(&(BRISK.to_owned() + &door("door", one.port(), ""))).start();
    let before = runner.wait_for_runs("door", 3);

    let config = BRISK.to_owned() + &door("door", one.port(), "interval = \"300ms\"");
    runner.home.put("probity.toml", config.as_bytes());
    let slower = runner.wait_for_check("door", "has its second generation", |check| check.generation() == 2);
    assert!(slower.runs() >= before.runs(), "its history is kept: {} after {}", slower.runs(), before.runs());
    assert_eq!((slower.status(), slower.state()), ("healthy", "CONNECTED"));

    // It is slow now, so that what is left of its old life is not soon overtaken.
    let config = BRISK.to_owned() + &door("door", two.port(), "interval = \"1h\"");
    runner.home.put("probity.toml", config.as_bytes());
    let afresh = runner.wait_for_check("door", "knows its new target", |check| {
        check.generation() == 3 && check.message().contains(&two.address.to_string())
    });
    assert_eq!(afresh.runs(), 1, "what was learned of the old target is forgotten");
    runner.stop();
}

#[test]
fn a_broken_configuration_is_refused_and_the_old_one_goes_on() {
    let target = Target::greeting("hello");
    let config = BRISK.to_owned() + &door("door", target.port(), "");
    let runner = Home::new(&config).start();
    runner.wait_for_check("door", "is healthy", |check| check.status() == "healthy");

    let broken = config.clone() + "intervall = \"1s\"\n[[check]]\nname = \"door\"\ncron = \"never\"\n";
    runner.home.put("probity.toml", broken.as_bytes());
    let flaw = runner.wait_for_flaw("probity.toml");
    for part in [
        "probity.toml:9: unknown key `intervall`",
        "probity.toml:10: `door` is the name",
        "probity.toml:12: cron:",
        "3 problems",
    ] {
        assert!(flaw.contains(part), "{part:?} is missing in:\n{flaw}");
    }
    runner.wait_for_log("the last good one stays");
    assert_eq!(runner.wait_for_runs("door", 2).generation(), 1);

    runner.home.put("probity.toml", config.as_bytes());
    runner.wait_for_no_flaw("probity.toml");
    assert_eq!(runner.check("door").unwrap().generation(), 1);
    runner.stop();
}

#[test]
fn a_probe_that_there_is_not_is_a_fault_until_it_comes() {
    let runner = Home::new(BRISK).start();
    let config = BRISK.to_owned() + "[[check]]\nname = \"a\"\nprobe = \"later\"\n";
    runner.home.put("probity.toml", config.as_bytes());
    let check = runner.wait_for_check("a", "link", |check| check.fault() == "link");
    assert!(
        check.message().contains("there is no probe `later`: no file later.wasm in the folder"),
        "{}",
        check.message()
    );
    runner.home.drop_in("later", &guest::saying("here I am"));
    runner.wait_for_message("a", "here I am");
    runner.stop();
}

#[test]
fn a_side_car_says_how_its_component_is_used() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("a", "hello");

    runner
        .home
        .put("probes.d/a.toml", b"[[check]]\ninterval = \"150ms\"\n[[check]]\nname = \"a-2\"\ncritical = true\n");
    runner.wait_for_message("a-2", "hello");
    assert_eq!(
        runner.wait_for_check("a", "is configured", |check| check.generation() == 2).0["schedule"],
        "every 150ms"
    );
    runner.wait_for_checks(&["a", "a-2"]);

    runner.home.put("probes.d/a.toml", b"[[check]]\ncolor = 1\n");
    let flaw = runner.wait_for_flaw("a.toml");
    assert!(flaw.contains("a.toml:2: unknown key `color`"), "{flaw}");
    // The last good one stays.
    runner.wait_for_checks(&["a", "a-2"]);

    runner.home.remove("probes.d/a.toml");
    runner.wait_until_gone("a-2");
    runner.wait_for_check("a", "is bare again", |check| check.0["schedule"] == "every 200ms");
    runner.stop();
}

#[test]
fn of_a_side_car_that_was_never_right_nothing_is_in_force() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello"));
    home.put("probes.d/a.toml", b"[[check]]\ncolor = 1\n");
    let runner = home.start();
    let in_force = |what: &str| {
        runner.wait_for_json("/probes", &format!("a.toml to be in force: {what}"), |probes| {
            let mut sources = probes["sources"].as_array().unwrap().iter();
            sources.any(|source| source["path"].as_str().unwrap().ends_with("a.toml") && source["in_force"] == what)
        });
    };
    in_force("nothing");
    runner.wait_for_log("nothing of it is in force, as it is wrong:");
    runner.home.put("probes.d/a.toml", b"[[check]]\ncritical = true\n");
    in_force("whole");
    runner.home.put("probes.d/a.toml", b"[[check]]\ncolor = 1\n");
    in_force("earlier");
    runner.wait_for_log("the last good one stays in force, as this one is wrong:");
    runner.stop();
}

#[test]
fn a_hangup_reads_secrets_again() {
    let (one, two) = (Target::greeting("one"), Target::greeting("two"));
    let config = "[defaults]\ninterval = \"200ms\"\n[[check]]\nname = \"door\"\nprobe = \"tcp\"\n\
                  settings = { host = \"127.0.0.1\", port = 1, expect = \"${file:secret}\" }\n";
    let config = config.replace("port = 1", &format!("port = {}", one.port()));
    let home = Home::new(&config);
    home.put("secret", b"one\n");
    let runner = home.start();
    runner.wait_for_check("door", "is healthy", |check| check.status() == "healthy");

    // A change of the secret alone is seen when somebody says so.
    runner.home.put("secret", b"two\n");
    runner.signal(Signal::HUP);
    let check = runner.wait_for_check("door", "expects the new word", |check| check.status() == "unhealthy");
    assert_eq!(check.generation(), 2);
    assert!(!check.message().contains("two"), "a secret is hidden: {}", check.message());

    runner.home.put("probity.toml", config.replace(&one.port().to_string(), &two.port().to_string()).as_bytes());
    runner.wait_for_check("door", "is healthy at its new place", |check| check.status() == "healthy");

    // A secret that is gone is a flaw like any other.
    fs::remove_file(runner.home.path("secret")).unwrap();
    runner.signal(Signal::HUP);
    let flaw = runner.wait_for_flaw("probity.toml");
    assert!(flaw.contains("secret` can't be read"), "{flaw}");
    assert_eq!(runner.wait_for_runs("door", 1).status(), "healthy");
    runner.stop();
}

#[test]
fn the_configuration_is_followed_while_the_folder_is_missing() {
    let target = Target::greeting("hello");
    let config = format!("probes = \"probes.d\"\n{BRISK}");
    let home = Home::new(&config);
    fs::remove_dir(home.path("probes.d")).unwrap();
    let runner = home.start();
    runner.wait_for_flaw("probes.d");
    runner.home.put("probity.toml", (config + &door("door", target.port(), "")).as_bytes());
    runner.wait_for_check("door", "is healthy", |check| check.status() == "healthy");
    runner.stop();
}

#[test]
fn a_configuration_can_be_a_config_map() {
    let home = Home::new("");
    home.remove("probity.toml");
    for (version, name) in [("..v1", "one"), ("..v2", "two")] {
        fs::create_dir(home.path(version)).unwrap();
        let config = BRISK.to_owned() + "[[check]]\nprobe = \"a\"\nname = \"" + name + "\"\n";
        fs::write(home.path(version).join("probity.toml"), config).unwrap();
    }
    symlink("..v1", home.path("..data")).unwrap();
    symlink("..data/probity.toml", home.path("probity.toml")).unwrap();
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("one", "hello");
    symlink("..v2", runner.home.path("..data_tmp")).unwrap();
    fs::rename(runner.home.path("..data_tmp"), runner.home.path("..data")).unwrap();
    runner.wait_for_message("two", "hello");
    runner.wait_for_checks(&["two"]);
    runner.stop();
}

#[test]
fn a_configuration_that_is_deleted_is_missed_and_stays_in_force() {
    let target = Target::greeting("hello");
    let config = BRISK.to_owned() + &door("door", target.port(), "");
    let runner = Home::new(&config).start();
    runner.wait_for_check("door", "is healthy", |check| check.status() == "healthy");
    runner.home.remove("probity.toml");
    let flaw = runner.wait_for_flaw("probity.toml");
    assert!(flaw.contains("gone"), "{flaw}");
    assert_eq!(runner.wait_for_runs("door", 2).generation(), 1);
    runner.home.put("probity.toml", config.as_bytes());
    runner.wait_for_no_flaw("probity.toml");
    runner.stop();
}

#[test]
fn what_needs_a_restart_is_said_to() {
    let runner = Home::new(BRISK).start();
    runner.home.put("probity.toml", format!("node_id = \"other\"\nrunner.max_in_flight = 7\n{BRISK}").as_bytes());
    for key in ["node_id", "max_in_flight"] {
        runner.wait_for_log(&format!("`{key}` was changed, and takes effect when the runner is started again"));
    }
    runner.stop();
}
