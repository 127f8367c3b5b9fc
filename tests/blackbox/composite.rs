//! The probe `composite`, over real checks that come and go.

use serde_json::json;

use crate::{
    guest,
    runner::{BRISK, Check, EAGER, GUARDED, Home, Runner},
    target::{Target, greet},
};

/// A composite of these settings.
fn composite(name: &str, settings: &str) -> String {
    format!("[[check]]\nname = \"{name}\"\nprobe = \"composite\"\nsettings = {{ {settings} }}\n")
}

/// A check of a TCP target, in a group, which is quick to be judged.
fn door(name: &str, group: &str, port: u16) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"tcp\"\ngroup = \"{group}\"\n{EAGER}\
         settings = {{ host = \"127.0.0.1\", port = {port} }}\n"
    )
}

fn is(status: &str) -> impl Fn(&Check) -> bool {
    move |check| check.status() == status
}

fn counts(check: &Check) -> Vec<(String, f64)> {
    let figures = check.0["measurements"].as_array().unwrap().iter();
    let figures = figures.filter(|figure| figure["unit"] == "1");
    figures.map(|figure| (figure["name"].as_str().unwrap().to_owned(), figure["value"].as_f64().unwrap())).collect()
}

#[test]
fn so_many_of_its_members_must_be_up() {
    let targets = [0, 1, 2].map(|_| Target::greeting("hello"));
    let addresses = [0, 1, 2].map(|at: usize| targets[at].address);
    let doors: String = (0..3).map(|at| door(&format!("db-{at}"), "storage", addresses[at].port())).collect();
    let some = "checks = [\"db-0\", \"db-1\", \"db-2\"], healthy_at_least = 2, degraded_at_least = 1";
    let config = format!("{BRISK}{doors}{}critical = true\n", composite("storage", some));
    let runner = Home::new(&config).start();
    let all = runner.wait_for_check("storage", "finds all of them up", |check| check.message() == "3 of 3 are healthy");
    assert_eq!(all.status(), "healthy");
    assert_eq!(all.0["grants"], json!(["check:db-0", "check:db-1", "check:db-2"]));

    let [first, second, third] = targets;
    drop(third);
    let two = runner.wait_for_check("storage", "misses one", |check| check.message().contains("db-2 is unhealthy"));
    assert_eq!(two.status(), "healthy");
    assert!(two.message().starts_with("2 of 3 are healthy, and that is enough: db-2 is unhealthy (connection refused"));
    let expected = [("healthy", 2.0), ("degraded", 0.0), ("unhealthy", 1.0), ("unknown", 0.0)];
    assert_eq!(counts(&two), expected.map(|(name, count)| (name.to_owned(), count)));
    assert_eq!(
        two.0["details"]["db-0"],
        "healthy (connected to 127.0.0.1:{port})".replace("{port}", &addresses[0].port().to_string())
    );

    drop(second);
    let one = runner.wait_for_check("storage", "misses two", is("degraded"));
    assert!(one.message().starts_with("1 of 3 are healthy, and 2 should be: db-"), "{}", one.message());
    runner.wait_for_status("degraded");

    drop(first);
    // It asked for three failures in a row of none: what is known is known at once.
    let none = runner.wait_for_check("storage", "misses all", is("unhealthy"));
    assert!(none.message().starts_with("0 of 3 are of use, and 1 must be: "), "{}", none.message());
    assert_eq!((none.state(), none.0["attempts"].as_u64()), ("FAILED", Some(0)));
    runner.wait_for_status("unhealthy");

    let _first = Target::tcp_at(addresses[0], greet("back"));
    let _second = Target::tcp_at(addresses[1], greet("back"));
    let back = runner.wait_for_check("storage", "finds two of them again", is("healthy"));
    assert_eq!(back.state(), "CONNECTED");
    runner.stop();
}

#[test]
fn a_group_is_all_that_are_in_it_but_the_composite_itself() {
    let config = |more: &str| {
        let members = "[[check]]\nname = \"a\"\ngroup = \"The Shop\"\n[[check]]\nname = \"b\"\ngroup = \"The Shop\"\n";
        let shop = composite("shop", "group = \"The Shop\", checks = [\"b\"]") + "group = \"The Shop\"\n";
        format!("{BRISK}{members}{shop}{more}")
    };
    let home = Home::new(&config(""));
    home.drop_in("a", &guest::saying("fine"));
    home.drop_in("b", &guest::saying("fine too"));
    home.drop_in("c", &guest::verdict(1, "not so well"));
    let runner = home.start();
    let shop = runner.wait_for_check("shop", "finds its group", is("healthy"));
    assert_eq!(
        (shop.message(), &shop.0["grants"]),
        ("2 of 2 are healthy", &json!(["check:b", "check:group/The Shop"]))
    );

    runner.home.put("probity.toml", config("[[check]]\nname = \"c\"\ngroup = \"The Shop\"\n").as_bytes());
    let three = runner.wait_for_check("shop", "finds who came later", is("degraded"));
    assert_eq!(three.message(), "2 of 3 are healthy, and 3 should be: c is degraded (not so well)");
    runner.home.put("probity.toml", config("").as_bytes());
    runner.wait_for_check("shop", "misses nobody who has left", is("healthy"));
    runner.stop();
}

