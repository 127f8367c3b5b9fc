//! Probes of two components: each for all targets of a kind, held to an adapter that fails as it is told.

use std::{fs, path::PathBuf};

use crate::{
    guest::repository,
    probes::{Case, rebuilt, try_out_component},
    runner::{BRISK, Home},
};

/// A part as it is kept, or as it was built anew.
fn part(name: &str) -> Vec<u8> {
    let kept = || fs::read(repository().join("probes/dist/parts").join(format!("{name}.wasm"))).unwrap();
    rebuilt(name).unwrap_or_else(kept)
}

/// A home with the parts in it, and where each lies.
fn home(names: &[&str]) -> (Home, Vec<String>) {
    let home = Home::empty();
    let put = |name: &&str| {
        let file = format!("{name}.part.wasm");
        home.put(&file, &part(name));
        home.path(&file).into_os_string().into_string().unwrap()
    };
    let files = names.iter().map(put).collect();
    (home, files)
}

/// What the command makes of a probe and the mock.
fn composed(probe: &str) -> Vec<u8> {
    let (home, files) = home(&[probe, "mock-adapter"]);
    let ended = home.run(&["compose", &files[0], &files[1], "-o", "both.wasm"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    fs::read(home.path("both.wasm")).unwrap()
}

fn try_out(probe: &str, cases: &[Case<'_>]) {
    try_out_component("mock", Some(&composed(probe)), cases);
}

fn settings(text: &str) -> String {
    format!("settings = {{ {text} }}\ntimeout = \"2s\"\n[check.connection]\nreconnect_delay = \"200ms\"")
}

#[test]
fn a_broker_is_held_to_what_was_sent() {
    try_out(
        "pubsub-roundtrip",
        &[
            ("good", settings(""), "healthy", "the mock delivered a message"),
            ("most", settings("messages = 100, payload_bytes = 65536"), "healthy", "the mock delivered 100 messages"),
            ("noisiest", settings("messages = 100, noise = 90"), "healthy", "the mock delivered 100 messages"),
            ("lossy", settings("lose = true"), "unhealthy", "the mock: it did not deliver the message"),
            (
                "brief",
                settings("lose = true, wait = \"100ms\""),
                "unhealthy",
                "the mock: it did not deliver the message",
            ),
            ("corrupt", settings("corrupt = true"), "unhealthy", "the mock: it corrupted a message: it delivered \""),
            ("double", settings("duplicate = true"), "degraded", "the mock: it delivered the message 2 times"),
            ("allowed", settings("duplicate = true, ignore_duplicates = true"), "healthy", "delivered a message"),
            ("slow", settings("delay = \"50ms\", degraded_after = \"10ms\""), "degraded", "more than 10 ms"),
            ("late", settings("delay = \"30s\""), "unhealthy", "no answer within 1.9 s"),
            ("noisy", settings("noise = 500, channel = \"all\""), "healthy", "the mock delivered a message"),
            (
                "drowned",
                settings("noise = 20000, channel = \"all\""),
                "unhealthy",
                "let `channel` be one that others do not use",
            ),
            ("closed", settings("refuse = \"open\""), "unhealthy", "the mock refused to open"),
            ("deaf", settings("refuse = \"subscribe\""), "unhealthy", "the mock refused to subscribe"),
            ("dumb", settings("refuse = \"publish\""), "unhealthy", "the mock refused to publish"),
            ("secretive", settings("refuse = \"examine\""), "unhealthy", "the mock refused to examine"),
            ("lagging", settings("warn = \"its lag is 7 s\""), "degraded", "the mock: its lag is 7 s"),
        ],
    );
}

#[test]
fn a_store_is_held_to_what_was_put() {
    try_out(
        "dht-roundtrip",
        &[
            ("good", settings(""), "healthy", "the mock kept a value and gave it back"),
            ("large", settings("value_bytes = 900, min_nodes = 3, min_copies = 3"), "healthy", "gave it back"),
            ("lossy", settings("lose = true"), "unhealthy", "the mock: it lost a value that 3 nodes had just taken"),
            ("corrupt", settings("corrupt = true"), "unhealthy", "the mock: it corrupted a value: node 3 gave \""),
            ("few", settings("min_nodes = 4"), "degraded", "the mock: 3 nodes took the value, expected 4"),
            ("thin", settings("min_copies = 4"), "degraded", "the mock: 3 nodes gave the value back, expected 4"),
            ("slow", settings("delay = \"50ms\", degraded_after = \"10ms\""), "degraded", "more than 10 ms"),
            ("late", settings("delay = \"30s\""), "unhealthy", "no answer within"),
            ("closed", settings("refuse = \"open\""), "unhealthy", "the mock refused to open"),
            ("full", settings("refuse = \"put\""), "unhealthy", "the mock refused to put"),
            ("mean", settings("refuse = \"get\""), "unhealthy", "the mock refused to get"),
            ("clingy", settings("refuse = \"remove\""), "unhealthy", "the mock refused to remove"),
            ("secretive", settings("refuse = \"examine\""), "unhealthy", "the mock refused to examine"),
            ("lagging", settings("warn = \"its lag is 7 s\""), "degraded", "the mock: its lag is 7 s"),
        ],
    );
}

#[test]
fn a_database_is_held_to_the_answer() {
    let ask = |more: &str| settings(&format!("query = \"how many?\"{more}"));
    try_out(
        "database-ping",
        &[
            ("good", settings(""), "healthy", "the mock answered"),
            ("asked", ask(", answer = \"7\""), "healthy", "the mock answered the query"),
            ("expected", ask(", answer = \"7\", expect = \"7\""), "healthy", "answered the query as expected"),
            (
                "other",
                ask(", answer = \"7\", expect = \"8\""),
                "unhealthy",
                r#"the mock: the query gave "7", expected "8""#,
            ),
            ("corrupt", ask(", answer = \"7\", expect = \"7\", corrupt = true"), "unhealthy", r#"the query gave "8""#),
            ("many", ask(", answer = \"7\", degraded_above = 5"), "degraded", "the query gave 7, more than 5"),
            ("none", ask(", unhealthy_above = 5"), "unhealthy", "the mock: the query gave no value"),
            ("slow", settings("delay = \"50ms\", degraded_after = \"10ms\""), "degraded", "more than 10 ms"),
            ("late", settings("delay = \"30s\""), "unhealthy", "no answer within"),
            ("closed", settings("refuse = \"open\""), "unhealthy", "the mock refused to open"),
            ("dead", settings("refuse = \"ping\""), "unhealthy", "the mock refused to ping"),
            ("mute", ask(", refuse = \"query\""), "unhealthy", "the mock refused to query"),
            ("lagging", settings("warn = \"its lag is 7 s\""), "degraded", "the mock: its lag is 7 s"),
        ],
    );
}

#[test]
fn the_settings_of_both_are_one_object() {
    let home = Home::new(&format!(
        "{BRISK}[[check]]\nname = \"both\"\nprobe = \"mock\"\n\
         settings = {{ messages = 0, refuse = \"everything\" }}\n\
         [[check]]\nname = \"misspelt\"\nprobe = \"mock\"\nsettings = {{ mesages = 7 }}\n"
    ));
    home.drop_in("mock", &composed("pubsub-roundtrip"));
    let ended = home.run(&["validate"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in [
        "/messages: out of range; give 1 to 100",
        "/refuse: unknown variant `everything`",
        "/mesages: unknown field `mesages`, expected one of `lose`, `corrupt`, ",
        "`answer`, `messages`, `payload_bytes`, ",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let shown = home.run(&["inspect", "probes.d/mock.wasm"]);
    for part in ["name     mock-broker", "\"ignore_duplicates\"", "\"refuse\""] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    assert!(!shown.stdout.contains("probity:probe/pubsub"), "{}", shown.stdout);
}

#[test]
fn what_can_not_be_composed_says_why() {
    let (home, files) = home(&["pubsub-roundtrip", "mock-adapter"]);
    let [probe, adapter] = &files[..] else { unreachable!() };
    let out = ["-o", "out.wasm"];
    for (arguments, part) in [
        ([adapter.as_str(), adapter], "the probe imports none of probity:probe/database"),
        ([probe, probe], "the adapter exports none of probity:probe/database"),
        (["nonsense", adapter], "no part of this name; there are database-ping, dht-roundtrip, pubsub-roundtrip"),
        ([probe, "nowhere.wasm"], "can't read nowhere.wasm"),
    ] {
        let ended = home.run(&[&["compose"], &arguments[..], &out].concat());
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let left: Vec<PathBuf> = fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!left.iter().any(|path| path.to_string_lossy().contains("out.wasm")), "{left:?}");
}

#[test]
fn a_part_that_is_dropped_says_what_it_lacks() {
    let home = Home::new(BRISK);
    home.drop_in("half", &part("pubsub-roundtrip"));
    home.drop_in("other-half", &part("mock-adapter"));
    let runner = home.start();
    let needs = runner.wait_for_rejection("half");
    assert!(needs.contains("needs an adapter that exports `probity:probe/pubsub@0.1.0`: `probity compose"), "{needs}");
    let adapter = runner.wait_for_rejection("other-half");
    assert!(adapter.contains("this is an adapter, and a probe only together with one"), "{adapter}");
    runner.stop();
}
