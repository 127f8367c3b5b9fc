//! What a broker of MQTT 5 may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "user": "u", "password": "hunter2-hunter2", "protocol": "5", "qos": 2 }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::pubsub::<mqtt::Mqtt>(SETTINGS, said));
