//! What file systems may say of themselves.
#![no_main]

const SETTINGS: &str = r#"{ "paths": ["/", "/var"], "degraded_available": 0.5, "unhealthy_available_bytes": "1GiB", "unhealthy_read_only": true }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<disk::Disk>(SETTINGS, said));
