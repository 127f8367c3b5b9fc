//! What a web server, after its headers may say.
#![no_main]

const SETTINGS: &str = r#"{ "url": "http://127.0.0.1/", "expect_body": ["ok"] }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<http::Http>(SETTINGS, said));
