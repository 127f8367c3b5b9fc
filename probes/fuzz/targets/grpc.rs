//! What a server of gRPC, after its headers may say.
#![no_main]

const SETTINGS: &str = r#"{ "host": "127.0.0.1", "port": 1, "metadata": { "authorization": "hunter2-hunter2" } }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<grpc::Grpc>(SETTINGS, said));
