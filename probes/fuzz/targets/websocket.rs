//! What a server of WebSockets may say.
#![no_main]

const SETTINGS: &str = r#"{ "url": "ws://127.0.0.1/" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::connect::<websocket::WebSocket>(SETTINGS, said));
