//! Configurations, as anybody might write them: each is read, or refused with reasons that tell no secret.
#![no_main]

use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};
use probity::config::{Config, Overrides, Surroundings};

/// What `${env:…}` is filled in with.
const SECRET: &str = "hunter2-the-secret";

fuzz_target!(|text: &[u8]| -> Corpus {
    let Ok(text) = str::from_utf8(text) else {
        return Corpus::Reject;
    };
    let overrides = Overrides { data_dir: Some("/nowhere".into()), ..Overrides::default() };
    let surroundings = Surroundings {
        variable: &|name| (name == "SECRET").then(|| SECRET.into()),
        listening: None,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let parse = |text: &str| Config::parse(Path::new("/nowhere/probity.toml"), text, &overrides, surroundings);
    if let Err(report) = parse(text) {
        let report = report.to_string();
        assert!(!report.is_empty(), "refused without a reason");
        assert!(text.contains(SECRET) || !report.contains(SECRET), "a secret is told: {report}");
    }
    Corpus::Keep
});
