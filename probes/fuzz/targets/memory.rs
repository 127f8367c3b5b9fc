//! What the kernel may say of the memory.
#![no_main]

const SETTINGS: &str =
    r#"{ "degraded_available": 0.5, "unhealthy_available_bytes": "1GiB", "degraded_swap_used": 0.5 }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<memory::Memory>(SETTINGS, said));
