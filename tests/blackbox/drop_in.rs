//! A component dropped into the folder is a check; a new version takes its place; a broken one does not.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{
    golden, guest,
    runner::{BRISK, Home},
};

#[test]
fn a_dropped_component_is_a_check_everywhere() {
    let runner = Home::new(BRISK).start();
    runner.wait_for_checks(&[]);
    runner.home.drop_in("greeter", &guest::saying("one"));

    let check = runner.wait_for_message("greeter", "one");
    assert_eq!((check.status(), check.state(), check.generation()), ("healthy", "CONNECTED", 1));
    let health = runner.wait_for_status("healthy");
    assert_eq!(health["checks"]["greeter"]["healthy"], true, "{health}");
    assert_eq!(health["checks"]["greeter"]["message"], "one", "{health}");
    runner.wait_for_checks(&["greeter"]);
    let probe = runner.wait_for_probe("greeter", "is loaded", |probe| probe["state"] == "loaded");
    assert_eq!(probe["digest"], check.0["digest"], "{probe}");
    runner.stop();
}

#[test]
fn a_check_is_told_of_while_its_probe_is_made_ready() {
    let config =
        format!("startup_grace = \"1s\"\n{BRISK}[[check]]\nname = \"slow\"\nprobe = \"large\"\ncritical = true\n");
    let home = Home::new(&config);
    home.drop_in("large", &golden::the_largest());
    let runner = home.start();
    let slow = runner.wait_for_check("slow", "is pending", |check| check.status() == "pending");
    assert_eq!(slow.runs(), 0, "{slow:?}");
    assert_eq!(runner.json("/health")["message"], "0 of 1 checks have had their first run");
    // Nobody waits for it longer than that, and it is not forgotten.
    runner.wait_for_status("healthy");
    let message = runner.json("/health")["message"].clone();
    assert_eq!(message, "all is well; 1 of 1 checks are not watched, or have not run yet");
    // It goes with its configuration.
    runner.home.put("probity.toml", BRISK.as_bytes());
    runner.wait_until_gone("slow");
    runner.stop();
}

#[test]
fn a_new_version_takes_over_without_a_gap() {
    // The one who looks does so all the time.
    let home = Home::new(&format!("http.limits.requests_per_second = \"unlimited\"\n{BRISK}"));
    home.drop_in("greeter", &guest::saying("one"));
    let runner = home.start();
    let first = runner.wait_for_message("greeter", "one");

    let swapped = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0;
            while !swapped.load(Ordering::Relaxed) {
                let health = runner.json("/health");
                let seen = &health["checks"]["greeter"];
                assert_eq!(seen["healthy"], true, "there is a gap: {health}");
                assert!(seen["message"] == "one" || seen["message"] == "two", "{health}");
                looks += 1;
            }
            looks
        });
        runner.home.drop_in("greeter", &guest::saying("two"));
        let second = runner.wait_for_message("greeter", "two");
        runner.wait_for_runs("greeter", 2);
        swapped.store(true, Ordering::Relaxed);
        assert!(watcher.join().unwrap() > 1);

        assert_eq!(second.generation(), first.generation() + 1);
        assert_ne!(second.0["digest"], first.0["digest"]);
        assert!(second.runs() > first.runs(), "another version of the same probe goes on counting");
    });
    runner.stop();
}

#[test]
fn a_broken_version_is_refused_and_the_last_good_one_goes_on() {
    let home = Home::new(BRISK);
    home.drop_in("greeter", &guest::saying("good"));
    let runner = home.start();
    let good = runner.wait_for_message("greeter", "good");

    runner.home.drop_in("greeter", b"junk");
    let reason = runner.wait_for_rejection("greeter");
    assert!(reason.contains("this is not WebAssembly: the file begins with `junk`"), "{reason}");
    assert_eq!(runner.probe("greeter").unwrap()["digest"], good.0["digest"], "what runs is still shown");
    let after = runner.wait_for_runs("greeter", 3);
    assert_eq!((after.message(), after.generation()), ("good", good.generation()));
    runner.wait_for_log("the last good one goes on");

    // What was good before is good again, without a new generation: it never stopped.
    runner.home.drop_in("greeter", &guest::saying("good"));
    runner.wait_for_probe("greeter", "is loaded again", |probe| probe["state"] == "loaded");
    assert_eq!(runner.check("greeter").unwrap().generation(), good.generation());

    runner.home.drop_in("greeter", &guest::saying("better"));
    runner.wait_for_message("greeter", "better");
    runner.stop();
}

