//! What a server of metrics may say.
#![no_main]

const SETTINGS: &str = r#"{ "url": "http://127.0.0.1/", "rules": [{ "name": "a", "metric": "b", "labels": { "c": "d" }, "unhealthy_above": 1 }] }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<json_metric::JsonMetric>(SETTINGS, said));
