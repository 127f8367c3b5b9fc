//! What a mail server may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "capabilities": ["STARTTLS"] }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<smtp::Smtp>(SETTINGS, said));
