//! What a time server may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<ntp::Ntp>(SETTINGS, said));
