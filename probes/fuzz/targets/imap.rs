//! What a mailbox server may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "capabilities": ["IDLE"] }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<imap::Imap>(SETTINGS, said));