#[test]
fn a_component_that_is_broken_from_the_start_is_no_check() {
    let home = Home::new(BRISK);
    home.drop_in("broken", b"junk");
    home.drop_in("fine", &guest::saying("fine"));
    let runner = home.start();
    runner.wait_for_message("fine", "fine");
    runner.wait_for_rejection("broken");
    runner.wait_for_checks(&["fine"]);
    runner.stop();
}

#[test]
fn what_is_deleted_or_renamed_goes() {
    let home = Home::new(BRISK);
    home.drop_in("stays", &guest::saying("here"));
    home.drop_in("leaves", &guest::saying("gone"));
    home.drop_in("before", &guest::saying("renamed"));
    let runner = home.start();
    for (name, message) in [("stays", "here"), ("leaves", "gone"), ("before", "renamed")] {
        runner.wait_for_message(name, message);
    }
    runner.home.remove("probes.d/leaves.wasm");
    fs::rename(runner.home.path("probes.d/before.wasm"), runner.home.path("probes.d/after.wasm")).unwrap();

    runner.wait_for_message("after", "renamed");
    runner.wait_until_gone("before");
    runner.wait_until_gone("leaves");
    runner.wait_for_checks(&["after", "stays"]);
    runner.wait_for_json("/probes", "the probe to be gone", |_| runner.probe("leaves").is_none());
    runner.stop();
}

#[test]
fn a_component_hides_the_standard_probe_of_its_name_and_gives_it_back() {
    let config = format!("{BRISK}\n[[check]]\nname = \"door\"\nprobe = \"tcp\"\n");
    let home = Home::new(&config);
    home.drop_in("tcp", &guest::saying("not the real one"));
    let runner = home.start();
    runner.wait_for_message("door", "not the real one");
    runner.wait_for_probe("tcp", "hides the standard one", |probe| probe["hides_standard"] == true);
    // A component that a check uses is no check of its own.
    runner.wait_for_checks(&["door"]);

    runner.home.remove("probes.d/tcp.wasm");
    // The real one needs to be told where the door is.
    runner.wait_for_check("door", "uses the standard probe", |check| check.fault() == "invalid-settings");
    runner.stop();
}

#[test]
fn a_result_of_a_replaced_version_is_never_shown() {
    // Its runs take three seconds: long enough to be replaced in the middle of one.
    let home = Home::new("[defaults]\ninterval = \"500ms\"\njitter = 0.0\n");
    home.drop_in("worker", &guest::fixture("slow"));
    let runner = home.start();
    runner.wait_for_message("worker", "slow, but sure");
    runner.wait_for_run_under_way();
    runner.home.drop_in("worker", &guest::saying("quick"));

    // From this moment on the old version is replaced, whatever it still does.
    runner.wait_for_probe("worker", "is replaced", |probe| probe["generation"] == 2);
    let before = runner.check("worker").unwrap().runs();
    let after = runner.wait_for_check("worker", "has run anew", |check| {
        check.generation() == 2 && check.message() == "quick" && check.runs() >= before + 3
    });
    // A run of the old one came to its end since. What it found was not so much as noted down.
    let results = after.0["results"].as_array().unwrap();
    let old = results.iter().filter(|result| result["message"] == "slow, but sure").count();
    assert_eq!((results.len() as u64, old as u64), (after.runs(), before), "{results:#?}");
    runner.stop();
}
