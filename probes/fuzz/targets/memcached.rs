//! What memcached may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<memcached::Memcached>(SETTINGS, said));
