//! What the kernel may say of the processors.
#![no_main]

const SETTINGS: &str = r#"{ "degraded_iowait": 0.1, "degraded_steal": 0.1, "degraded_throttled": 0.1, "degraded_load": 1, "unhealthy_load": 2 }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<cpu::Processors>(SETTINGS, said));
