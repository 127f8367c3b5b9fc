//! What etcd may say.
#![no_main]

const SETTINGS: &str = r#"{ "url": "http://127.0.0.1:1", "user": "u", "password": "hunter2-hunter2", "lag_warn": 1, "db_warn": 0.5 }"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::dht::<etcd::Etcd>(SETTINGS, said));
