//! What a server that is asked to go on over TLS may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "starttls": "mysql" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<tls::Tls>(SETTINGS, said));
