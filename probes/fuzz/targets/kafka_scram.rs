//! What a Kafka broker that one logs in to may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "user": "u", "password": "hunter2-hunter2", "mechanism": "scram-sha-256" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<kafka::Kafka>(SETTINGS, said));