#[test]
fn what_is_not_known_is_not_down() {
    let settings = |more: &str| format!("checks = [\"up\", \"broken\"]{more}");
    let members = "[[check]]\nname = \"up\"\n[[check]]\nname = \"broken\"\n";
    let composites = composite("cautious", &settings(""))
        + &composite("strict", &settings(", unknown_counts_as = \"unhealthy\""))
        + &composite("calm", &settings(", unknown_counts_as = \"nothing\""))
        + &composite("fresh", "checks = [\"up\", \"once\"], max_age = \"2s\"")
        + "[[check]]\nname = \"once\"\ninterval = \"1h\"\n";
    let home = Home::new(&format!("{GUARDED}{BRISK}{members}{composites}"));
    home.drop_in("up", &guest::saying("fine"));
    home.drop_in("broken", &guest::fixture("traps"));
    home.drop_in("once", &guest::saying("as it was"));
    let runner = home.start();
    let cautious = runner.wait_for_check("cautious", "can't vouch for one", is("degraded"));
    assert!(
        cautious.message().starts_with("1 of 2 are healthy, and 2 should be: broken is unknown (the probe crashed"),
        "{}",
        cautious.message()
    );
    assert!(counts(&cautious).contains(&("unknown".to_owned(), 1.0)));
    runner.wait_for_check("strict", "takes it for down", is("unhealthy"));
    let calm = runner.wait_for_check("calm", "leaves it out", is("healthy"));
    assert!(calm.message().starts_with("1 of 1 are healthy: broken is unknown"), "{}", calm.message());
    let stale =
        runner.wait_for_check("fresh", "finds one verdict too old", |check| check.message().contains("not known"));
    assert_eq!(stale.status(), "degraded");
    assert!(stale.message().contains("once is not known any more: its last run was "), "{}", stale.message());
    runner.run("once");
    runner.wait_for_check("fresh", "finds a new verdict", is("healthy"));

    // Planned work is no trouble.
    let mode = |mode: &str| {
        let answer = runner.change("PUT", "/connections/broken/mode", &format!("{{\"mode\": \"{mode}\"}}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    mode("disabled");
    let left = runner.wait_for_check("strict", "leaves out who is not watched", is("healthy"));
    assert_eq!((left.message(), &left.0["details"]["broken"]), ("1 of 1 are healthy", &json!("not watched")));
    mode("forced-down");
    runner.wait_for_check("calm", "goes by what was decreed", is("unhealthy"));
    runner.stop();
}

#[test]
fn a_name_may_appear_later_and_until_then_says_so() {
    let home = Home::new(&format!("{BRISK}{}", composite("whole", "checks = [\"part\"]")));
    let runner = home.start();
    let part = runner.wait_for_check("whole", "misses its part", |check| check.fault() == "invalid-settings");
    assert_eq!((part.status(), part.message()), ("unknown", "/checks/0: there is no check `part`"));
    runner.home.drop_in("part", &guest::saying("here I am"));
    runner.wait_for_check("whole", "finds its part", is("healthy"));
    runner.home.remove("probes.d/part.wasm");
    runner.wait_for_check("whole", "misses it again", |check| check.fault() == "invalid-settings");
    runner.stop();
}

#[test]
fn nobody_goes_by_himself() {
    let config = BRISK.to_owned()
        + &composite("self", "checks = [\"self\"]")
        + &composite("a", "checks = [\"b\"]")
        + &composite("b", "checks = [\"c\"]")
        + &composite("c", "group = \"ring\"")
        + &composite("d", "checks = [\"a\"]")
        + "group = \"ring\"\n"
        + &composite("watcher", "checks = [\"a\"]");
    let runner = Home::new(&config).start();
    let own = runner.wait_for_check("self", "is refused", |check| check.fault() == "invalid-settings");
    assert_eq!(own.message(), "/checks/0: this is the check itself, which can't go by itself; leave it out");
    for (name, part) in [
        ("a", "/checks/0: the check `b` goes by this check (b -> c -> d -> this check), so that neither can be judged"),
        ("b", "(c -> d -> a -> this check)"),
        ("c", "/group: the other check in the group `ring` goes by this check (d -> a -> b -> this check)"),
        ("d", "(a -> b -> c -> this check)"),
    ] {
        let check = runner.wait_for_check(name, "finds the circle", |check| check.message().contains(part));
        assert_eq!((check.status(), check.fault()), ("unknown", "invalid-settings"));
    }
    let watcher = runner.wait_for_check("watcher", "is in no circle itself", |check| check.fault().is_empty());
    assert_eq!(watcher.status(), "degraded");

    let mended = config.replace("checks = [\"c\"]", "checks = [\"e\"]") + "[[check]]\nname = \"e\"\n";
    runner.home.drop_in("e", &guest::saying("fine"));
    runner.home.put("probity.toml", mended.as_bytes());
    for name in ["b", "a", "d", "c", "watcher"] {
        runner.wait_for_check(name, "is out of the circle", is("healthy"));
    }
    runner.stop();
}

#[test]
fn what_was_not_granted_is_not_read() {
    let config = |allow: &str| {
        format!("{BRISK}[[check]]\nname = \"peeks\"\n{allow}\n[[check]]\nname = \"other\"\ngroup = \"g\"\n")
    };
    let home = Home::new(&config(""));
    home.drop_in("peeks", &guest::fixture("peeks"));
    home.drop_in("other", &guest::saying("nobody's business"));
    let runner = home.start();
    let denied = runner.wait_for_check("peeks", "is denied", |check| check.fault() == "denied");
    assert_eq!(
        denied.message(),
        "the check does not let its probe reach check:other; to allow it, add to the check: allow = [\"check:other\"]"
    );
    for allow in ["check:other", "check:o*", "check:*", "check:group/g"] {
        runner.home.put("probity.toml", config("").as_bytes());
        runner.wait_for_check("peeks", "is denied", |check| check.fault() == "denied");
        runner.home.put("probity.toml", config(&format!("allow = [\"{allow}\"]")).as_bytes());
        runner.wait_for_check("peeks", &format!("may read by {allow}"), is("unhealthy"));
    }
    runner.stop();
}

/// What `probity validate` says of a configuration.
fn validated(config: &str) -> (Option<i32>, String) {
    let ended = Home::new(config).run(&["validate"]);
    (ended.code, ended.stdout)
}

#[test]
fn whoever_looks_is_told_before_anything_runs() {
    let door = door("door", "g", 1);
    let sound = composite("a", "checks = [\"door\"], group = \"g\"");
    assert_eq!(validated(&format!("{door}{sound}")), (Some(0), "probity.toml: all is well\n".to_owned()));
    for (settings, part) in [
        ("checks = [\"a\"]", "check `a`: it goes by itself; leave it out"),
        ("checks = [\"dor\"]", "check `a`: it goes by the check `dor`, and there is none"),
        ("checks = [\"b\"]", "check `a`: it goes by itself (a -> b -> a); break the circle"),
        ("group = \"h\"", "check `a`: it goes by the other checks of the group `h`, and there are none"),
        ("", "/checks: missing; name the checks to go by, or a `group` of them"),
        ("checks = [\"door\", \"Door\"]", "/checks/1: not the name of a check"),
        ("checks = [\"door\"], healthy_at_least = 2", "/healthy_at_least: more than there are `checks`"),
        ("checks = [\"door\"], healthy_at_least = \"120%\"", "a share from \"1%\" to \"100%\""),
        ("checks = [\"door\"], at_least = 1", "unknown field `at_least`"),
    ] {
        let config = format!("{door}{}{}", composite("a", settings), composite("b", "checks = [\"a\"]"));
        let (code, said) = validated(&config);
        assert_eq!(code, Some(1), "{settings}: {said}");
        assert!(said.contains(part) && said.contains("probity.toml:"), "{settings}: {said}");
    }
}

#[test]
fn a_composite_is_pending_until_its_members_are_judged() {
    let config = format!(
        "startup_grace = \"30s\"\n{BRISK}[[check]]\nname = \"slow\"\ntimeout = \"20s\"\n{}",
        composite("whole", "checks = [\"slow\"]")
    );
    let home = Home::new(&config);
    home.drop_in("slow", &guest::fixture("sleeps"));
    let runner: Runner = home.start();
    let whole = runner.wait_for_check("whole", "waits", |check| check.fault() == "waiting");
    assert_eq!((whole.status(), whole.message()), ("pending", "none of its checks has a verdict yet"));
    assert_eq!(whole.0["failures"], json!([]), "nothing has failed");
    runner.home.drop_in("slow", &guest::saying("well"));
    runner.wait_for_check("whole", "is judged", is("healthy"));
    assert!(!runner.get("/metrics").text().contains("kind=\"waiting\""), "whoever waits has not failed");
    runner.stop();
}
