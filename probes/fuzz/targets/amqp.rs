//! What a broker of AMQP may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "user": "u", "password": "hunter2-hunter2", "queues": [{ "name": "q", "unhealthy_messages_above": 1 }] }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::pubsub::<amqp::Amqp>(SETTINGS, said));
