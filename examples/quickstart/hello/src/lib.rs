//! The smallest probe: it says hello, and what time it is. Its target is the clock, which is always healthy.

use probity_guest::{Attempt, Description, Failure, Probe, Verdict, clock};
use serde::Deserialize;

/// What the operator can configure: `settings = { greeting = "Good day" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "usual")]
    greeting: String,
}

fn usual() -> String {
    "Hello".to_owned()
}

const SCHEMA: &str = r#"{
    "type": "object", "additionalProperties": false,
    "properties": { "greeting": { "type": "string", "default": "Hello" } }
}"#;

/// The probe.
pub struct Hello;

impl Probe for Hello {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("hello", "0.1.0", "Says hello.", SCHEMA)
    }

    fn check(settings: &Settings, _: &mut Attempt) -> Result<Verdict, Failure> {
        let minutes = clock::since_epoch().as_secs() / 60;
        let (hour, minute) = (minutes / 60 % 24, minutes % 60);
        Ok(Verdict::healthy(format!("{}, it is {hour:02}:{minute:02} UTC", settings.greeting)))
    }
}

probity_guest::export!(Hello);
