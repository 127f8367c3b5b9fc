//! What a name server may say.
#![no_main]

const SETTINGS: &str = r#"{ "name": "example.com", "server": "127.0.0.1" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<dns::Dns>(SETTINGS, said));
