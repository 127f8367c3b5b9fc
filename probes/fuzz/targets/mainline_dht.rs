//! What nodes of the mainline DHT may say.
#![no_main]

const SETTINGS: &str = r#"{ "bootstrap": ["127.0.0.1:1"] }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::dht::<mainline_dht::MainlineDht>(SETTINGS, said));
