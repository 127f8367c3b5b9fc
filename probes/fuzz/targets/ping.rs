//! What may come back to echo requests.
#![no_main]

const SETTINGS: &str =
    r#"{ "host": "127.0.0.1", "count": 100, "interval": "10ms", "degraded_rtt": "1ms", "unhealthy_rtt": "1s" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<ping::Ping>(SETTINGS, said));
