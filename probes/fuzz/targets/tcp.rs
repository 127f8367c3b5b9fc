//! What whoever listens may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "port": 1, "send": "hello", "expect": "world" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<tcp::Tcp>(SETTINGS, said));
