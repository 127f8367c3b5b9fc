//! What an SSH server may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "host_key": "ssh-ed25519" }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<ssh::Ssh>(SETTINGS, said));
