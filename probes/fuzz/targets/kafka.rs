//! What a Kafka broker may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "brokers": 3, "topics": ["t"] }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<kafka::Kafka>(SETTINGS, said));
