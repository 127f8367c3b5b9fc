//! What Redis may say as a broker.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "password": "hunter2-hunter2", "role": "master" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::pubsub::<redis::Channels>(SETTINGS, said));
