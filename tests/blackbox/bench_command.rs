//! `probity bench`: what a probe costs.

use serde_json::{Value, json};

use crate::{guest, runner::Home};

#[test]
fn a_probe_is_measured_cold_and_warm() {
    let home = Home::empty();
    let component = guest::saying("all is well");
    home.put("healthy.wasm", &component);
    let ended = home.run(&["bench", "./healthy.wasm", "--runs", "20", "-o", "json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let keys: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["size", "compile", "cold", "warm", "fuel", "peak_memory", "statuses"]);
    assert_eq!((&told["size"], &told["peak_memory"]), (&json!(component.len()), &json!(65_536)));
    let cold = told["cold"]["count"].as_u64().unwrap();
    assert!((1..=5).contains(&cold), "{told}");
    assert_eq!((&told["warm"]["count"], &told["statuses"]), (&json!(20), &json!({ "healthy": 20 + cold })));
    for what in ["compile", "cold", "warm"] {
        let (p50, p99) = (told[what]["p50"].as_u64().unwrap(), told[what]["p99"].as_u64().unwrap());
        assert!(p50 > 0 && p50 <= p99, "{told}");
    }
    // The same work takes the same fuel.
    assert!(told["fuel"]["p50"].as_u64().unwrap() > 0 && told["fuel"]["p50"] == told["fuel"]["most"], "{told}");

    let ended = home.run(&["bench", "./healthy.wasm", "--runs", "3"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for part in ["size  ", "compile  ", "cold run ", "warm run ", "fuel  ", "memory    64 KiB", "runs      "] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in:\n{}", ended.stdout);
    }
}

#[test]
fn a_connection_is_opened_in_a_cold_run_and_kept_in_a_warm_one() {
    let home = Home::empty();
    home.put("keeps.wasm", &guest::fixture("keeps"));
    let ended = home.run(&["bench", "./keeps.wasm", "--runs", "5", "-o", "json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(told["fuel"]["p50"].as_u64() <= told["fuel"]["most"].as_u64(), "{told}");
}

#[test]
fn figures_of_runs_that_all_failed_are_told_to_say_little() {
    let home = Home::empty();
    home.put("traps.wasm", &guest::fixture("traps"));
    let ended = home.run(&["bench", "./traps.wasm", "--runs", "3"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains(" unknown") && ended.stderr.contains("no run came to a verdict"), "{ended:?}");
    assert!(ended.stderr.contains("the probe crashed"), "{ended:?}");
}
