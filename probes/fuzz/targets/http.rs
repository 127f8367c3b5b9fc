//! What a web server, after its headers may say.
#![no_main]

const SETTINGS: &str = r#"{
    "url": "http://127.0.0.1/", "username": "user", "password": "hunter2-hunter2",
    "expect_header": { "content-type": { "matches": "^a+", "!=": "b" } },
    "expect_body": ["ok", { "matches": "(?i)[a-f]{1,9}x", "not_contains": "no" }], "reject_body": ["no"],
    "expect_json": {
        "": { ">": 1, "contains": "a", "not_matches": "^x" }, "/a": "b", "/a/0/b": { "<": 1 }, "/0/1": { "!=": true },
        "/c~1d": { "exists": false }
    }
}"#;

libfuzzer_sys::fuzz_target!(|said: &[u8]| probity_guest::fuzzing::check::<http::Http>(SETTINGS, said));
