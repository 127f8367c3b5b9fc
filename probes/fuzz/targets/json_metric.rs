//! What a server of figures in JSON may say.
#![no_main]

const SETTINGS: &str = r#"{
    "url": "http://127.0.0.1/", "headers": { "authorization": "Bearer hunter2-hunter2" },
    "rules": [
        { "name": "a", "pointer": "/a/0", "unhealthy_above": 1 },
        { "name": "b", "pointer": "/b", "expect": { "!=": 1, "contains": "c", "matches": "^d" } }
    ]
}"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<json_metric::JsonMetric>(SETTINGS, said));
