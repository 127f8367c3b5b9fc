//! `probity inspect`: what a component is, for people and for programs.

use serde_json::{Value, json};

use crate::{
    guest,
    runner::{BRISK, Home},
};

/// A home with a component that says something, one that dials, and none.
fn home() -> Home {
    let home = Home::new(BRISK);
    home.put("healthy.wasm", &guest::saying("all is well"));
    home.put("dials.wasm", &guest::fixture("dials"));
    home.put("traps.wasm", &guest::fixture("traps"));
    home.put("keeps.wasm", &guest::fixture("keeps"));
    home.put("junk.wasm", b"junk");
    home
}

#[track_caller]
fn inspected(home: &Home, arguments: &[&str]) -> Value {
    let ended = home.run(&[&["inspect", "-o", "json"], arguments].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn inspect_says_what_a_component_is() {
    let home = home();
    let ended = home.run(&["inspect", "tcp"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for part in [
        "digest   sha256:",
        "exports  probity:probe/",
        "probity:probe/checker@0.1.0",
        "imports  ",
        "wasi:sockets/tcp@0.2.",
        "name     tcp 0.1.0",
        "interval 30s",
        "timeout  5s",
        "asks for tcp:HOST:PORT",
        "         tls\n",
        "grants   tcp:{host}:{port}",
        "\"degraded_after\"",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in:\n{}", ended.stdout);
    }
    let ended = home.run(&["inspect", "healthy.wasm"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("manifest none"), "{ended:?}");
    assert!(ended.stdout.contains("asks for nothing that takes a grant"), "{ended:?}");
    let ended = home.run(&["inspect", "junk.wasm"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("junk.wasm is not a probe that can run here: this is not WebAssembly"), "{ended:?}");
}

#[test]
fn a_program_is_told_all_that_a_person_is() {
    let home = home();
    let tcp = inspected(&home, &["tcp"]);
    let keys: Vec<_> = tcp.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "probe",
        "digest",
        "size",
        "world",
        "experimental",
        "exports",
        "imports",
        "producers",
        "signature",
        "trusted",
        "distrust",
        "run",
        "manifest",
    ];
    assert_eq!(keys, expected);
    assert_eq!(tcp["world"], json!({ "interface": "probity:probe/checker", "version": "0.1.0" }));
    let dialling: Vec<_> = tcp["imports"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|import| import["grants"] == json!(["tcp:HOST:PORT"]))
        .collect();
    assert_eq!(dialling.len(), 1, "{dialling:?}");
    assert!(dialling[0]["name"].as_str().unwrap().starts_with("wasi:sockets/tcp@0.2."), "{dialling:?}");
    assert!(tcp["producers"]["processed-by"]["wit-component"].is_string(), "{}", tcp["producers"]);
    assert_eq!(tcp["signature"], json!({ "state": "standard" }));
    assert_eq!(tcp["manifest"]["timeout"], json!(5_000_000_000_u64));
    assert_eq!(tcp["manifest"]["grants"], json!(["tcp:{host}:{port}", "tls"]));
    assert_eq!(tcp["manifest"]["settings"]["properties"]["port"]["maximum"], json!(65_535));

    let keeps = inspected(&home, &["keeps.wasm"]);
    assert_eq!(keeps["world"]["interface"], json!("probity:probe/connector"));
    assert_eq!(keeps["manifest"], Value::Null);
}

#[test]
fn a_hook_is_told_of_as_what_it_is() {
    let home = home();
    home.put("pager.wasm", &guest::hook("passes-on", &[]));
    let ended = home.run(&["inspect", "pager.wasm"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for part in [
        "digest   sha256:",
        "world    probity:probe/listener@0.1.0\n",
        "signed   by nobody\n",
        "         probity:probe/log@0.1.0\n",
        "asks for nothing that takes a grant\n",
        "a run    none: it is a hook, which is told of trouble\n",
        "manifest none\n",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in:\n{}", ended.stdout);
    }
    let pager = inspected(&home, &["pager.wasm"]);
    assert_eq!(pager["world"], json!({ "interface": "probity:probe/listener", "version": "0.1.0" }));
    assert_eq!((&pager["run"], &pager["manifest"]), (&Value::Null, &Value::Null));
    // Whatever it is, it must be able to run.
    home.put("loops.wasm", &guest::hook("loops", &[])[..1000]);
    let ended = home.run(&["inspect", "loops.wasm"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
}

#[test]
fn the_fuel_of_a_run_is_that_of_one_or_unknown() {
    let home = home();
    let healthy = inspected(&home, &["healthy.wasm"])["run"].clone();
    assert_eq!(healthy["estimate"], json!("whole"), "{healthy}");
    assert!(healthy["fuel"].as_u64().unwrap() > 0 && healthy["peak_memory"] == json!(65_536), "{healthy}");
    let dials = inspected(&home, &["dials.wasm"])["run"].clone();
    assert_eq!(dials["estimate"], json!("at-least"), "{dials}");
    for (probe, reason) in [("tcp", "invalid-settings: "), ("traps.wasm", "trap: ")] {
        let run = inspected(&home, &[probe])["run"].clone();
        assert_eq!(run["estimate"], json!("unknown"), "{run}");
        assert!(run["reason"].as_str().unwrap().starts_with(reason), "{run}");
    }
}

#[test]
fn a_signature_is_told_of_and_judged_by_a_configuration() {
    let home = home();
    let unsigned = inspected(&home, &["healthy.wasm"]);
    assert_eq!((&unsigned["signature"], &unsigned["trusted"]), (&json!({ "state": "unsigned" }), &Value::Null));

    let ended = home.run(&["keygen", "--no-password"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    home.put("probity.toml", ended.stdout.as_bytes());
    assert_eq!(home.run(&["sign", "healthy.wasm"]).code, Some(0));
    let signed = inspected(&home, &["healthy.wasm", "--config", "probity.toml"]);
    assert_eq!((&signed["signature"]["state"], &signed["trusted"]), (&json!("signed"), &json!(true)));
    assert!(ended.stderr.contains("probity.pub"), "{ended:?}");
    let public = std::fs::read_to_string(home.path("probity.pub")).unwrap();
    assert!(public.contains(signed["signature"]["key"].as_str().unwrap()), "{public}");
    assert!(signed["signature"]["comment"].as_str().unwrap().contains("probe:healthy"), "{signed}");

    // Whoever signed something else signed nothing here.
    home.put("healthy.wasm", &guest::saying("another"));
    let forged = inspected(&home, &["healthy.wasm", "--config", "probity.toml"]);
    assert_eq!((&forged["signature"]["state"], &forged["trusted"]), (&json!("signed"), &json!(false)));
    assert!(forged["distrust"].as_str().unwrap().contains("is not of this file"), "{forged}");
    home.put("healthy.wasm.sig", b"hello");
    assert_eq!(inspected(&home, &["healthy.wasm"])["signature"]["state"], json!("illegible"));
}
