//! What whoever listens may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "port": 1, "dialogue": [
    { "expect": { "matches": "^2.* hello" } },
    { "send": "hello", "expect": "world", "starttls": true },
    { "send": "bye", "expect": "" }
] }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<tcp::Tcp>(SETTINGS, said));
