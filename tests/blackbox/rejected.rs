//! Components that are none, or none that can run here: each is told of in words that help.

use std::fs;

use crate::{
    guest,
    runner::{BRISK, Home},
    target::Target,
};

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn what_can_not_run_says_why_and_what_to_do() {
    let good = guest::saying("fine");
    let moon = fs::read_to_string(guest::repository().join("tests/fixtures/guests/wants-the-moon.wat")).unwrap();
    let mut large = good.clone();
    large.resize(600 * 1024, 0);
    let exports = |name: &str| wat(&format!(r#"(component (instance $i) (export "{name}" (instance $i)))"#));
    let table: [(&str, Vec<u8>, &[&str]); 9] = [
        (
            "text",
            b"#!/bin/sh\necho hello".to_vec(),
            &["this is not WebAssembly: the file begins with `#!/bin/sh\\necho h`"],
        ),
        ("empty", Vec::new(), &["this is not WebAssembly: the file begins with nothing at all"]),
        ("truncated", good[..good.len() - 10].to_vec(), &["damaged or incomplete"]),
        ("module", wat("(module)"), &["core WebAssembly module", "`wasm-tools component new`", "wasm32-wasip2"]),
        (
            "other-world",
            exports("acme:other/thing@1.0.0"),
            &[
                "it must export `probity:probe/checker@0.1.0`, `probity:probe/connector@0.1.0` or `wasi:cli/run@0.2.12`, and exports `acme:other/thing@1.0.0`",
            ],
        ),
        (
            "other-version",
            exports("probity:probe/checker@9.0.0"),
            &[
                "this component speaks `probity:probe/checker@9.0.0`, and this runner speaks `probity:probe/connector@0.1.0`, `probity:experimental/async-checker@0.1.0`, `probity:probe/checker@0.2.0-draft`, `probity:probe/checker@0.1.0`: build it for one of these",
            ],
        ),
        (
            "moon",
            wat(&moon),
            &[
                "it wants `moon:base/airlock@1.0.0`, and there is nothing of `moon:base`",
                "it wants `wasi:clocks/monotonic-clock@0.4.0`, and there is `wasi:clocks/monotonic-clock@0.2.12`, `wasi:clocks/monotonic-clock@0.3.0`",
            ],
        ),
        (
            "large",
            large,
            &[
                "has 614400 bytes, and a component may have 524288; if it is to be trusted, raise `limits.component_size`",
            ],
        ),
        ("loops-at-start", guest::fixture("loops-at-start"), &["this component fails as soon as it is started: "]),
    ];
    let home = Home::new(&format!("limits.component_size = \"512KiB\"\n{BRISK}"));
    for (name, bytes, _) in &table {
        home.drop_in(name, bytes);
    }
    home.drop_in("Upper Case", &good);
    home.drop_in("good", &good);
    let runner = home.start();
    for (name, _, parts) in &table {
        let reason = runner.wait_for_rejection(name);
        for part in *parts {
            assert!(reason.contains(part), "{name}: {reason}");
        }
        runner.wait_for_log(&reason);
    }
    let reason = runner.wait_for_rejection("Upper Case");
    assert!(reason.contains("`Upper Case` can't be the name of a check; rename the file"), "{reason}");
    assert_eq!(runner.wait_for_message("good", "fine").status(), "healthy");
    runner.wait_for_checks(&["good"]);
    runner.stop();
}

#[test]
fn a_check_whose_probe_is_rejected_is_a_fault_that_says_why() {
    let home = Home::new(&format!("{BRISK}[[check]]\nname = \"wanted\"\nprobe = \"broken\"\n"));
    home.drop_in("broken", b"junk");
    let runner = home.start();
    let check = runner.wait_for_check("wanted", "link", |check| check.fault() == "link");
    assert!(
        check.message().contains("the probe `broken` can't be used: this is not WebAssembly"),
        "{}",
        check.message()
    );
    assert_eq!(check.status(), "unknown");

    runner.home.drop_in("broken", &guest::saying("mended"));
    assert_eq!(runner.wait_for_message("wanted", "mended").status(), "healthy");
    runner.stop();
}

#[test]
fn a_limit_on_what_is_dropped_spares_what_is_part_of_the_program() {
    let target = Target::greeting("hello");
    let runner = Home::new(&format!(
        "limits.component_size = \"1KiB\"\n{BRISK}[[check]]\nname = \"door\"\nprobe = \"tcp\"\n\
         settings = {{ host = \"127.0.0.1\", port = {} }}\n",
        target.port()
    ))
    .start();
    let check = runner.wait_for_check("door", "has run", |check| check.runs() > 0);
    assert_eq!((check.status(), check.fault()), ("healthy", ""), "{}", check.message());
    runner.stop();
}

#[test]
fn of_two_checks_of_one_name_the_first_counts_and_the_other_is_told_of() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("the one of a"));
    home.drop_in("b", &guest::saying("the one of b"));
    home.put("probes.d/a.toml", b"[[check]]\nname = \"shared\"\n");
    home.put("probes.d/b.toml", b"\n[[check]]\nname = \"shared\"\n");
    let runner = home.start();
    runner.wait_for_message("shared", "the one of a");
    let flaw = runner.wait_for_flaw("b.toml");
    assert!(flaw.contains("a check `shared` is already defined at") && flaw.contains("a.toml:1"), "{flaw}");
    let sources = runner.json("/probes")["sources"].clone();
    let b = sources.as_array().unwrap().iter().find(|source| source["path"].as_str().unwrap().ends_with("b.toml"));
    assert_eq!(b.unwrap()["in_force"], "part", "{sources}");
    runner.wait_for_checks(&["shared"]);

    // A side-car takes the name that a bare component would have.
    runner.home.put("probes.d/b.toml", b"[[check]]\nname = \"c\"\n");
    runner.home.drop_in("c", &guest::saying("the bare one"));
    runner.wait_for_no_flaw("b.toml");
    let flaw = runner.wait_for_flaw("c.wasm");
    assert!(flaw.contains("its check would be named `c`") && flaw.contains("b.toml:1; rename the file"), "{flaw}");
    assert_eq!(runner.wait_for_message("c", "the one of b").status(), "healthy");
    runner.stop();
}

#[test]
fn settings_that_a_probe_refuses_are_a_fault_that_points_at_them() {
    let config = r#"
[defaults]
interval = "200ms"
[[check]]
name = "door"
probe = "tcp"
settings = { host = "localhost", port = 70000 }
[[check]]
name = "page"
probe = "http"
settings = { url = "http://127.0.0.1:1/", expect_status = [], headers = { "a b" = "c" } }
[[check]]
name = "name"
probe = "dns"
settings = { name = "localhost", colour = "red" }
"#;
    let runner = Home::new(config).start();
    for (name, parts) in
        [("door", &["/port", "70000"] as &[_]), ("page", &["/expect_status", "/headers/a b"]), ("name", &["colour"])]
    {
        let check = runner.wait_for_check(name, "refuses", |check| check.fault() == "invalid-settings");
        for part in parts {
            assert!(check.message().contains(part), "{name}: {}", check.message());
        }
    }
    runner.stop();
}
